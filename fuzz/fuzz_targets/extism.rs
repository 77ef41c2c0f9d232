//! Calls of Extism's kernel: see `alyx_fuzz::extism`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alyx_fuzz::extism::run(data));
