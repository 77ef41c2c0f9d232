//! Every part of the kit for Rust, each behind an export of its own, for `tests/system/rust_kit.rs`.

use std::time::Duration;

use alyx_functions::db::{self, Statement};
use alyx_functions::{enqueue, env, handler, http, invoke, kv, log, params};
use alyx_functions::{Bytea, Context, Error, Job, Numeric, Op, Outcome, Timing, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

#[derive(Deserialize, Serialize)]
struct Post {
    title: String,
    slug: Option<String>,
}

/// A row trigger: gives a slug, drops spam, leaves rows with a slug alone. Called, it says what it got.
#[handler]
fn handler(ctx: Context) -> Result<Outcome, Error> {
    let Some(mut post) = ctx.row_as::<Post>()? else { return Ok(Outcome::json(json!({ "input": ctx.input()? }))) };
    if post.title == "spam" {
        return Ok(Outcome::skip());
    }
    if post.slug.is_some() {
        return Ok(Outcome::none());
    }
    post.slug = Some(post.title.to_lowercase().replace(' ', "-"));
    Ok(Outcome::row(post))
}

/// Gives the whole row back as it came, as JSON values, with a slug: nothing but the slug may change.
#[handler]
fn whole_row(ctx: Context) -> Result<Outcome, Error> {
    let Some(mut row) = ctx.row()? else { return Ok(Outcome::none()) };
    row["slug"] = "whole".into();
    Ok(Outcome::row(row))
}

#[derive(Deserialize)]
struct Account {
    balance: Numeric,
}

/// The last digit of a numeric, changed.
#[handler]
fn last_digit(ctx: Context) -> Result<Outcome, Error> {
    let Some(account) = ctx.row_as::<Account>()? else { return Ok(Outcome::none()) };
    let balance: Numeric = account.balance.trim_end_matches('1').to_owned().parse::<Numeric>()?;
    let balance: Numeric = format!("{balance}2").parse()?;
    Ok(Outcome::row(json!({ "balance": balance.as_str() })))
}

/// What a trigger is told, as a message.
#[handler]
fn told(ctx: Context) -> Result<(), Error> {
    let Some(database) = ctx.database() else { return Err(Error::msg("no trigger")) };
    assert_eq!((ctx.trigger(), ctx.attempt(), ctx.id().len()), (Trigger::Database, 1, 36));
    let old = ctx.old()?.map(|row| row["id"].clone());
    let rows = (ctx.rows_as::<Value>()?.len(), ctx.old_rows()?.len());
    let (op, timing) = (ctx.op(), database.timing);
    assert!(op != Some(Op::Truncate) && timing != Some(Timing::InsteadOf));
    log::info!(op = format!("{op:?}"), args = ctx.args(), old, rows, "{}.{}", database.schema, database.table);
    Ok(())
}

#[derive(Deserialize)]
struct Order {
    customer: String,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    product: i64,
    qty: u32,
}

#[derive(Serialize)]
struct Placed {
    customer: String,
    pieces: u32,
    largest: i64,
    role: String,
}

/// A context and an input.
#[handler]
fn place(ctx: Context, order: Order) -> Result<Placed, Error> {
    let pieces = order.lines.iter().map(|line| line.qty).sum();
    let largest = order.lines.iter().map(|line| line.product).max().unwrap_or_default();
    Ok(Placed { customer: order.customer, pieces, largest, role: ctx.auth().role.clone() })
}

/// An input alone, and an error of the standard library by `?`.
#[handler]
fn parse(texts: Vec<String>) -> Result<Vec<i64>, Error> {
    let mut numbers = Vec::new();
    for text in texts {
        numbers.push(text.parse::<i64>()?);
    }
    Ok(numbers)
}

/// Text in, text out.
#[handler]
fn shout(ctx: Context) -> Result<Outcome, Error> {
    Ok(Outcome::text(ctx.text()?.to_uppercase()))
}

/// Bytes in, bytes out.
#[handler]
fn mirror(ctx: Context) -> Result<Outcome, Error> {
    Ok(Outcome::bytes(ctx.bytes().iter().rev().copied().collect::<Vec<u8>>()))
}

/// Rows as structs, tuples, values; parameters of many types.
#[handler]
fn queries() -> Result<Value, Error> {
    #[derive(Deserialize, Serialize)]
    struct Row {
        big: i64,
        exact: Numeric,
        bytes: Bytea,
        none: Option<i64>,
        list: Vec<i32>,
        doc: Value,
    }
    let big = i64::MAX;
    let exact: Numeric = "123456789012345678901234567890.000000001".parse()?;
    let sql = "SELECT $1::int8 AS big, $2::numeric AS exact, $3::bytea AS bytes, $4::int AS none, $5::int[] AS list, $6::jsonb AS doc";
    let values = params![big, exact, Bytea(vec![0, 255]), None::<i64>, [1, 2], json!({"a": [1, "x"]})];
    let row: Row = db::query_one(sql, values)?;
    assert!(row.big == big && row.exact == exact && row.bytes.0 == [0, 255]);
    let pairs: Vec<(i64, String)> = db::query("SELECT g, 'n' || g FROM generate_series(1, $1) g", params![3])?;
    let count: i64 = db::query_one("SELECT count(*) FROM generate_series(1, 10)", params![])?;
    let none: Option<i64> = db::query_opt("SELECT 1 WHERE false", params![])?;
    let several =
        db::query_one::<i64>("SELECT generate_series(1, 2)", params![]).map_err(|error| error.code().to_owned());
    let rows = Statement::new("SELECT 1 AS a, 2 AS b", params![]).run()?;
    Ok(json!({
        "row": row, "pairs": pairs, "count": count, "none": none, "several": several.unwrap_err(),
        "columns": rows.columns(), "row_count": rows.count(),
    }))
}

/// A cursor over many rows, left early and read to its end.
#[handler]
fn cursors() -> Result<(i64, i64), Error> {
    let many = "SELECT generate_series(1, $1)";
    let mut sum = 0;
    for number in db::cursor::<i64>(many, params![1050])? {
        sum += number?;
    }
    let few: i64 = db::cursor::<i64>(many, params![1_000_000])?.batch(7).take(10).sum::<Result<i64, Error>>()?;
    Ok((sum, few))
}

/// Two transactions, of which one is undone; a batch that fails.
#[handler]
fn transactions() -> Result<(u64, String, String), Error> {
    let insert = |id: i64| db::execute("INSERT INTO numbers VALUES ($1)", params![id]);
    let kept = db::transaction(|| Ok(insert(1)? + insert(2)?))?;
    let undone = db::transaction(|| {
        insert(3)?;
        insert(1)?;
        Ok(())
    });
    let statement = |id: i64| Statement::new("INSERT INTO numbers VALUES ($1)", params![id]);
    let failed = db::batch([statement(4), statement(4)]).map(|_| ());
    let counts: Vec<u64> = db::batch([statement(5), statement(6)])?.iter().map(|rows| rows.count()).collect();
    assert_eq!(counts, [1, 1]);
    let code = |result: Result<(), Error>| {
        result.map_err(|error| format!("{} {:?}", error.code(), error.fields().constraint)).unwrap_err()
    };
    Ok((kept, code(undone), code(failed)))
}

#[derive(Deserialize)]
struct Failing {
    how: String,
}

/// The ways to fail.
#[handler]
fn fail(input: Failing) -> Result<Value, Error> {
    let insert = || db::execute("INSERT INTO numbers VALUES (7), (7)", params![]);
    match input.how.as_str() {
        "query" => insert().map(|_| Value::Null),
        "uncaught" => {
            Statement::new("INSERT INTO numbers VALUES (7), (7)", params![]).uncaught().execute().map(Value::from)
        }
        "transaction" => db::transaction(insert).map(Value::from),
        "changed" => insert().map(Value::from).map_err(|error| error.hint("Take another number.")),
        "later" => {
            let failed = insert();
            db::execute("SELECT 1", params![])?;
            failed.map(Value::from)
        }
        "own" => Err(Error::new("OUT_OF_STOCK", "only 2 left").field("qty").with("available", 2).hint("Order fewer.")),
        "sqlstate" => Err(Error::new("P0001", "not today").detail("closed").table("orders").constraint("open")),
        "http" => Err(Error::http(404, "no such post")),
        "panic" => panic!("the answer is {}", 42),
        "index" => Ok(json!(Vec::<i64>::new()[input.how.len()])),
        "unwrap" => Ok(insert().unwrap().into()),
        "retry" => Err(Error::msg("later").retry_after(Duration::from_secs(5))),
        other => Err(Error::msg(other)),
    }
}

/// Keys and values.
#[handler]
fn keys() -> Result<Value, Error> {
    let before: Option<i64> = kv::get("n")?;
    kv::set("n", &i64::MAX)?;
    kv::set_for("list:a", &[1, 2], Duration::from_secs(60))?;
    kv::set("list:b", &[3])?;
    let page = kv::list("list:").limit(1).read::<Vec<i64>>()?;
    let next = kv::list("list:").after(page.entries[0].key.as_str()).read::<Vec<i64>>()?;
    let wrong = kv::get::<String>("n").map_err(|error| error.message().to_owned()).unwrap_err();
    Ok(json!({
        "before": before, "n": kv::get::<i64>("n")?, "first": page.entries[0].value, "expires": page.entries[0].expires_at.is_some(),
        "more": page.more, "next": next.entries[0].key, "deleted": [kv::delete("n")?, kv::delete("n")?], "wrong": wrong,
    }))
}

/// Environment, another function, the web.
#[handler]
fn others(ctx: Context) -> Result<Value, Error> {
    let sum: i64 = invoke("adds", &[1, 2, i64::MAX - 3])?;
    let missing = invoke::<Value>("nobody", &json!({})).map_err(|error| error.code().to_owned()).unwrap_err();
    let refused = http::fetch("https://example.com/").method("POST").json(&[1]).timeout(Duration::from_secs(1)).send();
    let refused = refused.map(|response| response.status()).map_err(|error| error.code().to_owned());
    Ok(json!({
        "env": env("GREETING")?, "same": ctx.env("GREETING")?, "none": env("NONE")?,
        "sum": sum, "missing": missing, "fetch": refused.unwrap_err(), "function": ctx.event().function.name,
    }))
}

#[handler]
fn adds(numbers: Vec<i64>) -> Result<i64, Error> {
    Ok(numbers.iter().sum())
}

/// Jobs, or why there are none.
#[handler]
fn jobs() -> Result<Value, Error> {
    let plain = enqueue("kit", &json!({"n": 1})).map_err(|error| error.code().to_owned());
    let job = Job::new("kit", &json!({"n": 2}))
        .delay(Duration::from_secs(3600))
        .priority(3)
        .ordering_key("k")
        .dedupe_key("d");
    let job = job.enqueue().map_err(|error| error.code().to_owned());
    Ok(json!([plain, job]))
}

/// What a job is told, as a row.
#[handler]
fn note(ctx: Context, input: Value) -> Result<u64, Error> {
    let trigger = format!("{:?} {:?}", ctx.trigger(), ctx.schedule().map(|schedule| &schedule.timezone));
    db::execute("INSERT INTO notes VALUES ($1, $2, $3, $4)", params![ctx.id(), trigger, ctx.attempt(), input])
}

/// Lines of every level.
#[handler]
fn lines() -> Result<(), Error> {
    let (id, title) = (9_007_199_254_740_993_i64, "Hello");
    log::debug!("debug {title}");
    log::info!(id, title = &title[1..], tags = ["a"], "info {}", 1 + 1);
    log::warn!("warn");
    log::error!(id = id, "error",);
    Ok(())
}

/// A scalar function, beside them.
#[no_mangle]
pub extern "C" fn share(part: i64, total: i64) -> i64 {
    alyx_functions::report_panics();
    part * 100 / total
}
