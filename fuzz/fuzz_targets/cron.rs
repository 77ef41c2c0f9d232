//! Schedules: see `alyx_fuzz::cron`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alyx_fuzz::cron::run(data));
