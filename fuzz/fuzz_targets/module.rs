//! Bytes that claim to be a module: see `alyx_fuzz::module`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alyx_fuzz::module::run(data));
