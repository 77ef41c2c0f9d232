//! `GET /admin/v1/events`: says what has changed, as server-sent events, so that a page reloads what it shows and nothing
//! else.
//!
//! Each stream asks the database every other second with one cheap statement; how many there may be is bounded.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use tokio::sync::OwnedSemaphorePermit;

use super::functions::client;
use super::transaction::{ask_as, somebody, value};
use crate::admission::Share;
use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::problem::{Problem, Result};

const PERIOD: Duration = Duration::from_secs(2);
/// A stream ends after this long, or with its token, and the page begins another: a role that has lost its rights sees no more.
const LONGEST: u32 = 450;

/// A value for each part of the page, different whenever the part is.
const STATE: &str = "SELECT pg_catalog.jsonb_build_object(
    'stats', (SELECT pg_catalog.sum(s.calls) || '/' || COALESCE((SELECT pg_catalog.max(m.minute)::text FROM alyx.stats_minutes m), '')
              FROM alyx.stats s),
    'invocations', (SELECT i.id || '/' || i.attempt || '/' || i.started_at
                    FROM alyx.invocations i ORDER BY i.started_at DESC LIMIT 1),
    'jobs', (SELECT pg_catalog.md5(COALESCE(pg_catalog.string_agg(j.id || j.status || j.attempt, ',' ORDER BY j.run_at, j.id), ''))
             FROM (SELECT * FROM alyx.jobs ORDER BY run_at, id LIMIT 200) j)
            || (SELECT pg_catalog.md5(COALESCE(pg_catalog.string_agg(d.id::text, ',' ORDER BY d.died_at, d.id), ''))
                FROM (SELECT * FROM alyx.dead_jobs ORDER BY died_at DESC, id LIMIT 200) d),
    'functions', (SELECT pg_catalog.md5(COALESCE(pg_catalog.string_agg(f.name || f.version || f.paused, ',' ORDER BY f.name), ''))
                  FROM alyx.functions f),
    'schedules', (SELECT pg_catalog.md5(COALESCE(pg_catalog.string_agg(pg_catalog.concat_ws('/', s.id, s.previous_run_at, s.next_run_at, s.last_error), ',' ORDER BY s.id), ''))
                  FROM alyx.schedules s)
)::text";

struct Watching {
    gateway: Arc<Gateway>,
    caller: Caller,
    parts: Parts,
    seen: Map<String, Value>,
    rounds: u32,
    _place: OwnedSemaphorePermit,
    _share: Share,
}

impl Watching {
    /// The next event; `None` when there will be none.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if self.rounds > LONGEST || (self.rounds > 0 && self.caller.has_expired()) {
                return None;
            }
            if self.rounds > 0 {
                let ending = self.gateway.ending.clone();
                tokio::select! {
                    () = ending.cancelled() => return None,
                    () = tokio::time::sleep(PERIOD) => {}
                }
            }
            self.rounds += 1;
            let database = &self.gateway.database;
            let asked = ask_as(&self.gateway, database, &self.caller, &self.parts, STATE, &[]).await;
            let state = match asked.map(|rows| value(&rows)) {
                Ok(Value::Object(state)) => state,
                // The database is away or busy: the page is not told anything new.
                Ok(_) => continue,
                Err(problem) if problem.status().is_server_error() => continue,
                Err(_) => return None,
            };
            let is_first = self.seen.is_empty();
            let changed: Map<String, Value> =
                state.iter().map(|(part, now)| (part.clone(), json!(self.seen.get(part) != Some(now)))).collect();
            self.seen = state;
            let name = if is_first { "ready" } else { "change" };
            if is_first || changed.values().any(|changed| changed == &json!(true)) {
                let event = Event::default().event(name).data(Value::Object(changed).to_string());
                return Some((Ok(event), self));
            }
        }
    }
}

pub(super) async fn stream(State(gateway): State<Arc<Gateway>>, parts: Parts) -> Result<Response> {
    let caller = somebody(&gateway, &parts).await?;
    let share = gateway.stream_shares.one(|| client(&caller, &parts));
    let too_many = || Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many pages of this client are watching");
    let share = share.ok_or_else(too_many)?;
    let place = Arc::clone(&gateway.streams).try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("too many pages are watching"))?;
    // Whoever may not take their role is told so by the status, not by a stream that ends.
    ask_as(&gateway, &gateway.database, &caller, &parts, "SELECT 1", &[]).await?;
    let watching = Watching { gateway, caller, parts, seen: Map::new(), rounds: 0, _place: place, _share: share };
    let events = stream::unfold(watching, Watching::next);
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15)).text("keep-alive");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    // A proxy that collects what it passes on would hold events back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
