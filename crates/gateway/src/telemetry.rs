//! Log lines, and traces for an OpenTelemetry collector.

use std::io::IsTerminal;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::options::{LogFormat, Settings};

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is to be told when the gateway ends.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Begins to log, and to export traces where a collector is set.
    pub(crate) fn begin(settings: &Settings) -> Result<Self, String> {
        let filter = || EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        let lines: Box<dyn Layer<Registry> + Send + Sync> = match settings.log_format {
            LogFormat::Text => {
                let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
                let lines = fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(colours);
                lines.with_filter(filter()).boxed()
            }
            LogFormat::Json => fmt::layer().json().with_writer(std::io::stderr).with_filter(filter()).boxed(),
        };
        let provider = settings.otlp_endpoint.as_deref().map(provider).transpose()?;
        let traces = provider.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("alyx serve"))
                .with_filter(EnvFilter::new("info"))
        });
        // Somebody who embeds the gateway may log already.
        let _ = tracing_subscriber::registry().with(lines).with(traces).try_init();
        Ok(Self(provider))
    }

    /// Sends what has not been sent.
    pub(crate) async fn end(self) {
        let Some(provider) = self.0 else { return };
        let ended = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// The exporter has a thread of its own, which has no runtime: what it sends goes by ours.
#[derive(Debug)]
struct Sender {
    client: HyperClient<HttpsConnector<HttpConnector>>,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}

fn provider(endpoint: &str) -> Result<SdkTracerProvider, String> {
    let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| format!("traces cannot be exported: {error}"))?
        .https_or_http()
        .enable_http1()
        .build();
    let sender = Sender { client: HyperClient::new(connector, PATIENCE, None), runtime: Handle::current() };
    let exporter = SpanExporter::builder().with_http().with_http_client(sender).with_endpoint(endpoint).build();
    let exporter = exporter.map_err(|error| format!("traces cannot be exported: {error}"))?;
    let resource = Resource::builder().with_service_name("alyx-gateway").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// Makes a request's span part of the trace that its `traceparent` names.
pub(crate) fn adopt_parent(span: &Span, headers: &HeaderMap) {
    if headers.contains_key("traceparent") {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        let _ = span.set_parent(parent);
    }
}
