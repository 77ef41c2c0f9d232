//! Reading and writing JSON with errors that say where: the path of a value, not its line and column.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// SQLSTATE of an input that is not what the function takes.
const INVALID: &str = "22023";
/// SQLSTATE of what the database or another function gave, when it is not what the Rust type says.
const MISMATCH: &str = "42804";

/// What a caller passed. The error's field is the path of the value.
pub(crate) fn read_input<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    // No input at all is what SQL calls NULL.
    let bytes = if bytes.is_empty() { b"null" } else { bytes };
    let problem = match read(bytes) {
        Ok(value) => return Ok(value),
        Err(problem) => problem,
    };
    let error = Error::new(INVALID, format!("input {problem}"));
    Err(if problem.path.is_empty() { error } else { error.field(problem.path) })
}

/// A value that was stored or computed elsewhere: `what` names it.
pub(crate) fn read_value<'a, T: Deserialize<'a>>(what: &str, text: &'a str) -> Result<T, Error> {
    read(text.as_bytes()).map_err(|problem| Error::new(MISMATCH, format!("{what} {problem}")))
}

/// The host's answer.
pub(crate) fn read_answer<T: DeserializeOwned>(function: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::new(MISMATCH, format!("the answer of {function} does not fit: {error}")))
}

/// A request.
pub(crate) fn write(what: &str, value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| unwritable(what, &error))
}

/// What cannot be written as JSON: a map whose keys are no texts, or what a `Serialize` of the author's refuses.
pub(crate) fn unwritable(what: &str, error: &serde_json::Error) -> Error {
    Error::new("38000", format!("{what} cannot be written as JSON: {error}"))
}

/// Why a value does not fit its type.
struct Problem {
    /// Where, as `lines[2].qty`; empty for the whole.
    path: String,
    why: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, why } = self;
        if path.is_empty() {
            write!(f, "does not fit: {why}")
        } else {
            write!(f, "does not fit at {path}: {why}")
        }
    }
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        // "." is the whole, "?" a place that has no name.
        problem(path.trim_end_matches(['.', '?']).to_owned(), error.inner())
    })?;
    reader.end().map_err(|error| problem(String::new(), &error))?;
    Ok(value)
}

fn problem(mut path: String, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    // Line and column of a text that nobody has seen.
    let place = format!(" at line {} column {}", error.line(), error.column());
    let why = text.strip_suffix(&place).unwrap_or(&text).to_owned();
    // A member that is missing has no place of its own: it is where it should be.
    let missing = why.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    if let Some(missing) = missing {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(missing);
    }
    Problem { path, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Line {
        qty: u32,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Order {
        lines: Vec<Line>,
    }

    #[test]
    fn errors_name_the_path() {
        for (input, field, message) in [
            (
                r#"{"lines": [{"qty": 1}, {"qty": "x"}]}"#,
                "lines[1].qty",
                "input does not fit at lines[1].qty: invalid type: string \"x\", expected u32",
            ),
            (r#"{"lines": [{}]}"#, "lines[0].qty", "input does not fit at lines[0].qty: missing field `qty`"),
            (r#"{}"#, "lines", "input does not fit at lines: missing field `lines`"),
            (
                r#"{"lines": [{"qty": -1}]}"#,
                "lines[0].qty",
                "input does not fit at lines[0].qty: invalid value: integer `-1`, expected u32",
            ),
            ("", "", "input does not fit: invalid type: null, expected struct Order"),
            ("{", "", "input does not fit: EOF while parsing an object"),
            ("{\"lines\": []} x", "", "input does not fit: trailing characters"),
        ] {
            let error = read_input::<Order>(input.as_bytes()).unwrap_err();
            assert_eq!((error.code(), error.message()), ("22023", message), "{input}");
            assert_eq!(error.fields().column.as_deref().unwrap_or_default(), field, "{input}");
        }
        assert_eq!(
            read_input::<Order>(br#" {"lines": [{"qty": 4}]} "#).unwrap(),
            Order { lines: vec![Line { qty: 4 }] }
        );
    }
}
