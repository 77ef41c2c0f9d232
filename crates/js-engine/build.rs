//! Puts the engine that `build.mjs` has made where the crate includes it from, and its hash beside it.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest as _, Sha256};

fn main() {
    println!("cargo::rerun-if-env-changed=ALYX_JS_ENGINE");
    let made = env::var_os("ALYX_JS_ENGINE").map_or_else(
        || Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../target/js-engine/engine.wasm"),
        PathBuf::from,
    );
    println!("cargo::rerun-if-changed={}", made.display());
    if let Err(error) = include(&made) {
        println!(
            "cargo::error=the JavaScript engine is not there ({}: {error}); `cargo xtask setup` builds it, or `node \
             crates/js-engine/build.mjs` where clang and wasi-libc are installed",
            made.display()
        );
    }
}

fn include(made: &Path) -> io::Result<()> {
    let target = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let engine = fs::read(made)?;
    fs::write(target.join("engine.sha256"), Sha256::digest(&engine))?;
    fs::write(target.join("engine.wasm"), engine)
}
