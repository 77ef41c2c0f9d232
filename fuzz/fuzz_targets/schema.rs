//! Schemas and values: see `alyx_fuzz::schema`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alyx_fuzz::schema::run(data));
