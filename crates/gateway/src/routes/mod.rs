//! Which request goes where, and what all of them have in common: ids, figures, CORS, compression.

mod admin;
mod deploy;
mod events;
mod functions;
mod openapi;
mod operations;
mod page;
mod transaction;
mod webhooks;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{MethodRouter, any, delete, get, post};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;
use uuid::Uuid;

use crate::gateway::Gateway;
use crate::problem::Problem;

const X_INVOCATION_ID: HeaderName = HeaderName::from_static("x-invocation-id");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The id of the invocation that a request leads to, if it leads to one.
#[derive(Clone, Copy)]
struct InvocationId(Uuid);

/// What the figures and the log call a request, so that paths of strangers do not become names of series.
#[derive(Clone, Copy)]
struct Name(&'static str);

/// Everything that is served.
pub(crate) fn all(gateway: &Arc<Gateway>) -> Router {
    let mut router = Router::new()
        .route("/functions/v1/deploy", named("deploy", post(deploy::deploy)))
        .route("/functions/v1/{*rest}", named("function", any(functions::call)))
        .route("/webhooks/v1/{*path}", named("webhook", post(webhooks::deliver)))
        .route("/openapi.json", named("openapi", get(openapi::document)))
        .route("/healthz", named("healthz", get(operations::healthz)))
        .route("/readyz", named("readyz", get(operations::readyz)))
        .route("/metrics", named("metrics", get(operations::metrics)))
        .nest("/admin/v1", admin_routes().layer(map_response(|response| call_it("admin", response))));
    if gateway.settings.has_page {
        router = router
            .route("/_admin/functions", named("page", get(page::index)))
            .route("/_admin/functions/", named("page", get(page::without_slash)))
            .route("/_admin/functions/{file}", named("page", get(page::asset)));
    }
    let compressed =
        SizeAbove::new(1024).and(NotForContentType::new("text/event-stream")).and(NotForContentType::IMAGES);
    let router = router
        .fallback(nothing)
        .method_not_allowed_fallback(not_allowed)
        .layer(CompressionLayer::new().compress_when(compressed));
    let origins = &gateway.settings.cors_origins;
    let router = if origins.is_empty() { router } else { router.layer(cors(origins)) };
    router.layer(from_fn_with_state(Arc::clone(gateway), around)).with_state(Arc::clone(gateway))
}

fn admin_routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/me", get(admin::me))
        .route("/functions", get(admin::functions))
        .route("/functions/{name}", delete(admin::drop_function))
        .route("/functions/{name}/versions", get(admin::versions))
        .route("/functions/{name}/rollback", post(admin::rollback))
        .route("/functions/{name}/pause", post(admin::pause))
        .route("/functions/{name}/resume", post(admin::resume))
        .route("/functions/{name}/replay", post(admin::replay_function))
        .route("/invocations", get(admin::invocations))
        .route("/invocations/{id}", get(admin::invocation))
        .route("/logs", get(admin::logs))
        .route("/jobs", get(admin::jobs))
        .route("/jobs/{id}/cancel", post(admin::cancel_job))
        .route("/dead-jobs", get(admin::dead_jobs))
        .route("/dead-jobs/{id}", delete(admin::discard_job))
        .route("/dead-jobs/{id}/replay", post(admin::replay_job))
        .route("/schedules", get(admin::schedules))
        .route("/stats", get(admin::stats))
        .route("/stats/minutes", get(admin::minutes))
        .route("/events", get(events::stream))
}

async fn nothing(request: Request) -> Problem {
    Problem::not_found(request.uri().path())
}

async fn not_allowed(request: Request) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("method {} is not served here", request.method()))
}

/// What browsers of other origins may do: all that a bearer of a token may, and nothing by cookies.
fn cors(origins: &[String]) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, IDEMPOTENCY_KEY, X_REQUEST_ID])
        .expose_headers([X_INVOCATION_ID, X_REQUEST_ID, IDEMPOTENT_REPLAYED, header::RETRY_AFTER])
        .max_age(std::time::Duration::from_secs(600));
    if origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(AllowOrigin::any());
    }
    layer.allow_origin(AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok())))
}

/// Around every request: its ids, its span, its figures.
async fn around(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let invocation = Uuid::now_v7();
    let given = request.headers().get(X_REQUEST_ID).filter(|value| is_request_id(value.as_bytes())).cloned();
    let id = given.or_else(|| HeaderValue::from_str(&invocation.to_string()).ok());
    request.extensions_mut().insert(InvocationId(invocation));
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", %method, path, id = id.as_ref().and_then(|id| id.to_str().ok()));
    crate::telemetry::adopt_parent(&span, request.headers());
    let _running = gateway.metrics.begin();
    let mut response = next.run(request).instrument(span.clone()).await;
    let name = response.extensions().get::<Name>().map_or("none", |name| name.0);
    let status = response.status();
    let took = began.elapsed();
    gateway.metrics.done(name, &method, status, took);
    let _entered = span.entered();
    let ms = took.as_secs_f64() * 1000.0;
    match status.as_u16() {
        500.. => tracing::warn!(route = name, status = status.as_u16(), ms, "answered"),
        _ => tracing::info!(route = name, status = status.as_u16(), ms, "answered"),
    }
    let headers = response.headers_mut();
    if let Some(id) = id {
        headers.insert(X_REQUEST_ID, id);
    }
    if !headers.contains_key(X_INVOCATION_ID)
        && let Ok(id) = HeaderValue::from_str(&invocation.to_string())
    {
        headers.insert(X_INVOCATION_ID, id);
    }
    if name != "function" && name != "page" {
        // Answers to one role are not another's.
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    response
}

/// A request's id as its client gives it: short and plain, for it goes into logs.
fn is_request_id(value: &[u8]) -> bool {
    (1..=128).contains(&value.len()) && value.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(b))
}

/// A route whose replies say what they are.
fn named(name: &'static str, route: MethodRouter<Arc<Gateway>>) -> MethodRouter<Arc<Gateway>> {
    route.layer(map_response(move |response| call_it(name, response)))
}

async fn call_it(name: &'static str, mut response: Response) -> Response {
    response.extensions_mut().insert(Name(name));
    response
}
