//! Turns a function's manifest (SPEC §4) from YAML text into a checked [`Manifest`].
//!
//! It must not know Postgres, wasm or the file system: text in, value or [`ManifestError`] out, and no input makes it panic.

mod error;
mod field;
mod fields;
mod former;
mod hook;
mod manifest;
mod names;
mod origin;
mod read;
mod units;
mod yaml;

pub use error::ManifestError;
pub use hook::{
    Action, Auth, DatabaseHook, Encoding, Hash, Hook, HttpHook, Level, Method, Missed, Mode, Overlap, ScheduleHook,
    Scheme, Signature, Timing, Verify, WebhookHook,
};
pub use manifest::{
    Backoff, Build, DatabaseAccess, Instances, LogPolicy, Manifest, RateLimit, Retry, RunAs, Runtime, Shape,
    SqlFunction,
};
pub use units::{duration_ms, size_bytes};

/// Longest manifest that is read, in bytes.
pub const MAX_TEXT_BYTES: usize = 256 << 10;

/// Most entries that one list or mapping of a manifest may have; `input` and `output` are bounded by the text alone.
pub const MAX_ENTRIES: usize = 1_000;

/// Reads and checks a manifest. Empty text is [`Manifest::default`].
///
/// # Errors
/// One thing that is wrong with the text, with its place and, where there is one, a hint.
pub fn parse(text: &str) -> Result<Manifest, ManifestError> {
    read::manifest(yaml::parse(text)?)
}
