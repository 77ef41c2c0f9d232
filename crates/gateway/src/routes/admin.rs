//! `/admin/v1`: functions, versions, invocations, logs, jobs, schedules and figures, as the token's role sees them.
//!
//! Each is one statement over a view or function of the extension, which decides what the role may see and do.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_postgres::types::Type;

use super::functions::address;
use super::transaction::{Parameter, ask, items, text, value};
use crate::gateway::Gateway;
use crate::problem::{Problem, Result};

/// Most characters of a filter, more than any name has.
const LONGEST_TEXT: usize = 255;

type Reply = Result<Json<Value>>;
type Shared = State<Arc<Gateway>>;

/// What a list may be asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    function: Option<String>,
    status: Option<String>,
    trigger: Option<String>,
    level: Option<String>,
    before: Option<String>,
    after: Option<String>,
    since: Option<String>,
    limit: Option<i64>,
}

impl Filter {
    fn of(parts: &Parts) -> Result<Self> {
        let wrong = |error: axum::extract::rejection::QueryRejection| {
            Problem::bad_request(format!("the query is not understood: {error}"))
                .hint("Filters are function, status, trigger, level, before, after, since and limit.")
        };
        let Query(mut filter) = Query::<Self>::try_from_uri(&parts.uri).map_err(wrong)?;
        let texts = [&filter.function, &filter.status, &filter.trigger, &filter.level, &filter.after];
        if texts.into_iter().flatten().any(|text| text.chars().count() > LONGEST_TEXT || text.contains('\0')) {
            return Err(Problem::bad_request(format!(
                "a filter has at most {LONGEST_TEXT} characters, and no zero byte"
            )));
        }
        filter.before = filter.before.as_deref().map(time).transpose()?;
        filter.since = filter.since.as_deref().map(time).transpose()?;
        Ok(filter)
    }

    fn limit(&self, usual: i64, most: i64) -> Result<i64> {
        match self.limit {
            None => Ok(usual),
            Some(limit) if (1..=most).contains(&limit) => Ok(limit),
            Some(_) => Err(Problem::bad_request(format!("limit must be 1 to {most}"))),
        }
    }
}

/// A time of RFC 3339 as PostgreSQL reads all of them.
fn time(text: &str) -> Result<String> {
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        Problem::bad_request(format!("{text:?} is no time")).hint("Write it as in 2026-11-28T12:00:00Z.")
    })?;
    // The first year that PostgreSQL writes without "BC".
    let first = "0001-01-01T00:00:00Z".parse().unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    Ok(if time < first { "-infinity".to_owned() } else { time.to_string() })
}

/// The rows of a statement as JSON objects.
async fn list(gateway: &Gateway, parts: &Parts, sql: &str, parameters: &[Parameter<'_>]) -> Reply {
    let sql = format!("SELECT pg_catalog.to_jsonb(t)::text FROM ({sql}) t");
    let rows = ask(gateway, parts, &sql, parameters).await?;
    Ok(Json(json!({ "items": items(&rows) })))
}

async fn act(gateway: &Gateway, parts: &Parts, sql: &str, parameters: &[Parameter<'_>]) -> Result<Value> {
    ask(gateway, parts, sql, parameters).await.map(|rows| value(&rows))
}

/// What a small body says; nothing when there is none.
async fn said<T: for<'de> Deserialize<'de> + Default>(
    parts: &Parts,
    gateway: &Gateway,
    body: axum::body::Body,
) -> Result<T> {
    const MOST: usize = 64 << 10;
    let body = crate::message::read(gateway, parts, body, MOST, || address(parts)).await?;
    if body.bytes.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&body.bytes)
        .map_err(|error| Problem::bad_request(format!("the body is not understood: {error}")))
}

pub(super) async fn me(State(gateway): Shared, parts: Parts) -> Reply {
    let sql =
        "SELECT pg_catalog.jsonb_build_object('role', current_user, 'database', pg_catalog.current_database())::text,
                      alyx._version()::text";
    let rows = ask(&gateway, &parts, sql, &[]).await?;
    let mut me = value(&rows);
    let version = rows.first().and_then(|row| row.try_get::<_, String>(1).ok());
    let version = version.and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok());
    if let (Some(me), Some(version)) = (me.as_object_mut(), version) {
        me.extend(version);
    }
    Ok(Json(me))
}

