//! The one error of this crate: a sentence and the place in the text it speaks of.
//! It must not know SQLSTATEs or how a caller shows errors (SPEC §7 maps it to 22023).

use std::fmt;

/// Why a manifest was refused, at a place where it is wrong.
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

impl ManifestError {
    /// The same error with a hint, a full sentence.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {})", self.message, self.line, self.column)
    }
}

impl std::error::Error for ManifestError {}

/// A place in the manifest's text, 1-based.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl At {
    /// Where errors about the whole text are shown.
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// An error at this place.
    pub(crate) fn error(self, message: impl Into<String>) -> ManifestError {
        ManifestError { message: message.into(), line: self.line, column: self.column, hint: None }
    }
}

/// Text from the manifest, quoted for a message: without control characters, and short whatever its author wrote.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST_SHOWN: usize = 64;
    let shown: String = text.chars().take(LONGEST_SHOWN).map(|c| if c.is_control() { '?' } else { c }).collect();
    let rest = if text.chars().nth(LONGEST_SHOWN).is_some() { "..." } else { "" };
    format!("\"{shown}{rest}\"")
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn enumeration(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
