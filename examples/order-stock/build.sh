#!/usr/bin/env bash
# build.sh OUT.wasm: builds this example.
exec bash "$(dirname "$0")/../typescript.sh" "$(dirname "$0")" "${1:?usage: build.sh OUT.wasm}"
