#!/usr/bin/env bash
# build.sh OUT.wasm: builds this example for wasm32-unknown-unknown. Where rustup has the target, this is all it takes:
#   cargo build --release --target wasm32-unknown-unknown
set -euo pipefail
out=$(realpath -m "${1:?usage: build.sh OUT.wasm}")
cd "$(dirname "$0")"
mkdir -p "$(dirname "$out")"
exec ../../xtask/with-rust-guest bash -c '
    cargo build --quiet --locked --release --target wasm32-unknown-unknown
    cp "$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/slugify.wasm" "$1"' - "$out"
