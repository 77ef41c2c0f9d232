#!/usr/bin/env bash
# build.sh OUT.wasm: builds this example with the AssemblyScript of package-lock.json. Node comes as xtask/with-node
# says. Everything fetched stays below $ALYX_TOOLCHAINS.
set -euo pipefail
out=$(realpath -m "${1:?usage: build.sh OUT.wasm}")
here=$(cd "$(dirname "$0")" && pwd)
work=$(realpath -m "${ALYX_TOOLCHAINS:-$here/../../target/toolchains}/assemblyscript")
mkdir -p "$work" "$(dirname "$out")"

# npm ci only when the lock file is new: a second build needs no network.
cp "$here/package.json" "$here/package-lock.json" "$here/audit.ts" "$work/"
cd "$work"
if ! cmp -s package-lock.json installed.json; then
    "$here/../../xtask/with-node" npm ci --loglevel=error --no-audit --no-fund >&2
    cp package-lock.json installed.json
fi
"$here/../../xtask/with-node" npm run --silent build
mv audit.wasm "$out"
