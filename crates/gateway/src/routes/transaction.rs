//! A transaction of the caller's for what is plain SQL: `alyx._http_assume`, one statement, commit.

use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::functions::client;
use crate::caller::Caller;
use crate::database::{Database, Lease};
use crate::gateway::Gateway;
use crate::message::Message;
use crate::problem::{Problem, Result};

const ASSUME: &str = "SELECT alyx._http_assume($1)";

/// What the database is told (src/api/http/caller.rs reads it).
#[derive(Serialize)]
struct Assumed<'a> {
    caller: &'a Caller,
    message: &'a Message,
}

pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A text parameter, or NULL.
pub(super) fn text<'a>(value: &'a (impl ToSql + Sync)) -> Parameter<'a> {
    (value, Type::TEXT)
}

/// Runs one statement, which is its own transaction, with what is asked and the body that came with it.
pub(super) async fn ask_once(
    gateway: &Gateway,
    database: &Database,
    sql: &str,
    asked: &impl Serialize,
    body: &[u8],
) -> Result<Result<Row, tokio_postgres::Error>> {
    let asked = serde_json::to_string(asked).map_err(|error| Problem::bad_request(error.to_string()))?;
    let mut lease = database.lease().await?;
    let parameters: [Parameter<'_>; 2] = [text(&asked), (&body, Type::BYTEA)];
    let running = lease.query(sql, &parameters);
    let rows = tokio::time::timeout(gateway.settings.request_timeout, running).await.map_err(|_| too_slow())??;
    match rows.map(|rows| rows.into_iter().next()) {
        Ok(Some(row)) => Ok(Ok(row)),
        Ok(None) => Err(unreadable()),
        Err(error) => Ok(Err(error)),
    }
}

fn too_slow() -> Problem {
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "the database took too long")
}

/// The database has another release of the extension, or is none of ours.
pub(super) fn unreadable() -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, "the database's answer cannot be read")
}

/// Runs one statement as whoever the request's token names, and commits.
pub(super) async fn ask(gateway: &Gateway, parts: &Parts, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
    let caller = somebody(gateway, parts).await?;
    ask_as(gateway, &gateway.database, &caller, parts, sql, parameters).await
}

/// Whoever the request's token names; nobody in particular is sent away.
pub(super) async fn somebody(gateway: &Gateway, parts: &Parts) -> Result<Caller> {
    let caller = Caller::known(gateway, &parts.headers).await?;
    match caller.is_known() {
        true => Ok(caller),
        false => Err(Problem::new(StatusCode::UNAUTHORIZED, "a token is needed")),
    }
}

/// The same as a caller that is known already.
pub(super) async fn ask_as(
    gateway: &Gateway,
    database: &Database,
    caller: &Caller,
    parts: &Parts,
    sql: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Row>> {
    let _visit = gateway.visit(|| client(caller, parts))?;
    let message = Message::of(parts, caller.is_known());
    let assumed = serde_json::to_string(&Assumed { caller, message: &message })
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    let mut lease = database.lease().await?;
    let running = run(&mut lease, &assumed, sql, parameters, !caller.is_known());
    tokio::time::timeout(gateway.settings.request_timeout, running).await.map_err(|_| too_slow())?
}

async fn run(
    lease: &mut Lease,
    assumed: &str,
    sql: &str,
    parameters: &[Parameter<'_>],
    is_anonymous: bool,
) -> Result<Vec<Row>> {
    let open = lease.begins();
    let told = |error| Problem::of_database(&error, is_anonymous);
    // One after the other: a statement that runs although the one before has failed would run as the gateway itself.
    open.lease.run("BEGIN").await?.map_err(told)?;
    let asked = match open.lease.query(ASSUME, &[(&assumed, Type::TEXT)]).await? {
        Ok(_) => open.lease.query(sql, parameters).await?,
        Err(error) => Err(error),
    };
    let ended = match asked {
        Ok(rows) => open.lease.run("COMMIT").await?.map(|()| rows),
        Err(error) => {
            let _ = open.lease.run("ROLLBACK").await?;
            Err(error)
        }
    };
    open.end();
    ended.map_err(told)
}

/// The rows of a statement that gives one column of JSON text.
pub(super) fn items(rows: &[Row]) -> Vec<Value> {
    let text = |row: &Row| row.try_get::<_, Option<String>>(0).ok().flatten();
    rows.iter().filter_map(text).filter_map(|text| serde_json::from_str(&text).ok()).collect()
}

/// The one value of a statement that gives one column of JSON text; null when there is none.
pub(super) fn value(rows: &[Row]) -> Value {
    items(rows).into_iter().next().unwrap_or(Value::Null)
}
