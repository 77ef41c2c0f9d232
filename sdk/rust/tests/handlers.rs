//! Handlers on this machine, with a host that the tests play: what is asked of it, and what becomes of its answers.

#![allow(clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::cell::Cell;
use std::rc::Rc;

use alyx_functions::testing::{self, Host};
use alyx_functions::{db, handler, http, kv, log, params, Context, Error, Outcome, Trigger};
use serde::Deserialize;
use serde_json::{json, Value};

#[derive(Deserialize)]
struct Order {
    qty: u32,
}

#[handler]
fn order(ctx: Context, order: Order) -> Result<Value, Error> {
    Ok(json!({ "qty": order.qty, "by": ctx.trigger() == Trigger::Http }))
}

#[handler]
fn either(ctx: Context) -> Result<Outcome, Error> {
    Ok(match ctx.row()? {
        Some(row) if row["title"] == "spam" => Outcome::skip(),
        Some(mut row) => {
            row["slug"] = "x".into();
            Outcome::row(row)
        }
        None => Outcome::none(),
    })
}

fn trigger(timing: &str, title: &str) -> Context {
    let new = json!({ "title": title, "slug": null });
    testing::event(json!({ "database": { "op": "INSERT", "timing": timing, "level": "ROW", "new": new } }))
}

#[test]
fn outcomes_become_output() {
    let output = |ctx: Context| testing::output(&ctx, either(ctx.clone())).unwrap();
    assert_eq!(output(trigger("BEFORE", "spam")), Some(json!({ "skip": true })));
    assert_eq!(output(trigger("BEFORE", "a")), Some(json!({ "row": { "slug": "x" } })));
    assert_eq!(output(testing::call(json!({}))), None);
    let ctx = testing::call(Value::Null);
    let unwritable = std::collections::HashMap::from([((1, 2), 3)]);
    let error = testing::output(&ctx, Ok(Outcome::json(unwritable))).unwrap_err();
    assert!(error.message().starts_with("the outcome cannot be written as JSON"), "{error}");
}

