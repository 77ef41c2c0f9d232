//! The manifest's shorthand: properties by name, each with its schema and whether it is required.

use serde_json::{Map, Value, json};

use crate::problem::SchemaError;

/// What only a JSON Schema has at its top, also where its value could be the schema of a property.
const MARKS: &[&str] = &[
    "$ref",
    "$defs",
    "definitions",
    "not",
    "if",
    "patternProperties",
    "propertyNames",
    "dependentSchemas",
    "unevaluatedProperties",
];

/// Keywords of a property in the shorthand. In a JSON Schema an unknown keyword means nothing; here it is a mistake.
const KEYWORDS: &[&str] = &[
    "type",
    "required",
    "description",
    "title",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "enum",
    "const",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "items",
    "prefixItems",
    "contains",
    "minContains",
    "maxContains",
    "minItems",
    "maxItems",
    "uniqueItems",
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "contentEncoding",
    "contentMediaType",
    "$comment",
];

/// The JSON Schema that a manifest's `input` or `output` means.
///
/// # Errors
/// A property of the shorthand has a keyword that does not exist, or is no mapping.
pub fn json_schema(written: &Value) -> Result<Value, SchemaError> {
    match written {
        Value::Object(members) if !is_json_schema(members) => object(members, ""),
        other => Ok(other.clone()),
    }
}

/// Whether the author wrote a whole JSON Schema. A property may have any name, also that of a keyword; what tells is
/// that the value is none that a property's schema could be.
fn is_json_schema(members: &Map<String, Value>) -> bool {
    let holds_schemas = |value: &Value| value.as_object().is_some_and(|all| all.values().all(Value::is_object));
    members.iter().any(|(key, value)| {
        let is_keyword = KEYWORDS.contains(&key.as_str()) || key.starts_with('$');
        MARKS.contains(&key.as_str()) || is_keyword && !value.is_object() || key == "properties" && holds_schemas(value)
    })
}

fn object(properties: &Map<String, Value>, path: &str) -> Result<Value, SchemaError> {
    let mut required = Vec::new();
    let mut schemas = Map::new();
    for (name, written) in properties {
        let path = format!("{path}/{name}");
        let Value::Object(members) = written else {
            return Err(SchemaError::at(path, "must be a mapping, as in {type: string}".to_owned()));
        };
        if members.get("required") == Some(&Value::Bool(true)) {
            required.push(Value::from(name.as_str()));
        }
        schemas.insert(name.clone(), property(members, &path)?);
    }
    Ok(json!({ "type": "object", "properties": schemas, "required": required }))
}

fn property(members: &Map<String, Value>, path: &str) -> Result<Value, SchemaError> {
    let mut schema = Map::new();
    for (keyword, value) in members {
        if !KEYWORDS.contains(&keyword.as_str()) {
            let known = KEYWORDS.iter().find(|known| known.eq_ignore_ascii_case(keyword));
            let hint = known.map(|known| format!("; did you mean \"{known}\"?")).unwrap_or_default();
            return Err(SchemaError::at(format!("{path}/{keyword}"), format!("is not a keyword of JSON Schema{hint}")));
        }
        let wrong = |message: &str| Err(SchemaError::at(format!("{path}/{keyword}"), message.to_owned()));
        match (keyword.as_str(), value) {
            ("required", value) if !value.is_boolean() && !value.is_array() => {
                return wrong("must be true or false, or a list of a nested object's properties");
            }
            ("format", Value::String(name)) if !is_format(name) => {
                return wrong("is no format that is known here, such as email, date-time, date, uuid, uri, ipv4");
            }
            // It went to the object that this is a property of.
            ("required", Value::Bool(_)) => {}
            // The shorthand goes on below, so that a nested property may be required, too.
            ("properties", Value::Object(nested)) => {
                let Value::Object(nested) = object(nested, &format!("{path}/properties"))? else { continue };
                for (key, value) in nested {
                    merge(&mut schema, &key, value);
                }
            }
            ("required", Value::Array(_)) => merge(&mut schema, keyword, value.clone()),
            ("items", Value::Object(nested)) => {
                schema.insert(keyword.clone(), property(nested, &format!("{path}/items"))?);
            }
            _ => {
                schema.insert(keyword.clone(), value.clone());
            }
        }
    }
    Ok(Value::Object(schema))
}

/// A JSON Schema may name any format and means nothing by one that nobody knows; here that is a mistake.
fn is_format(name: &str) -> bool {
    jsonschema::options().is_known_format(jsonschema::Draft::Draft202012, name)
}

/// What the author wrote stands; lists of required properties are put together.
fn merge(schema: &mut Map<String, Value>, key: &str, value: Value) {
    match (schema.get_mut(key), value) {
        (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
        (Some(_), _) => {}
        (None, value) => drop(schema.insert(key.to_owned(), value)),
    }
}
