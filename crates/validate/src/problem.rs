//! What does not fit, in words: where, and why.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;

/// Longest value that a message shows.
const MAX_SHOWN: usize = 80;
/// Longest message, and longest path.
const MAX_MESSAGE: usize = 500;

/// A schema that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// JSON Pointer into the schema, empty for all of it.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

impl SchemaError {
    pub(crate) fn at(pointer: impl Into<String>, message: String) -> Self {
        Self { pointer: pointer.into(), message }
    }

    pub(crate) fn of(error: &ValidationError<'_>) -> Self {
        let pointer = error.instance_path().as_str();
        // "anyOf" of the draft's own schema says nothing to who wrote this one.
        let message = match error.kind() {
            ValidationErrorKind::AnyOf { .. } if pointer.ends_with("/type") => format!(
                "{} is no type: string, number, integer, boolean, object, array, null, or a list of them",
                cut(error.instance().to_string())
            ),
            ValidationErrorKind::Format { format } if format == "regex" => {
                format!(
                    "{} is no pattern: the syntax is that of Rust's regex, without look-around and backreferences",
                    cut(error.instance().to_string())
                )
            }
            _ => shown(error),
        };
        Self::at(cut(pointer.to_owned()), message)
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{} ", self.pointer)?;
        }
        f.write_str(&self.message)
    }
}

/// A value that does not meet its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as in `items[2].sku`; empty for the whole value.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl Problem {
    pub(crate) fn of(error: &ValidationError<'_>) -> Self {
        let path = cut(dotted(error.instance_path().as_str()));
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                Self { path: cut(joined(&path, name)), message: "is required".to_owned() }
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let name = unexpected.first().map(String::as_str).unwrap_or_default();
                Self { path: cut(joined(&path, name)), message: "is not expected".to_owned() }
            }
            ValidationErrorKind::FalseSchema => Self { path, message: "is not allowed".to_owned() },
            _ => Self { path, message: shown(error) },
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// The library's message, with the value where it is short.
fn shown(error: &ValidationError<'_>) -> String {
    let mut short = Shortened { text: String::new(), room: MAX_SHOWN };
    let fits = fmt::write(&mut short, format_args!("{}", error.instance())).is_ok();
    cut(if fits { error.to_string() } else { error.masked_with("the value").to_string() })
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Takes so much text and no more.
struct Shortened {
    text: String,
    room: usize,
}

impl fmt::Write for Shortened {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.room = self.room.checked_sub(part.len()).ok_or(fmt::Error)?;
        self.text.push_str(part);
        Ok(())
    }
}

/// `/items/2/sku` becomes `items[2].sku`.
fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        path = if name.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() {
            format!("{path}[{name}]")
        } else {
            joined(&path, &name)
        };
    }
    path
}

fn joined(path: &str, name: &str) -> String {
    let mut letters = name.chars();
    let is_plain = letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-');
    match (path.is_empty(), is_plain) {
        (true, true) => name.to_owned(),
        (false, true) => format!("{path}.{name}"),
        (_, false) => format!("{path}[{name:?}]"),
    }
}
