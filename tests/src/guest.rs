//! Guests are text: one file in `tests/guests` per behaviour, assembled when a test asks for it.

use std::path::Path;

/// The module `tests/guests/<name>.wat`.
pub fn guest(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests").join(format!("{name}.wat"));
    wat::parse_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A module written in place, for those that differ in a number.
pub fn assemble(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}