pub(super) async fn functions(State(gateway): Shared, parts: Parts) -> Reply {
    let filter = Filter::of(&parts)?;
    let limit = filter.limit(1000, 1000)?;
    let sql = "SELECT f.name, f.owner::text, f.version, f.schema, f.sha256, f.export, f.module_bytes, f.paused,
                      f.deployed_by::text, f.deployed_at, f.manifest,
                      COALESCE((SELECT pg_catalog.jsonb_agg(h.definition ORDER BY h.position)
                                FROM alyx.hooks h WHERE h.function = f.name), '[]') AS hooks
               FROM alyx.functions f
               WHERE ($1 IS NULL OR f.name > $1) AND ($2 IS NULL OR f.name = $2)
               ORDER BY f.name LIMIT $3";
    let parameters = [text(&filter.after), text(&filter.function), (&limit, Type::INT8)];
    let Json(mut listed) = list(&gateway, &parts, sql, &parameters).await?;
    for item in listed.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(item) = item.as_object_mut() else { continue };
        let manifest = item.remove("manifest");
        let manifest = manifest.as_ref().and_then(Value::as_str).and_then(|text| alyx_manifest::parse(text).ok());
        item.insert("description".to_owned(), json!(manifest.and_then(|manifest| manifest.description)));
    }
    Ok(Json(listed))
}

pub(super) async fn versions(State(gateway): Shared, Path(name): Path<String>, parts: Parts) -> Reply {
    ask(&gateway, &parts, "SELECT alyx._owned($1)", &[text(&name)]).await?;
    let sql = "SELECT v.version, v.is_current, v.sha256, v.export, v.manifest, v.deployed_by::text, v.deployed_at
               FROM alyx.versions v WHERE v.function = $1 ORDER BY v.version DESC LIMIT 500";
    list(&gateway, &parts, sql, &[text(&name)]).await
}

pub(super) async fn rollback(
    State(gateway): Shared,
    Path(name): Path<String>,
    parts: Parts,
    body: axum::body::Body,
) -> Reply {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        version: Option<serde_json::Number>,
    }
    let wanted: Wanted = said(&parts, &gateway, body).await?;
    let version = wanted.version.map(|version| whole(&version)).transpose()?;
    let parameters = [text(&name), (&version as _, Type::INT4)];
    act(&gateway, &parts, "SELECT alyx._rollback($1, $2)::text", &parameters).await.map(Json)
}

/// A number of a version; to JSON, 3.0 is one too.
fn whole(number: &serde_json::Number) -> Result<i32> {
    #[allow(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
    let of_float = |float: f64| (float.fract() == 0.0 && float.abs() <= f64::from(i32::MAX)).then_some(float as i64);
    let whole = number.as_i64().or_else(|| number.as_f64().and_then(of_float));
    whole
        .and_then(|whole| i32::try_from(whole).ok())
        .ok_or_else(|| Problem::bad_request("version must be a whole number"))
}

pub(super) async fn drop_function(State(gateway): Shared, Path(name): Path<String>, parts: Parts) -> Reply {
    let cascade = parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "cascade=true"));
    act(&gateway, &parts, "SELECT alyx._drop($1, $2)::text", &[text(&name), (&cascade, Type::BOOL)]).await?;
    Ok(Json(json!({ "dropped": true })))
}

pub(super) async fn pause(gateway: Shared, name: Path<String>, parts: Parts) -> Reply {
    set_paused(gateway, name, parts, true).await
}

pub(super) async fn resume(gateway: Shared, name: Path<String>, parts: Parts) -> Reply {
    set_paused(gateway, name, parts, false).await
}

async fn set_paused(State(gateway): Shared, Path(name): Path<String>, parts: Parts, is_paused: bool) -> Reply {
    act(&gateway, &parts, "SELECT alyx._pause($1, $2)::text", &[text(&name), (&is_paused, Type::BOOL)]).await?;
    Ok(Json(json!({ "paused": is_paused })))
}

/// What `alyx._job` counts.
async fn job(gateway: &Gateway, parts: &Parts, action: &str, job: &str, since: &str) -> Result<u64> {
    let parameters = [text(&action), text(&job), text(&since)];
    let done = act(gateway, parts, "SELECT alyx._job($1, $2, $3)::text", &parameters).await?;
    Ok(done.get("count").and_then(Value::as_u64).unwrap_or(0))
}

/// The id of a job, and not the name of a function, which `alyx._job` would take as well.
fn job_id(id: &str) -> Result<()> {
    uuid::Uuid::try_parse(id).map(drop).map_err(|_| Problem::new(StatusCode::NOT_FOUND, "there is no such job"))
}

fn found(count: u64) -> Result<()> {
    if count > 0 { Ok(()) } else { Err(Problem::new(StatusCode::NOT_FOUND, "there is no such job")) }
}

