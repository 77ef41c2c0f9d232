//! Schemas and values of those who mean harm, or do not know that they do it.

use std::cell::Cell;
use std::time::{Duration, Instant};

use alyx_validate::{Pulse, Schema, Verdict};
use serde_json::{Value, json};

use super::{compiled, problems, refusal};

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// Ends a check after so many beats.
struct Tired;

impl Pulse for Tired {
    fn must_end() -> bool {
        LEFT.with(|left| {
            left.set(left.get().saturating_sub(1));
            left.get() == 0
        })
    }
}

#[test]
fn references_lead_into_the_schema_only() {
    for (reference, said) in [
        ("https://example.com/schema", "itself only"),
        ("file:///etc/passwd", "itself only"),
        ("other.json#/a", "itself only"),
        ("#/$defs/none", "no schema"),
        ("#/enum/0", "no schema"),
        ("#name", "no schema"),
    ] {
        let error = refusal(json!({ "$ref": reference, "enum": [{ "type": "null" }] }));
        assert!(error.contains(said), "{reference}: {error}");
    }
    for keyword in ["$id", "$anchor", "$dynamicAnchor"] {
        let error = refusal(json!({ "type": "object", "properties": { "a": { keyword: "x" } } }));
        assert!(error.contains(keyword), "{error}");
    }
    let error = refusal(json!({ "$schema": "http://json-schema.org/draft-04/schema#" }));
    assert!(error.contains("2020-12"), "{error}");
}

