#!/bin/sh
# Builds plugin.wasm with clang and lld (Debian: apt-get install clang lld). No libc, no WASI.
set -eu
exec "${CLANG:-clang}" --target=wasm32-unknown-unknown -std=c11 -Os -Wall -Wextra -mbulk-memory -nostdlib -ffreestanding \
    -Wl,--no-entry -Wl,--strip-all src/main.c -o plugin.wasm