pub(super) async fn replay_function(
    State(gateway): Shared,
    Path(name): Path<String>,
    parts: Parts,
    body: axum::body::Body,
) -> Reply {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        since: Option<String>,
    }
    let wanted: Wanted = said(&parts, &gateway, body).await?;
    let since = wanted.since.as_deref().map(time).transpose()?.unwrap_or_else(|| "-infinity".to_owned());
    // By the owner's check of _owned: a function may have the name of a job.
    ask(&gateway, &parts, "SELECT alyx._owned($1)", &[text(&name)]).await?;
    Ok(Json(json!({ "replayed": job(&gateway, &parts, "replay", &name, &since).await? })))
}

pub(super) async fn cancel_job(State(gateway): Shared, Path(id): Path<String>, parts: Parts) -> Reply {
    job_id(&id)?;
    found(job(&gateway, &parts, "cancel", &id, "").await?)?;
    Ok(Json(json!({ "canceled": true })))
}

pub(super) async fn replay_job(State(gateway): Shared, Path(id): Path<String>, parts: Parts) -> Reply {
    job_id(&id)?;
    let count = job(&gateway, &parts, "replay", &id, "-infinity").await?;
    found(count)?;
    Ok(Json(json!({ "replayed": count })))
}

pub(super) async fn discard_job(State(gateway): Shared, Path(id): Path<String>, parts: Parts) -> Reply {
    job_id(&id)?;
    found(job(&gateway, &parts, "discard", &id, "").await?)?;
    Ok(Json(json!({ "discarded": true })))
}

const INVOCATION: &str =
    "i.id, i.function, i.version, i.export, i.trigger, i.role::text, i.status, i.sqlstate, i.error,
    i.duration_ms, i.peak_memory_bytes, i.host_calls, i.rows, i.attempt, i.started_at";

pub(super) async fn invocations(State(gateway): Shared, parts: Parts) -> Reply {
    let filter = Filter::of(&parts)?;
    let limit = filter.limit(50, 500)?;
    let sql = format!(
        "SELECT {INVOCATION} FROM alyx.invocations i
         WHERE ($1 IS NULL OR i.function = $1) AND ($2 IS NULL OR i.status = $2) AND ($3 IS NULL OR i.trigger = $3)
           AND ($4 IS NULL OR i.started_at < $4::timestamptz)
         ORDER BY i.started_at DESC LIMIT $5"
    );
    let parameters = [
        text(&filter.function),
        text(&filter.status),
        text(&filter.trigger),
        text(&filter.before),
        (&limit, Type::INT8),
    ];
    list(&gateway, &parts, &sql, &parameters).await
}

pub(super) async fn invocation(State(gateway): Shared, Path(id): Path<String>, parts: Parts) -> Reply {
    let none = || Problem::new(StatusCode::NOT_FOUND, "there is no record of this invocation");
    uuid::Uuid::try_parse(&id).map_err(|_| none())?;
    let sql = format!(
        "SELECT pg_catalog.jsonb_build_object(
             'attempts', (SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(a) ORDER BY a.attempt) FROM (
                 SELECT {INVOCATION},
                        (SELECT p.message FROM alyx.payloads p WHERE p.invocation = i.id AND p.attempt = i.attempt AND p.kind = 'input' LIMIT 1) AS input,
                        (SELECT p.message FROM alyx.payloads p WHERE p.invocation = i.id AND p.attempt = i.attempt AND p.kind = 'output' LIMIT 1) AS output
                 FROM alyx.invocations i WHERE i.id = $1::uuid LIMIT 100) a),
             'logs', (SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(l) ORDER BY l.logged_at, l.line) FROM (
                 SELECT l.line, l.logged_at, l.level, l.message FROM alyx.logs l WHERE l.invocation = $1::uuid LIMIT 1000) l))::text"
    );
    let mut found = act(&gateway, &parts, &sql, &[text(&id)]).await?;
    let Some(attempts) = found.get_mut("attempts").and_then(Value::as_array_mut) else { return Err(none()) };
    for attempt in attempts.iter_mut().filter_map(Value::as_object_mut) {
        for (part, is_cut) in [("input", "input_cut"), ("output", "output_cut")] {
            // What was not kept is left out; what was cut stays the text that it is.
            let Some(Value::String(text)) = attempt.remove(part) else { continue };
            let parsed = serde_json::from_str(&text);
            attempt.insert(is_cut.to_owned(), json!(parsed.is_err()));
            attempt.insert(part.to_owned(), parsed.unwrap_or(Value::String(text)));
        }
    }
    if found.get("logs").is_none_or(Value::is_null) {
        found["logs"] = json!([]);
    }
    Ok(Json(found))
}

