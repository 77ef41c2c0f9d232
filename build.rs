//! Link options of the extension's shared library, and the version of wasmtime that fn_version() names.

fn main() {
    // `cargo pgrx` reads a section that nothing refers to. Asked for here, and for the shared library alone, so that
    // every build uses the same flags and wasmtime is compiled once.
    println!("cargo::rustc-link-arg-cdylib=-Wl,--no-gc-sections");
    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    let version = lock
        .split_once("name = \"wasmtime\"\nversion = \"")
        .and_then(|(_, rest)| rest.split('"').next())
        .unwrap_or("unknown");
    println!("cargo::rustc-env=ALYX_WASMTIME_VERSION={version}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.lock");
}
