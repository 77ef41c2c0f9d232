//! Compiles a schema, and holds values against it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::document::{self, Unreadable};
use crate::problem::{Problem, SchemaError};
use crate::watched::{Pulse, Stop, Watch, Watched};
use crate::{bounds, shorthand};

/// Most memory of a compiled pattern.
const MAX_PATTERN_BYTES: usize = 1 << 20;
/// Largest text for which all problems are listed; of a larger one the first is told.
const MAX_LISTED_BYTES: usize = 64 << 10;
/// Most problems that are listed.
const MAX_PROBLEMS: usize = 10;

/// A compiled schema, whose checks end when `P` says so.
pub struct Schema<P: Pulse>(Validator<Watched<P>>);

/// What a check found.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It meets the schema.
    Valid,
    /// It does not, for these reasons: at least one, at most ten.
    Invalid(Vec<Problem>),
    /// It takes more memory than it may.
    TooLarge,
    /// The pulse ended the check.
    Stopped,
}

impl<P: Pulse> Schema<P> {
    /// Compiles what a manifest says of `input` or `output`.
    ///
    /// # Errors
    /// It is no JSON Schema of draft 2020-12, refers out of itself, or is too large.
    pub fn new(written: &Value) -> Result<Self, SchemaError> {
        let schema = shorthand::json_schema(written)?;
        match schema.get("$schema").and_then(Value::as_str).map(|uri| uri.trim_end_matches('#')) {
            None | Some("https://json-schema.org/draft/2020-12/schema") => {}
            Some(_) => {
                let message = "must be \"https://json-schema.org/draft/2020-12/schema\", or be left out".to_owned();
                return Err(SchemaError::at("/$schema", message));
            }
        }
        jsonschema::draft202012::meta::validate(&schema).map_err(|error| SchemaError::of(&error))?;
        bounds::check(&schema)?;
        let patterns = PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES);
        let validator = jsonschema::options_for::<Watched<P>>()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(patterns)
            .build(&schema)
            .map_err(|error| SchemaError::of(&error))?;
        Ok(Self(validator))
    }

    /// Holds the value that `text` is against the schema; it may take `max_bytes` of memory.
    pub fn check(&self, text: &[u8], max_bytes: usize) -> Verdict {
        match catch_unwind(AssertUnwindSafe(|| self.look(text, max_bytes))) {
            Ok(verdict) => verdict,
            Err(payload) if payload.is::<Stop>() => Verdict::Stopped,
            Err(payload) => resume_unwind(payload),
        }
    }

    fn look(&self, text: &[u8], max_bytes: usize) -> Verdict {
        let value = match document::read::<P>(text, max_bytes) {
            Ok(value) => value,
            Err(Unreadable::TooLarge) => return Verdict::TooLarge,
            Err(Unreadable::Malformed(why)) => {
                let message = if text.is_empty() { "there is none".to_owned() } else { format!("not JSON: {why}") };
                return Verdict::Invalid(vec![Problem { path: String::new(), message }]);
            }
        };
        if self.0.is_valid(Watch::over(&value)) {
            return Verdict::Valid;
        }
        let problems: Vec<Problem> = if text.len() > MAX_LISTED_BYTES {
            self.0.validate(Watch::over(&value)).err().iter().map(Problem::of).collect()
        } else {
            self.0.iter_errors(Watch::over(&value)).take(MAX_PROBLEMS).map(|error| Problem::of(&error)).collect()
        };
        Verdict::Invalid(problems)
    }
}

impl<P: Pulse> std::fmt::Debug for Schema<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Schema").finish_non_exhaustive()
    }
}
