//! Figures of the gateway, in the text form that Prometheus reads.

use std::fmt::Write;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use serde_json::Value;

use crate::database::Figures;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    route: String,
    method: String,
    status: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

/// Upper bounds of the histogram, in seconds.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    running: Gauge<i64, AtomicI64>,
}

/// One request that runs, until dropped.
pub(crate) struct Running(Gauge<i64, AtomicI64>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("alyx_gateway");
        let requests = Family::default();
        let durations = Family::<Route, Histogram, fn() -> Histogram>::new_with_constructor(histogram);
        let running = Gauge::default();
        registry.register("requests", "Requests that were answered", requests.clone());
        let help = "Time from a request's headers to its answer";
        registry.register_with_unit("request_duration", help, Unit::Seconds, durations.clone());
        registry.register("requests_running", "Requests that are being answered", running.clone());
        Self { registry, requests, durations, running }
    }

    pub(crate) fn begin(&self) -> Running {
        self.running.inc();
        Running(self.running.clone())
    }

    pub(crate) fn done(&self, route: &'static str, method: &Method, status: StatusCode, took: Duration) {
        // A client may send any word as a method, but must not make a series of each.
        let method = match *method {
            Method::GET
            | Method::HEAD
            | Method::POST
            | Method::PUT
            | Method::PATCH
            | Method::DELETE
            | Method::OPTIONS => method.as_str(),
            _ => "other",
        };
        let request =
            Request { route: route.to_owned(), method: method.to_owned(), status: u32::from(status.as_u16()) };
        self.requests.get_or_create(&request).inc();
        self.durations.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// All figures; `functions` are rows of `alyx.stats`.
    pub(crate) fn text(&self, pools: &[(&str, Figures)], functions: &[Value]) -> String {
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        let mut text = text.trim_end().trim_end_matches("# EOF").to_owned();
        let _ = self.write_pools(&mut text, pools);
        let _ = write_functions(&mut text, functions);
        text.push_str("# EOF\n");
        text
    }

    fn write_pools(&self, text: &mut String, pools: &[(&str, Figures)]) -> std::fmt::Result {
        type Read = fn(&Figures) -> usize;
        let rows: [(&str, &str, Read); 3] = [
            ("pool_connections", "Connections that are open", |figures| figures.open),
            ("pool_in_use", "Connections that serve a request", |figures| figures.in_use),
            ("pool_waiting", "Requests that wait for a connection", |figures| figures.waiting),
        ];
        for (name, help, read) in rows {
            writeln!(text, "# HELP alyx_gateway_{name} {help}.\n# TYPE alyx_gateway_{name} gauge")?;
            for (pool, figures) in pools {
                writeln!(text, "alyx_gateway_{name}{{pool=\"{pool}\"}} {}", read(figures))?;
            }
        }
        Ok(())
    }
}

/// Counters of functions. Names have no characters that would need to be escaped; those that had are left out.
fn write_functions(text: &mut String, functions: &[Value]) -> std::fmt::Result {
    const COUNTERS: [(&str, &str); 5] = [
        ("calls", "Invocations"),
        ("errors", "Invocations that failed"),
        ("traps", "Invocations that trapped"),
        ("timeouts", "Invocations that took too long"),
        ("lost_records", "Records that found no room"),
    ];
    const GAUGES: [(&str, &str); 3] = [
        ("p50_ms", "Median duration in milliseconds"),
        ("p95_ms", "Duration in milliseconds that 95 of 100 stay below"),
        ("p99_ms", "Duration in milliseconds that 99 of 100 stay below"),
    ];
    if functions.is_empty() {
        return Ok(());
    }
    let named = |row: &Value| row.get("function").and_then(Value::as_str).map(str::to_owned);
    let is_plain = |name: &String| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let kinds = COUNTERS.iter().map(|entry| (entry, "counter")).chain(GAUGES.iter().map(|entry| (entry, "gauge")));
    for ((name, help), kind) in kinds {
        let suffix = if kind == "counter" { "_total" } else { "" };
        writeln!(text, "# HELP alyx_function_{name} {help}.\n# TYPE alyx_function_{name} {kind}")?;
        let mut seen = std::collections::HashSet::new();
        for row in functions {
            let Some(function) = named(row).filter(is_plain).filter(|function| seen.insert(function.clone())) else {
                continue;
            };
            if let Some(value) = row.get(*name).and_then(Value::as_f64) {
                writeln!(text, "alyx_function_{name}{suffix}{{function=\"{function}\"}} {value}")?;
            }
        }
    }
    Ok(())
}