pub(super) async fn logs(State(gateway): Shared, parts: Parts) -> Reply {
    let filter = Filter::of(&parts)?;
    let limit = filter.limit(50, 500)?;
    let sql = "SELECT l.invocation, l.function, l.line, l.logged_at, l.level, l.message FROM alyx.logs l
               WHERE ($1 IS NULL OR l.function = $1) AND ($2 IS NULL OR l.level = $2)
                 AND ($3 IS NULL OR l.logged_at < $3::timestamptz)
               ORDER BY l.logged_at DESC, l.line DESC LIMIT $4";
    let parameters = [text(&filter.function), text(&filter.level), text(&filter.before), (&limit, Type::INT8)];
    list(&gateway, &parts, sql, &parameters).await
}

pub(super) async fn jobs(State(gateway): Shared, parts: Parts) -> Reply {
    let filter = Filter::of(&parts)?;
    let limit = filter.limit(50, 500)?;
    let sql = "SELECT j.id, j.function, j.source, j.status, j.priority, j.attempt, j.crashes, j.run_at, j.ordering_key,
                      j.dedupe_key, j.role::text, CASE WHEN pg_catalog.length(j.input::text) > 16384 THEN pg_catalog.to_jsonb(pg_catalog.left(j.input::text, 16384) || ' [cut]') ELSE j.input END AS input, j.enqueued_at, j.started_at, j.last_error, j.schedule
               FROM alyx.jobs j
               WHERE ($1 IS NULL OR j.function = $1) AND ($2 IS NULL OR j.status = $2)
               ORDER BY j.run_at, j.id LIMIT $3";
    list(&gateway, &parts, sql, &[text(&filter.function), text(&filter.status), (&limit, Type::INT8)]).await
}

pub(super) async fn dead_jobs(State(gateway): Shared, parts: Parts) -> Reply {
    let filter = Filter::of(&parts)?;
    let limit = filter.limit(50, 500)?;
    let sql = "SELECT d.id, d.function, d.source, d.reason, d.attempt, d.crashes, d.role::text, CASE WHEN pg_catalog.length(d.input::text) > 16384 THEN pg_catalog.to_jsonb(pg_catalog.left(d.input::text, 16384) || ' [cut]') ELSE d.input END AS input, d.sqlstate,
                      d.last_error, d.errors, d.enqueued_at, d.died_at
               FROM alyx.dead_jobs d
               WHERE ($1 IS NULL OR d.function = $1) AND ($2 IS NULL OR d.died_at < $2::timestamptz)
               ORDER BY d.died_at DESC LIMIT $3";
    list(&gateway, &parts, sql, &[text(&filter.function), text(&filter.before), (&limit, Type::INT8)]).await
}

pub(super) async fn schedules(State(gateway): Shared, parts: Parts) -> Reply {
    let filter = Filter::of(&parts)?;
    let limit = filter.limit(500, 500)?;
    let sql = "SELECT s.id, s.function, s.cron, s.timezone, s.overlap, s.missed, s.input, s.role::text, s.next_run_at,
                      s.previous_run_at, s.skipped, s.last_error,
                      (SELECT pg_catalog.jsonb_agg(pg_catalog.to_timestamp(n::float8))
                       FROM pg_catalog.jsonb_array_elements_text(
                           alyx._cron_next(s.cron, s.timezone, EXTRACT(epoch FROM pg_catalog.now())::bigint, 5)) n
                       WHERE s.last_error IS NULL) AS next_runs
               FROM alyx.schedules s
               WHERE ($1 IS NULL OR s.function = $1)
               ORDER BY s.next_run_at NULLS LAST, s.id LIMIT $2";
    list(&gateway, &parts, sql, &[text(&filter.function), (&limit, Type::INT8)]).await
}

pub(super) async fn stats(State(gateway): Shared, parts: Parts) -> Reply {
    let filter = Filter::of(&parts)?;
    let limit = filter.limit(1000, 10_000)?;
    let sql = "SELECT s.* FROM alyx.stats s WHERE ($1 IS NULL OR s.function = $1)
               ORDER BY s.calls DESC, s.function LIMIT $2";
    list(&gateway, &parts, sql, &[text(&filter.function), (&limit, Type::INT8)]).await
}

pub(super) async fn minutes(State(gateway): Shared, parts: Parts) -> Reply {
    let filter = Filter::of(&parts)?;
    let sql = "SELECT m.* FROM alyx.stats_minutes m
               WHERE ($1 IS NULL OR m.function = $1) AND ($2 IS NULL OR m.minute >= $2::timestamptz)
               ORDER BY m.minute, m.function LIMIT $3";
    let limit = filter.limit(50_000, 50_000)?;
    list(&gateway, &parts, sql, &[text(&filter.function), text(&filter.since), (&limit, Type::INT8)]).await
}
