//! Fetching a key set over HTTP: one GET, no redirects, bounded in time and size.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, header};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use super::jwk::DOCUMENT_BYTES;
use super::settings::ConfigError;

/// Where a key set is fetched from.
pub(super) struct Remote {
    url: hyper::Uri,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Remote {
    /// Keys decide who is who, so nobody on the way may change them: https, or http that does not leave the host.
    pub(super) fn new(url: &str) -> Result<Self, ConfigError> {
        let wrong = |reason: String| ConfigError::JwksUrl { reason };
        let url = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(wrong("http is for loopback hosts only; use https".to_owned())),
            scheme => return Err(wrong(format!("\"{scheme}\" is not supported; use https"))),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("a user name or password in it is not supported".to_owned()));
        }
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(url.scheme() == "https").map_err(wrong)?)
            .https_or_http()
            .enable_http1()
            .build();
        // A connection would wait ten minutes for its next request.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        let url = url.as_str().parse().map_err(|_| wrong("it is not a URL of HTTP".to_owned()))?;
        Ok(Self { url, client })
    }

    pub(super) async fn get(&self, timeout: Duration) -> Result<String, String> {
        let late = |_| format!("no answer within {} s", timeout.as_secs_f32());
        tokio::time::timeout(timeout, self.exchange()).await.map_err(late)?
    }

    async fn exchange(&self) -> Result<String, String> {
        let request = Request::get(self.url.clone())
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .header(header::USER_AGENT, concat!("alyx-gateway/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let reply = self.client.request(request).await.map_err(|error| chain(&error))?;
        if reply.status() != StatusCode::OK {
            return Err(format!("the answer is {}", reply.status()));
        }
        let body =
            Limited::new(reply.into_body(), DOCUMENT_BYTES).collect().await.map_err(|error| error.to_string())?;
        String::from_utf8(body.to_bytes().into()).map_err(|_| "the answer is not UTF-8".to_owned())
    }
}

/// The system's authorities are read only where they are needed: a host that fetches from itself may have none.
/// The provider is named because the default one is ambiguous once another crate brings a second.
fn tls(with_roots: bool) -> Result<ClientConfig, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = if with_roots {
        config.with_native_roots().map_err(|error| format!("the system's certificates cannot be read: {error}"))?
    } else {
        config.with_root_certificates(RootCertStore::empty())
    };
    Ok(config.with_no_client_auth())
}

/// An error of hyper with its causes, which it does not show itself.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}
