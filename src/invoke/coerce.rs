//! Values that came as text, in a query or a form, as what the input's schema says they are: `n=5` is the number 5 where a
//! number is wanted. What does not read as such stays text, and the schema says what is wrong with it.

use serde_json::{Map, Number, Value};

/// The values of a query or form under a schema; only the outermost properties can come this way.
pub(super) fn coerce(values: Map<String, Value>, schema: &Value) -> Map<String, Value> {
    let properties = schema.get("properties");
    let wanted = |name: &str| properties.and_then(|properties| properties.get(name));
    values
        .into_iter()
        .map(|(name, value)| {
            let value = match wanted(&name) {
                Some(schema) => under(value, schema),
                None => value,
            };
            (name, value)
        })
        .collect()
}

fn under(value: Value, schema: &Value) -> Value {
    match value {
        Value::Array(all) => {
            let each = schema.get("items").unwrap_or(&Value::Null);
            Value::Array(all.into_iter().map(|value| under(value, each)).collect())
        }
        Value::String(_) if may_be(schema, "array") => {
            let each = schema.get("items").unwrap_or(&Value::Null);
            Value::Array(vec![under(value, each)])
        }
        Value::String(text) => scalar(text, schema),
        other => other,
    }
}

fn scalar(text: String, schema: &Value) -> Value {
    if may_be(schema, "string") {
        return Value::String(text);
    }
    if may_be(schema, "integer") || may_be(schema, "number") {
        if let Ok(number) = text.parse::<i64>() {
            return Value::Number(number.into());
        }
        if let Some(number) = text.parse::<f64>().ok().and_then(Number::from_f64) {
            return Value::Number(number);
        }
    }
    match text.as_str() {
        "true" if may_be(schema, "boolean") => Value::Bool(true),
        "false" if may_be(schema, "boolean") => Value::Bool(false),
        "null" | "" if may_be(schema, "null") => Value::Null,
        _ => Value::String(text),
    }
}

/// Whether `type`, a name or a list of names, has this one.
fn may_be(schema: &Value, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == wanted,
        Some(Value::Array(names)) => names.iter().any(|name| name == wanted),
        _ => false,
    }
}
