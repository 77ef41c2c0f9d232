//! The client: sends a request, follows where the reply leads, and looks up often enough to be stopped.
//!
//! Everything runs on the caller's thread, in a runtime that turns only while a fetch waits. A fetch that fails in any
//! way takes the runtime and all its connections with it: what is kept is known to be in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use http::Method;
use http::header::{self, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Http;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};

use crate::address::Networks;
use crate::connect::Connector;
use crate::error::{FetchError, Kind};
use crate::headers;
use crate::origin::{AllowList, Origin};
use crate::redirect::{self, Redirect};
use crate::request::{Checked, Reply, Request};

/// How often a waiting fetch asks whether it should stop.
const TICK: Duration = Duration::from_millis(10);
/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);
/// Connections kept for one host, and open in all before they are given up together.
const IDLE_PER_HOST: usize = 2;
const MAX_OPEN: usize = 16;
/// hyper's own least size of a buffer for headers.
const LEAST_BUFFER: usize = 8192;
/// Names remembered, no longer than their servers say.
const NAMES: u64 = 64;

/// What holds for all requests of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Networks that may be reached although they are not public.
    pub networks: Networks,
    /// The name server to ask; those of the system when `None`.
    pub resolver: Option<SocketAddr>,
    /// Authorities trusted for https, a PEM file; Mozilla's list when `None`.
    pub ca_file: Option<PathBuf>,
    /// Most bytes of the headers of a request or reply.
    pub header_bytes: usize,
}

/// How much one fetch may take, redirects included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of the body of a request.
    pub request_bytes: usize,
    /// Most bytes of the body of a reply.
    pub response_bytes: usize,
    /// Most bytes of the headers of a request or reply, the URL included.
    pub header_bytes: usize,
    /// Most redirects.
    pub redirects: u32,
    /// Wall-clock time from the first name that is resolved to the last byte.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let (request_bytes, response_bytes) = (16 << 20, 16 << 20);
        Self { request_bytes, response_bytes, header_bytes: 64 << 10, redirects: 10, time: Duration::from_secs(30) }
    }
}

/// Makes requests, and keeps connections between them.
pub struct Client {
    config: Config,
    tls: ClientConfig,
    live: Option<Live>,
}

/// What turns while a request waits.
struct Live {
    runtime: Runtime,
    http: Http<HttpsConnector<Connector>, Full<Bytes>>,
    open: Arc<AtomicUsize>,
}

impl Client {
    /// A client that has not connected to anything yet.
    ///
    /// # Errors
    /// The file of authorities cannot be used.
    pub fn new(config: Config) -> Result<Self, FetchError> {
        let tls = tls(config.ca_file.as_ref())?;
        Ok(Self { config, tls, live: None })
    }

    /// What it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Sends a request and waits for the reply. `is_interrupted` is asked every 10 ms.
    ///
    /// # Errors
    /// See [`Kind`].
    pub fn fetch(
        &mut self,
        request: Request<'_>,
        allowed: &AllowList,
        limits: &Limits,
        mut is_interrupted: impl FnMut() -> bool,
    ) -> Result<Reply, FetchError> {
        let redirect = request.redirect;
        let request = Checked::read(request, limits)?;
        check_origin(&request, allowed)?;
        // Taken out, and put back only when all went well.
        let live = match self.live.take().filter(|live| live.open.load(Ordering::Relaxed) < MAX_OPEN) {
            Some(live) => live,
            None => Live::start(&self.config, self.tls.clone())?,
        };
        let origin = Origin::of(&request.url)?;
        let mut hops = pin!(hops(live.http.clone(), request, redirect, allowed, limits));
        let began = std::time::Instant::now();
        let ended = loop {
            if is_interrupted() {
                return Err(FetchError::new(Kind::Interrupted, "HTTP request was interrupted"));
            }
            if began.elapsed() >= limits.time {
                let message = format!("HTTP request to {origin} timed out after {} ms", limits.time.as_millis());
                return Err(FetchError::new(Kind::TimedOut, message)
                    .hint("Its \"timeout_ms\" and alyx_functions.max_http_time limit a request."));
            }
            let tick = TICK.min(limits.time.saturating_sub(began.elapsed()));
            let turned = live.runtime.block_on(async { tokio::time::timeout(tick, hops.as_mut()).await });
            if let Ok(ended) = turned {
                break ended;
            }
        };
        if ended.is_ok() {
            self.live = Some(live);
        }
        ended
    }
}

impl Live {
    fn start(config: &Config, tls: ClientConfig) -> Result<Self, FetchError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| FetchError::new(Kind::Unreachable, format!("could not start an HTTP client: {error}")))?;
        let open = Arc::new(AtomicUsize::new(0));
        let networks = Arc::new(config.networks.clone());
        let connector = Connector { resolver: resolver(config.resolver)?, networks, open: Arc::clone(&open) };
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = Http::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(config.header_bytes.max(LEAST_BUFFER))
            .build(connector);
        Ok(Self { runtime, http, open })
    }
}

fn check_origin(request: &Checked, allowed: &AllowList) -> Result<Origin, FetchError> {
    let origin = Origin::of(&request.url)?;
    if allowed.allows(&origin) {
        return Ok(origin);
    }
    Err(FetchError::new(Kind::Denied, format!("HTTP request to {origin} is not allowed"))
        .hint(format!("The function may reach what its manifest, or the first line of a body in language javascript, lists: allowed_hosts: [\"{origin}\"].")))
}

