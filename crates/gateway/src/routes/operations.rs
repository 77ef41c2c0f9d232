//! `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, header};
use serde_json::json;

use super::transaction::{ask_as, items};
use crate::caller::Caller;
use crate::database::Database;
use crate::gateway::Gateway;
use crate::problem::{Problem, Result};

/// How long the database may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process runs.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The database answers, and has the extension.
pub(super) async fn readyz(State(gateway): State<Arc<Gateway>>) -> Result<Response> {
    if gateway.ending.is_cancelled() {
        return Err(Problem::busy("the gateway is ending"));
    }
    let asked = tokio::time::timeout(PATIENCE, is_ready(&gateway.database));
    match asked.await.unwrap_or_else(|_| Err(Problem::busy("the database does not answer in time"))) {
        Ok(true) => Ok(Json(json!({ "ready": true })).into_response()),
        Ok(false) => Err(Problem::busy("the database does not have the extension alyx_functions")),
        Err(problem) => Err(problem),
    }
}

async fn is_ready(database: &Database) -> Result<bool> {
    let mut lease = database.lease().await?;
    let rows = lease.query("SELECT FROM pg_catalog.pg_extension WHERE extname = 'alyx_functions'", &[]).await?;
    rows.map(|rows| !rows.is_empty()).map_err(|error| Problem::of_database(&error, false))
}

/// Figures for Prometheus: the gateway's, and the functions' where a role is set that may see them.
pub(super) async fn metrics(State(gateway): State<Arc<Gateway>>, parts: Parts) -> Response {
    let mut pools = vec![("primary", gateway.database.figures())];
    pools.extend(gateway.replica.as_ref().map(|replica| ("replica", replica.figures())));
    let functions = match &gateway.settings.metrics_role {
        Some(role) => functions(&gateway, role, &parts).await,
        None => Vec::new(),
    };
    let text = gateway.metrics.text(&pools, &functions);
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn functions(gateway: &Gateway, role: &str, parts: &Parts) -> Vec<serde_json::Value> {
    let sql = "SELECT pg_catalog.to_jsonb(s)::text FROM alyx.stats s ORDER BY s.calls DESC LIMIT 10000";
    let caller = Caller::myself(role);
    let asked = ask_as(gateway, &gateway.database, &caller, parts, sql, &[]);
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(rows)) => items(&rows),
        Ok(Err(problem)) => {
            tracing::warn!(?problem, "the functions' figures cannot be read");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}
