//! Outbound HTTP: see `alyx_fuzz::fetch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alyx_fuzz::fetch::run(data));
