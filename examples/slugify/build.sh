#!/usr/bin/env bash
# build.sh OUT.wasm: builds this example for wasm32-unknown-unknown. A toolchain that has the target is used as it is; else
# Debian's own compiler (rustc-web, from bookworm-security) is unpacked, with the source of std, below $ALYX_TOOLCHAINS.
set -euo pipefail
out=$(realpath -m "${1:?usage: build.sh OUT.wasm}")
here=$(cd "$(dirname "$0")" && pwd)
tools=$(realpath -m "${ALYX_TOOLCHAINS:-$here/../../target/toolchains}")/rust
mkdir -p "$tools" "$(dirname "$out")"
target=wasm32-unknown-unknown
cd "$here"

fetch_debian_toolchain() {
    local debs=$tools/debs std llvm package
    # Security updates bring newer compilers under the same name; std and LLVM go by version, so ask which they are.
    std=$(apt-cache depends libstd-rust-web-dev | sed -n 's/.*Depends: \(libstd-rust-web-[0-9.]*\)$/\1/p')
    llvm=$(apt-cache depends "$std" | sed -n 's/.*Depends: libllvm\([0-9]*\)$/\1/p')
    if [ -z "$std" ] || [ -z "$llvm" ]; then
        echo "no Rust for $target: run 'rustup target add $target', or 'apt-get update' on Debian 12" >&2
        exit 1
    fi
    rm -rf "$debs" "$tools/root" && mkdir -p "$debs" "$tools/root"
    (cd "$debs" && apt-get -qq -o APT::Sandbox::User=root download \
        rustc-web "$std" libstd-rust-web-dev rust-web-src "libllvm$llvm" "lld-$llvm")
    for package in "$debs"/*.deb; do
        # Of the sources only std is needed; the rest of the compiler's tree is 1 GB.
        case $package in
        */rust-web-src_*) dpkg-deb --fsys-tarfile "$package" | tar -x -C "$tools/root" --wildcards './usr/src/*/library/*' './usr/lib/*' ;;
        *) dpkg -x "$package" "$tools/root" ;;
        esac
    done
    ln -sf "../lib/llvm-$llvm/bin/lld" "$tools/root/usr/bin/rust-lld"
    rm -r "$debs"
    touch "$tools/complete"
}

options=()
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
    [ -e "$tools/complete" ] || fetch_debian_toolchain
    root=$tools/root/usr
    # std is built from source, which a released compiler allows only with RUSTC_BOOTSTRAP.
    export RUSTC="$root/bin/rustc" RUSTC_BOOTSTRAP=1 PATH="$root/bin:$PATH"
    export LD_LIBRARY_PATH="$root/lib/x86_64-linux-gnu:$root/lib"
    options=(-Zbuild-std=std,panic_abort)
fi
# Flags meant for the host must not reach the guest.
unset CARGO_ENCODED_RUSTFLAGS
export RUSTFLAGS=
cargo build --quiet --locked --release --target "$target" --target-dir "$tools/target" "${options[@]}"
cp "$tools/target/$target/release/slugify.wasm" "$out"
