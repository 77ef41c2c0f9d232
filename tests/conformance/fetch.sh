#!/usr/bin/env bash
# fetch.sh DIR: lays the conformance plugins in DIR, unchanged, as published: the crate `extism-pdk` carries prebuilt ones. Cargo
# fetches the packages (and checks them against the registry's checksums); nothing is compiled. Files that are there and right are kept.
set -euo pipefail
dir=$(realpath -m "${1:?usage: fetch.sh DIR}")
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$dir"
cd "$dir"
sha256sum --check --status "$here/plugins.sha256" 2>/dev/null && exit 0

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for version in 1.4.1 1.3.0 1.2.1 1.0.1; do
    # One manifest each: versions that are semver-compatible cannot share a lock file.
    mkdir -p "$scratch/$version/src"
    touch "$scratch/$version/src/lib.rs"
    cat >"$scratch/$version/Cargo.toml" <<MANIFEST
[package]
name = "conformance"
edition = "2021"

[dependencies]
extism-pdk = { version = "=$version", default-features = false }

[workspace]
MANIFEST
    cd "$scratch/$version"
    cargo fetch --quiet
    package=$(cargo metadata --quiet --format-version 1 --offline | grep -o "\"manifest_path\":\"[^\"]*/extism-pdk-$version/Cargo.toml\"" | head -n 1 | cut -d '"' -f 4)
    package=$(dirname "$package")
    find "$package" -name '*.wasm' -not -path '*/target/*' | while read -r file; do
        cp "$file" "$dir/extism-pdk-$version-$(basename "$file")"
    done
done
cd "$dir"
sha256sum --check --quiet "$here/plugins.sha256"