#[test]
fn an_input_comes_from_where_the_event_has_it() {
    let input = |event: Value| testing::event(event).input().unwrap();
    let request = |body: &str| json!({ "http": { "method": "POST", "path": "/", "body": body } });
    assert_eq!(input(json!({ "input": { "a": 1 } })), json!({ "a": 1 }));
    assert_eq!(input(request(r#"{"qty": 3}"#)), json!({ "qty": 3 }));
    assert_eq!(input(request("plain text")), json!("plain text"));
    assert_eq!(input(request("")), Value::Null);
    assert_eq!(
        input(json!({ "schedule": { "scheduled_at": "2026-11-28T07:00:00Z", "timezone": "UTC" } })),
        Value::Null
    );
    let ctx = testing::event(request(r#"{"qty": 3}"#));
    assert_eq!(order(ctx.clone(), ctx.input_as().unwrap()).unwrap(), json!({ "qty": 3, "by": true }));
    let error = testing::event(request(r#"{"qty": -3}"#)).input_as::<Order>().map(|order| order.qty).unwrap_err();
    assert_eq!(error.fields().column.as_deref(), Some("qty"));
    let ctx = testing::call_with("no json");
    assert_eq!((ctx.text().unwrap(), ctx.input().unwrap_err().code()), ("no json", "22023"));
}

#[test]
fn transactions_are_ended_as_their_work_ends() {
    let host = Host::new().on("db_query", |_| Ok(json!({ "rows": [], "columns": [], "row_count": 2 })));
    let kept = db::transaction(|| db::execute("DELETE FROM a", params![]));
    assert_eq!(kept.unwrap(), 2);
    let undone = db::transaction(|| -> Result<(), Error> { Err(Error::msg("no")) });
    assert_eq!(undone.unwrap_err().message(), "no");
    let counts = ["db_savepoint", "db_release", "db_rollback"].map(|function| host.calls(function).len());
    assert_eq!(counts, [2, 1, 1]);
}

#[test]
fn failures_have_the_fields_of_the_host() {
    let _host = Host::new().on("db_query", |_| Err(Error::new("23505", "duplicate").constraint("one")));
    let error = db::execute("INSERT INTO a VALUES ($1)", params![1]).unwrap_err();
    assert_eq!((error.code(), error.fields().constraint.as_deref()), ("23505", Some("one")));
    let error = kv::get::<i64>("a").unwrap_err();
    assert_eq!(error.code(), "0A000");
}

#[test]
fn what_cannot_be_written_fails_before_the_host_is_asked() {
    let host = Host::new();
    let unwritable = std::collections::HashMap::from([((1, 2), 3)]);
    let error = db::execute("SELECT $1, $2", params![1, unwritable]).unwrap_err();
    assert!(error.message().starts_with("parameter $2 cannot be written as JSON"), "{error}");
    assert!(host.calls("db_query").is_empty());
}

#[test]
fn cursors_are_fetched_in_batches_and_closed() {
    let left = Rc::new(Cell::new(5_u64));
    let host = Host::new().on("db_query", move |request| {
        let sql = request["sql"].as_str().unwrap_or_default();
        let count = if sql.starts_with("FETCH FORWARD 2") { left.get().min(2) } else { 0 };
        left.set(left.get() - count);
        Ok(json!({ "rows": vec![json!({ "n": 1 }); usize::try_from(count).unwrap()], "columns": ["n"], "row_count": count }))
    });
    let sum: i64 =
        db::cursor::<i64>("SELECT n FROM a", params![]).unwrap().batch(2).sum::<Result<i64, Error>>().unwrap();
    assert_eq!(sum, 5);
    let asked: Vec<String> =
        host.calls("db_query").iter().map(|call| call["sql"].as_str().unwrap()[..5].to_owned()).collect();
    assert_eq!(asked, ["DECLA", "FETCH", "FETCH", "FETCH", "CLOSE"]);
}

#[test]
fn lines_keep_the_order_of_their_fields() {
    let host = Host::new();
    let b = "x";
    log::info!(z = 1, b, "{} lines", 2);
    log::error!("plain");
    assert_eq!(host.calls("log")[0], json!({ "level": "info", "message": "2 lines", "fields": { "z": 1, "b": "x" } }));
    assert_eq!(host.calls("log")[1], json!({ "level": "error", "message": "plain" }));
}

#[test]
fn requests_and_responses_have_bodies_of_both_kinds() {
    let host = Host::new().on("http_fetch", |request| {
        let status = if request["method"] == "POST" { 201 } else { 404 };
        let headers = json!({ "content-type": "text/plain", "set-cookie": ["a=1", "b=2"] });
        Ok(json!({ "status": status, "headers": headers, "body_base64": "/wA=", "url": "https://a.example/", "redirected": false }))
    });
    let sent =
        http::fetch("https://a.example/").method("POST").header("X-A", "1").json(&json!({ "a": 1 })).send().unwrap();
    assert_eq!((sent.status(), sent.bytes(), sent.header("Content-Type")), (201, vec![255, 0], Some("text/plain")));
    assert_eq!(sent.header_values("set-cookie"), ["a=1", "b=2"]);
    let failed = http::fetch("https://a.example/").body(vec![255, 0]).send().unwrap().error_for_status().unwrap_err();
    assert_eq!(failed.message(), "https://a.example/ answered with status 404");
    let calls = host.calls("http_fetch");
    assert_eq!((&calls[0]["body"], &calls[1]["body_base64"]), (&json!("{\"a\":1}"), &json!("/wA=")));
    assert_eq!(calls[0]["headers"], json!({ "content-type": ["application/json"], "x-a": ["1"] }));
}

#[test]
fn claims_are_read_as_a_type() {
    let auth = json!({ "role": "web", "id": "7", "email": null, "claims": { "sub": "7", "tenant": 3 } });
    let ctx = testing::event(json!({ "auth": auth }));
    #[derive(Deserialize)]
    struct Claims {
        tenant: i64,
    }
    assert_eq!(ctx.auth().claims::<Claims>().unwrap().unwrap().tenant, 3);
    assert!(testing::call(json!(1)).auth().claims::<Value>().unwrap().is_none());
}
