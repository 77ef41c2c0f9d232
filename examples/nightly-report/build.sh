#!/usr/bin/env bash
# build.sh OUT.wasm: builds this example with clang and lld (Debian: apt-get install clang lld). No libc, no WASI.
set -euo pipefail
out=$(realpath -m "${1:?usage: build.sh OUT.wasm}")
mkdir -p "$(dirname "$out")"
cd "$(dirname "$0")"
"${CLANG:-clang}" --target=wasm32-unknown-unknown -std=c11 -Os -Wall -Wextra -Werror -mbulk-memory -nostdlib -ffreestanding \
    -Wl,--no-entry -Wl,--strip-all report.c -o "$out"
