//! The one error of this crate: a sentence and the place in the text it speaks of.
//! It must not know SQLSTATEs or how a caller shows errors (SPEC §7 maps it to 22023).

use std::fmt;

/// Why a manifest was refused, at the first place where it is wrong.
///
/// `line` and `column` are 1-based; the column counts characters, not bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// Primary message in PostgreSQL's style: lower-case, no full stop, one line.
    pub message: String,
    /// Line of the offending key or value, 1-based.
    pub line: usize,
    /// Column of the offending key or value in characters, 1-based.
    pub column: usize,
    /// A full sentence that says what to write instead, where there is one.
    pub hint: Option<String>,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {})", self.message, self.line, self.column)
    }
}

impl std::error::Error for ManifestError {}
