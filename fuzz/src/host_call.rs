//! Requests to host functions, as `crates/abi` reads them, beside serde_json's own idea of the same bytes.
//!
//! What must hold: nothing panics; what is read is what the JSON says, to the last digit; what a well-meaning guest
//! writes is accepted; a failure's reply is JSON that says the same.

use std::borrow::Cow;

use alyx_abi::{Batch, Enqueue, Env, ErrorReply, Invoke, Log, Query, Raise, SqlError};
use serde_json::Value;
use serde_json::value::RawValue;

/// Most parameters of a statement.
const MAX_PARAMS: usize = 65_535;

/// Takes the input as a request, and as text that a guest puts into one.
pub fn run(data: &[u8]) {
    request(data);
    if let Ok(text) = std::str::from_utf8(data) {
        well_meant(text);
        reply(text);
    }
}

fn request(data: &[u8]) {
    // What is nested deeper than serde_json goes has no value to compare with; it must be read or refused all the same.
    let value: Option<Value> = serde_json::from_slice(data).ok();
    let member = |name: &str| value.as_ref().and_then(|value| value.get(name));
    if let Ok(query) = serde_json::from_slice::<Query<'_>>(data) {
        assert!(query.params.len() <= MAX_PARAMS);
        if value.is_some() {
            same_query(&query, value.as_ref());
        }
    }
    if let Ok(batch) = serde_json::from_slice::<Batch<'_>>(data)
        && let Some(list) = member("statements").and_then(Value::as_array)
    {
        assert_eq!(batch.statements.len(), list.len());
        batch.statements.iter().zip(list).for_each(|(query, value)| same_query(query, Some(value)));
    }
    if let Ok(invoke) = serde_json::from_slice::<Invoke<'_>>(data)
        && value.is_some()
    {
        same_text(&Some(invoke.name), member("name").or(member("function")));
        same_raw(invoke.input, member("input"));
    }
    if let Ok(enqueue) = serde_json::from_slice::<Enqueue<'_>>(data)
        && value.is_some()
    {
        same_text(&Some(enqueue.name), member("name"));
        same_text(&enqueue.ordering_key, member("ordering_key"));
        same_text(&enqueue.dedupe_key, member("dedupe_key"));
        same_text(&enqueue.run_at, member("run_at"));
        same_raw(enqueue.input, member("input"));
    }
    if let Ok(env) = serde_json::from_slice::<Env<'_>>(data)
        && value.is_some()
    {
        same_text(&Some(env.key), member("key"));
    }
    if let Ok(log) = serde_json::from_slice::<Log<'_>>(data)
        && value.is_some()
    {
        same_text(&log.level, member("level"));
        same_raw(Some(log.message), member("message"));
        same_raw(log.fields, member("fields"));
    }
    if let Ok(raise) = serde_json::from_slice::<Raise>(data)
        && value.is_some()
    {
        same_text(&raise.message.map(Cow::Owned), member("message"));
        same_text(&raise.sqlstate.map(Cow::Owned), member("sqlstate").or(member("code")));
    }
}

/// The request may also be an array: serde reads a struct from its fields in order.
fn same_query(query: &Query<'_>, value: Option<&Value>) {
    let Some(Value::Object(object)) = value else { return };
    same_text(&Some(query.sql.clone()), object.get("sql"));
    let params = object.get("params").and_then(Value::as_array);
    assert_eq!(query.params.len(), params.map_or(0, Vec::len));
    for (raw, value) in query.params.iter().zip(params.into_iter().flatten()) {
        same_raw(Some(raw), Some(value));
    }
}

fn same_text(read: &Option<Cow<'_, str>>, value: Option<&Value>) {
    if value.is_some() {
        assert_eq!(read.as_deref(), value.and_then(Value::as_str));
    }
}

fn same_raw(read: Option<&RawValue>, value: Option<&Value>) {
    let read = read.map(|raw| serde_json::from_str::<Value>(raw.get()).expect("a raw value is JSON"));
    if let Some(value) = value {
        assert_eq!(read.as_ref().unwrap_or(&Value::Null), value);
    }
}

fn well_meant(text: &str) {
    let params = [Value::from(text), Value::from(text.len()), Value::Null];
    let catch = text.len().is_multiple_of(2);
    let request = serde_json::json!({ "sql": text, "params": params, "catch": catch }).to_string();
    let query: Query<'_> = serde_json::from_str(&request).expect("a request of our own");
    assert_eq!((query.sql.as_ref(), query.catch), (text, catch));
    let same = |(value, raw): (&Value, &&RawValue)| serde_json::to_string(value).is_ok_and(|text| text == raw.get());
    assert!(params.iter().zip(&query.params).all(same));
    let batch = format!("{{\"statements\": [{request}, {request}]}}");
    assert_eq!(serde_json::from_str::<Batch<'_>>(&batch).expect("a batch of our own").statements.len(), 2);
    let request = serde_json::json!({ "sqlstate": text, "message": text, "field": text }).to_string();
    let raise: Raise = serde_json::from_str(&request).expect("a request of our own");
    assert!([raise.sqlstate, raise.message, raise.column].iter().all(|field| field.as_deref() == Some(text)));
}

fn reply(text: &str) {
    let error = SqlError {
        code: "38000".to_owned(),
        message: text,
        detail: Some(text),
        hint: None,
        schema: None,
        table: Some(text),
        column: None,
        datatype: None,
        constraint: None,
    };
    let reply = serde_json::to_value(ErrorReply { error }).expect("a reply is JSON");
    assert_eq!(reply["error"]["message"], text);
    assert_eq!(reply["error"]["table"], text);
    assert!(reply["error"].get("hint").is_none());
}
