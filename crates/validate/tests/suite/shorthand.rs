//! The shorthand of manifests, and what tells it from a JSON Schema.

use alyx_validate::json_schema;
use serde_json::json;

use super::{compiled, problems, refusal};

#[test]
fn properties_with_their_schemas_are_an_object() {
    let written =
        json!({ "order_id": { "type": "integer", "required": true }, "note": { "type": "string", "maxLength": 5 } });
    let schema = compiled(written);
    assert!(problems(&schema, r#"{"order_id": 7}"#).is_empty());
    assert!(problems(&schema, r#"{"order_id": 7, "note": "short", "more": []}"#).is_empty());
    assert_eq!(problems(&schema, "{}"), ["order_id: is required"]);
    assert_eq!(problems(&schema, r#"{"order_id": "7"}"#), [r#"order_id: "7" is not of type "integer""#]);
    assert_eq!(
        problems(&schema, r#"{"order_id": 7, "note": "longer"}"#),
        [r#"note: "longer" is longer than 5 characters"#]
    );
    assert_eq!(problems(&schema, "null"), [r#"null is not of type "object""#]);
}

#[test]
fn it_goes_on_in_nested_objects_and_items() {
    let line = json!({ "type": "object", "properties": { "sku": { "type": "string", "required": true }, "pieces": { "type": "integer" } }, "required": ["pieces"] });
    let schema = compiled(json!({ "lines": { "type": "array", "items": line, "required": true } }));
    assert_eq!(
        problems(&schema, r#"{"lines": [{"sku": "a", "pieces": 1}, {}]}"#),
        ["lines[1].sku: is required", "lines[1].pieces: is required"]
    );
}

#[test]
fn whole_schemas_are_taken_as_they_are() {
    for schema in [
        json!({ "type": "array", "items": { "type": "integer" } }),
        json!({ "$ref": "#/$defs/a", "$defs": { "a": { "type": "null" } } }),
        json!({ "properties": { "title": { "type": "string" } } }),
        json!({ "required": ["title"] }),
        json!({ "anyOf": [{ "type": "null" }] }),
        json!({ "additionalProperties": false }),
        json!({ "uniqueItems": true }),
        json!({ "patternProperties": { "^x": { "type": "string" } } }),
        json!({ "$comment": "anything goes" }),
        json!({ "type": ["string", "null"] }),
    ] {
        assert_eq!(json_schema(&schema).unwrap(), schema);
    }
}

#[test]
fn properties_may_be_named_like_keywords() {
    let schema = compiled(json!({
        "type": { "type": "string", "required": true }, "items": { "type": "array" }, "properties": { "type": "object" },
        "required": { "type": "boolean" },
    }));
    assert!(problems(&schema, r#"{"type": "x", "items": [], "properties": {}, "required": true}"#).is_empty());
    assert_eq!(problems(&schema, r#"{"type": 1, "items": 1, "properties": 1, "required": 1}"#).len(), 4);
}

#[test]
fn an_empty_mapping_wants_an_object() {
    let schema = compiled(json!({}));
    assert!(problems(&schema, "{}").is_empty());
    assert_eq!(problems(&schema, "[]").len(), 1);
}

#[test]
fn mistakes_are_told_with_their_place() {
    assert_eq!(
        refusal(json!({ "note": { "type": "string", "maxlength": 5 } })),
        r#"/note/maxlength is not a keyword of JSON Schema; did you mean "maxLength"?"#
    );
    assert_eq!(refusal(json!({ "note": "string" })), "/note must be a mapping, as in {type: string}");
    let error = refusal(json!({ "note": { "type": "text" } }));
    assert!(error.starts_with("/properties/note/type \"text\" is no type: string, number"), "{error}");
    let error = refusal(json!({ "mail": { "type": "string", "format": "emial" } }));
    assert!(error.starts_with("/mail/format is no format that is known here"), "{error}");
    let error = refusal(json!({ "mail": { "type": "string", "required": "yes" } }));
    assert!(error.starts_with("/mail/required must be true or false"), "{error}");
    let error = refusal(json!({ "note": { "type": "string", "pattern": "(" } }));
    assert!(error.contains("/properties/note/pattern") && error.contains("regex"), "{error}");
    let error = refusal(json!({ "note": { "type": "string", "pattern": "^(?=a)" } }));
    assert!(error.contains("without look-around"), "{error}");
}