#[test]
fn circles_that_never_reach_into_the_value_are_refused() {
    for schema in [
        json!({ "$ref": "#" }),
        json!({ "allOf": [{ "$ref": "#" }] }),
        json!({ "$ref": "#/$defs/a", "$defs": { "a": { "not": { "$ref": "#/$defs/b" } }, "b": { "if": { "$ref": "#/$defs/a" } } } }),
        json!({ "dependentSchemas": { "x": { "$ref": "#" } } }),
        json!({ "type": "object", "dependencies": { "x": { "$ref": "#" } } }),
        // Nothing leads to it yet.
        json!({ "type": "null", "$defs": { "a": { "$ref": "#/$defs/a" } } }),
    ] {
        let error = refusal(schema.clone());
        assert!(error.contains("never end"), "{schema}: {error}");
    }
    // A tree refers to itself for its branches.
    let tree = compiled(
        json!({ "type": "object", "properties": { "children": { "type": "array", "items": { "$ref": "#" } }, "name": { "type": "string" } } }),
    );
    assert!(problems(&tree, r#"{"children": [{"children": [], "name": "x"}]}"#).is_empty());
    assert_eq!(problems(&tree, r#"{"children": [{"name": 1}]}"#), [r#"children[0].name: 1 is not of type "string""#]);
}

#[test]
fn doubling_references_are_refused() {
    let mut defs = serde_json::Map::new();
    for at in 0..60 {
        let next = format!("#/$defs/d{}", at + 1);
        defs.insert(format!("d{at}"), json!({ "allOf": [{ "$ref": next }, { "$ref": next }] }));
    }
    defs.insert("d60".to_owned(), json!({ "type": "null" }));
    let error = refusal(json!({ "$ref": "#/$defs/d0", "$defs": defs }));
    assert!(error.contains("10000 subschemas"), "{error}");
    let wide: Vec<Value> = (0..10_001).map(|_| json!({ "type": "null" })).collect();
    assert!(refusal(json!({ "anyOf": wide })).contains("10000 subschemas"));
}

/// Everything that could take long, with what makes it so.
fn slow() -> Vec<(Value, String)> {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let wide = |what: &str, times: usize| format!("[{}]", vec![what; times].join(","));
    let reference = json!({ "items": { "$ref": "#" } });
    vec![
        (json!({ "anyOf": [reference, reference] }), deep(100)),
        (json!({ "oneOf": [reference, reference, { "type": "null" }] }), deep(100)),
        (json!({ "allOf": [reference, reference], "unevaluatedItems": { "type": "array" } }), deep(100)),
        (json!({ "items": { "enum": (0..500).collect::<Vec<i32>>() } }), wide("501", 20_000)),
        (json!({ "items": { "pattern": "^(a|aa)+$" } }), wide(&format!("\"{}b\"", "a".repeat(1_000)), 500)),
        (
            json!({ "items": { "anyOf": vec![json!({ "type": "string", "minLength": 9 }); 2_000] } }),
            wide("\"x\"", 5_000),
        ),
        (json!({ "contains": { "contains": { "const": 1 } } }), wide(&wide("0", 500), 500)),
        (
            json!({ "uniqueItems": true }),
            format!("[{}]", (0..200_000).map(|at| at.to_string()).collect::<Vec<_>>().join(",")),
        ),
        (
            json!({ "type": "object", "patternProperties": { "^.*x$": false, "y": {} }, "propertyNames": { "maxLength": 9 } }),
            {
                let members: Vec<String> = (0..20_000).map(|at| format!("\"k{at}\":0")).collect();
                format!("{{{}}}", members.join(","))
            },
        ),
    ]
}

#[test]
fn what_takes_long_can_be_ended_at_any_beat() {
    for (schema, text) in slow() {
        let compiled = Schema::<Tired>::new(&schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
        for beats in [1, 10, 1_000, 5_000] {
            LEFT.set(beats);
            let began = Instant::now();
            let verdict = compiled.check(text.as_bytes(), 1 << 30);
            assert!(LEFT.get() > 0 || verdict == Verdict::Stopped, "{schema} after {beats}: {verdict:?}");
            assert!(began.elapsed() < Duration::from_secs(1), "{schema}: {:?} for {beats} beats", began.elapsed());
        }
        // And it is as good as new.
        LEFT.set(u64::MAX);
        assert_ne!(compiled.check(b"0", 1 << 30), Verdict::Stopped, "{schema}");
    }
}

#[test]
fn beats_come_often_while_a_check_would_take_for_ever() {
    thread_local! {
        static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
        static LONGEST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
        static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    }
    struct Clock;
    impl Pulse for Clock {
        fn must_end() -> bool {
            let now = Instant::now();
            if let Some(last) = LAST.replace(Some(now)) {
                LONGEST.set(LONGEST.get().max(now - last));
            }
            BEGAN.get().is_some_and(|began| now - began > Duration::from_secs(2))
        }
    }
    for (schema, text) in slow() {
        let compiled = Schema::<Clock>::new(&schema).unwrap();
        LAST.set(None);
        LONGEST.set(Duration::ZERO);
        let began = Instant::now();
        BEGAN.set(Some(began));
        compiled.check(text.as_bytes(), 1 << 30);
        assert!(began.elapsed() < Duration::from_secs(4), "{schema}: {:?}", began.elapsed());
        // Loose, for a busy machine: the contract for a cancel is 100 ms.
        assert!(LONGEST.get() < Duration::from_millis(500), "{schema}: {:?} between two beats", LONGEST.get());
    }
}

#[test]
fn patterns_are_bounded_when_they_are_compiled() {
    let began = Instant::now();
    let error = refusal(json!({ "type": "string", "pattern": "((a{1000}){1000}){1000}" }));
    assert!(error.contains("pattern") || error.contains("regex"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn compiling_what_is_small_is_quick() {
    let mut defs = serde_json::Map::new();
    for at in 0..40 {
        let all: Vec<Value> = (0..40)
            .filter(|other| *other != at)
            .map(|other| json!({ "items": { "$ref": format!("#/$defs/d{other}") } }))
            .collect();
        defs.insert(format!("d{at}"), json!({ "anyOf": all, "unevaluatedProperties": false }));
    }
    let began = Instant::now();
    let _ = Schema::<Tired>::new(&json!({ "$ref": "#/$defs/d0", "$defs": defs }));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
