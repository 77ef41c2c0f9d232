//! Modules made by wasm-smith: see `alyx_fuzz::smith`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alyx_fuzz::smith::run(data));
