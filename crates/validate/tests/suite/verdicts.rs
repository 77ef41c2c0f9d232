//! What is wrong with a value, and how it is told.

use alyx_validate::{Schema, Verdict};
use serde_json::json;

use super::{Patient, compiled, problems};

#[test]
fn formats_are_asserted() {
    let schema = compiled(
        json!({ "mail": { "type": "string", "format": "email" }, "at": { "type": "string", "format": "date-time" } }),
    );
    assert!(problems(&schema, r#"{"mail": "a@example.com", "at": "2026-11-28T10:00:00Z"}"#).is_empty());
    assert_eq!(problems(&schema, r#"{"mail": "nobody", "at": "yesterday"}"#).len(), 2);
}

#[test]
fn paths_name_the_value() {
    let schema = compiled(json!({
        "type": "object", "additionalProperties": false,
        "properties": { "a b": { "properties": { "x/y": { "type": "null" } } }, "list": { "items": { "type": "null" } } },
    }));
    assert_eq!(problems(&schema, r#"{"a b": {"x/y": 1}}"#), [r#"["a b"]["x/y"]: 1 is not of type "null""#]);
    assert_eq!(problems(&schema, r#"{"list": [null, 2]}"#), [r#"list[1]: 2 is not of type "null""#]);
    assert_eq!(problems(&schema, r#"{"other": 1}"#), ["other: is not expected"]);
}

#[test]
fn large_values_are_not_repeated() {
    let schema = compiled(json!({ "type": "integer" }));
    let long = format!("\"{}\"", "x".repeat(5_000));
    assert_eq!(problems(&schema, &long), [r#"the value is not of type "integer""#]);
    let key = "k".repeat(5_000);
    let schema = compiled(json!({ "type": "object", "additionalProperties": false }));
    let told = problems(&schema, &format!("{{\"{key}\": 1}}"));
    assert!(told[0].len() < 1_000, "{}", told[0].len());
}

#[test]
fn ten_problems_are_listed_and_one_of_a_large_value() {
    let schema = compiled(json!({ "type": "array", "items": { "type": "string" } }));
    assert_eq!(problems(&schema, &format!("[{}]", vec!["1"; 500].join(","))).len(), 10);
    assert_eq!(problems(&schema, &format!("[{}]", vec!["1"; 40_000].join(","))).len(), 1);
}

#[test]
fn text_that_is_no_json_is_told_as_such() {
    let schema = compiled(json!({}));
    assert_eq!(problems(&schema, ""), ["there is none"]);
    assert_eq!(problems(&schema, "{\"a\":"), ["not JSON: EOF while parsing a value at line 1 column 5"]);
    assert!(problems(&schema, &format!("{}1{}", "[".repeat(200), "]".repeat(200)))[0].contains("recursion limit"));
}

#[test]
fn memory_is_bounded() {
    let schema = Schema::<Patient>::new(&json!({ "type": "array" })).unwrap();
    let text = format!("[{}0]", "0,".repeat(100_000));
    assert_eq!(schema.check(text.as_bytes(), 1 << 20), Verdict::TooLarge);
    assert_eq!(schema.check(text.as_bytes(), 16 << 20), Verdict::Valid);
}