/// One request after the other, each to an origin that is allowed.
async fn hops(
    http: Http<HttpsConnector<Connector>, Full<Bytes>>,
    mut request: Checked,
    redirect: Redirect,
    allowed: &AllowList,
    limits: &Limits,
) -> Result<Reply, FetchError> {
    let mut redirects = 0;
    loop {
        let origin = check_origin(&request, allowed)?;
        // Kept connections that the other side has closed in the meantime are noticed when the runtime turns.
        tokio::task::yield_now().await;
        let mut message = http::Request::new(Full::new(request.body.clone()));
        *message.method_mut() = request.method.clone();
        *message.headers_mut() = request.headers.clone();
        if request.body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&request.method) {
            // RFC 9110, 8.6: a body is expected with these, and servers ask for the length of none.
            message.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        *message.uri_mut() = request
            .url
            .as_str()
            .parse()
            .map_err(|error| FetchError::new(Kind::Malformed, format!("the URL cannot be sent: {error}")))?;
        let reply = http.request(message).await.map_err(|error| explain(&origin, &error, limits))?;
        let (head, body) = reply.into_parts();
        headers::check_size(&head.headers, limits.header_bytes)?;
        if redirect != Redirect::Manual
            && let Some(location) = redirect::location(head.status, &head.headers)?
        {
            if redirect == Redirect::Error {
                return Err(FetchError::new(Kind::Broken, format!("{origin} answered with a redirect")));
            }
            if redirects >= limits.redirects {
                let message = format!("HTTP request was redirected more than {} times", limits.redirects);
                return Err(
                    FetchError::new(Kind::TooLarge, message).hint("The limit is alyx_functions.max_http_redirects.")
                );
            }
            redirects += 1;
            request = request.redirected(&origin, head.status, location)?;
            continue;
        }
        let headers = head.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect();
        let body = read_body(&origin, body, limits).await?;
        return Ok(Reply { status: head.status.as_u16(), headers, body, url: request.url.into(), redirects });
    }
}

async fn read_body(origin: &Origin, mut body: Incoming, limits: &Limits) -> Result<Vec<u8>, FetchError> {
    let too_large = || {
        let message = format!("body of the HTTP response exceeds {} bytes", limits.response_bytes);
        Err(FetchError::new(Kind::TooLarge, message).hint("The limit is alyx_functions.max_http_response."))
    };
    if body.size_hint().lower() > u64::try_from(limits.response_bytes).unwrap_or(u64::MAX) {
        return too_large();
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(origin, &error))?;
        if let Ok(data) = frame.into_data() {
            if data.len() > limits.response_bytes - bytes.len() {
                return too_large();
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// What a failed request means. Our own reasons come through the layers as they were given.
fn explain(origin: &Origin, error: &hyper_util::client::legacy::Error, limits: &Limits) -> FetchError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    let mut innermost = String::new();
    while let Some(error) = cause {
        if let Some(known) = error.downcast_ref::<FetchError>() {
            return known.clone();
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(is_too_large) {
            return headers::too_large("response", limits.header_bytes);
        }
        innermost = error.to_string();
        cause = error.source();
    }
    if error.is_connect() {
        return FetchError::new(Kind::Unreachable, format!("could not connect to {origin}: {innermost}"));
    }
    FetchError::new(Kind::Broken, format!("HTTP request to {origin} failed: {innermost}"))
}

/// hyper has no question for it; its words for headers beyond its buffer are all it gives.
fn is_too_large(error: &hyper::Error) -> bool {
    error.is_parse() && error.to_string() == "message head is too large"
}

fn broken(origin: &Origin, error: &hyper::Error) -> FetchError {
    FetchError::new(Kind::Broken, format!("HTTP response of {origin} ended early: {error}"))
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

fn resolver(server: Option<SocketAddr>) -> Result<TokioResolver, FetchError> {
    let failed = |error: hickory_resolver::net::NetError| {
        FetchError::new(Kind::Unreachable, format!("could not read the configuration of name servers: {error}"))
    };
    let mut builder = match server {
        None => TokioResolver::builder_tokio().map_err(failed)?,
        Some(server) => {
            let at_port = |mut connection: ConnectionConfig| {
                connection.port = server.port();
                connection
            };
            let connections = vec![at_port(ConnectionConfig::udp()), at_port(ConnectionConfig::tcp())];
            let name_server = NameServerConfig::new(server.ip(), true, connections);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
            let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            builder.options_mut().use_hosts_file = ResolveHosts::Never;
            builder
        }
    };
    builder.options_mut().cache_size = NAMES;
    builder.build().map_err(failed)
}

fn tls(ca_file: Option<&PathBuf>) -> Result<ClientConfig, FetchError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let failed = |why: String| {
                FetchError::new(Kind::Unreachable, "could not read the certificates that https trusts")
                    .hint(format!("Look at alyx_functions.http_ca_file: {why}."))
            };
            let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                roots.add(certificate).map_err(|error| failed(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(failed("it holds no certificate".to_owned()));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| FetchError::new(Kind::Unreachable, format!("could not set up TLS: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
