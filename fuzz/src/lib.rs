//! What the fuzz targets do with an input, apart from libFuzzer.
//!
//! Each target is a function `run(&[u8])` that panics when something is wrong. The programs in `fuzz_targets` hand it
//! what libFuzzer makes up; `tests/seeds.rs` hands it the committed seeds in every test run. It knows no Postgres: what
//! needs a server cannot be reached from here (docs/fuzzing.md says what that is).
#![allow(clippy::missing_panics_doc, reason = "to panic is how a target reports")]

pub mod cron;
pub mod extism;
pub mod fetch;
pub mod host_call;
pub mod manifest;
pub mod module;
pub mod schema;
pub mod smith;

mod bytes;
mod double;
mod functions;
mod generator;

/// A target under its name, which is also the name of its program and of its folder of seeds.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 8] = [
    ("cron", cron::run),
    ("extism", extism::run),
    ("fetch", fetch::run),
    ("host_call", host_call::run),
    ("manifest", manifest::run),
    ("module", module::run),
    ("schema", schema::run),
    ("smith", smith::run),
];
