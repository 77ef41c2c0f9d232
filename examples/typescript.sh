#!/usr/bin/env bash
# typescript.sh FOLDER OUT.wasm: builds an example in TypeScript with the npm package of this repository (sdk/js), which is
# installed first where it is not. Node comes from PATH, or as xtask/with-node says.
set -euo pipefail
folder=$(realpath "${1:?usage: typescript.sh FOLDER OUT.wasm}")
out=$(realpath -m "${2:?usage: typescript.sh FOLDER OUT.wasm}")
here=$(cd "$(dirname "$0")" && pwd)
node=("$here/../xtask/with-node")

# npm ci only when a lock file is new: a second build needs no network.
install() {
    if ! cmp -s "$1/package-lock.json" "$1/node_modules/.installed-lock.json"; then
        "${node[@]}" npm ci --loglevel=error --no-audit --no-fund --prefix "$1" >&2
        cp "$1/package-lock.json" "$1/node_modules/.installed-lock.json"
    fi
}
install "$here/../sdk/js"
install "$folder"
cd "$folder"
mkdir -p "$(dirname "$out")"
"${node[@]}" npm run --silent build -- --out "$out"
