//! What is accepted, what is refused, in which words, and that no schema or value holds up whoever checks.
#![allow(clippy::panic, reason = "a test panics to fail")]

mod hostile;
mod shorthand;
mod verdicts;

use alyx_validate::{Problem, Pulse, Schema, Verdict};
use serde_json::Value;

/// Never ends a check.
struct Patient;

impl Pulse for Patient {
    fn must_end() -> bool {
        false
    }
}

fn compiled(yaml_like: Value) -> Schema<Patient> {
    Schema::new(&yaml_like).unwrap_or_else(|error| panic!("{error}"))
}

/// What is wrong with a value, each problem as it is told.
fn problems(schema: &Schema<Patient>, value: &str) -> Vec<String> {
    match schema.check(value.as_bytes(), 16 << 20) {
        Verdict::Valid => Vec::new(),
        Verdict::Invalid(problems) => problems.iter().map(Problem::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

fn refusal(written: Value) -> String {
    match Schema::<Patient>::new(&written) {
        Ok(_) => panic!("accepted: {written}"),
        Err(error) => error.to_string(),
    }
}
