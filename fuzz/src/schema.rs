//! Schemas of manifests, and values held against them: the first line is the schema, the rest the value.
//!
//! What must hold: compiling ends; a check ends or comes past its pulse, which ends it; a refusal is short and says
//! something; the same value gets the same verdict again, also after a check that was ended.

use std::cell::Cell;

use alyx_validate::{Pulse, Schema, Verdict};

/// Beats that a check is given: what one takes to be ended by, not what a good one needs.
const BEATS: u64 = 20_000;
const MEMORY_BYTES: usize = 1 << 20;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

struct Counted;

impl Pulse for Counted {
    fn must_end() -> bool {
        LEFT.with(|left| {
            left.set(left.get().saturating_sub(1));
            left.get() == 0
        })
    }
}

/// Takes the input as a schema and a value.
pub fn run(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (Some(schema), Some(value)) = (parts.next(), parts.next()) else { return };
    // A manifest's is a mapping.
    let Ok(schema @ serde_json::Value::Object(_)) = serde_json::from_slice(schema) else { return };
    match Schema::<Counted>::new(&schema) {
        Err(error) => assert!(!error.message.is_empty() && error.to_string().len() < 1_200, "{error}"),
        Ok(schema) => {
            LEFT.set(10);
            schema.check(value, MEMORY_BYTES);
            let verdict = check(&schema, value);
            assert_eq!(verdict, check(&schema, value));
            if let Verdict::Invalid(problems) = verdict {
                assert!((1..=10).contains(&problems.len()), "{problems:?}");
                for problem in problems {
                    assert!(!problem.message.is_empty() && problem.to_string().len() < 1_200, "{problem:?}");
                }
            }
        }
    }
}

fn check(schema: &Schema<Counted>, value: &[u8]) -> Verdict {
    LEFT.set(BEATS);
    schema.check(value, MEMORY_BYTES)
}
