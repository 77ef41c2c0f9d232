//! Requests to host functions: see `alyx_fuzz::host_call`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alyx_fuzz::host_call::run(data));
