//! Sockets: how many clients, how long they may take, how the gateway ends.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::database::Target;
use crate::gateway::Gateway;
use crate::options::Settings;
use crate::telemetry::Telemetry;
use crate::{routes, tls};

/// Most headers of one request, and most bytes of all of them.
const MOST_HEADERS: usize = 100;
const MOST_HEADER_BYTES: usize = 64 << 10;
/// Requests of one client at a time over HTTP/2.
const MOST_STREAMS: u32 = 100;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The other end of a request's connection.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Serves until SIGINT or SIGTERM, then lets requests end.
///
/// # Errors
/// A setting cannot be used, or the address is taken.
pub async fn serve(settings: Settings, target: Target, replica: Option<Target>) -> Result<(), String> {
    let telemetry = Telemetry::begin(&settings)?;
    let listen = settings.listen;
    let gateway = Gateway::new(settings, target, replica).await?;
    let acceptor = match &gateway.settings.tls {
        Some((cert, key)) => Some(TlsAcceptor::from(tls::server(cert.clone(), key.clone(), gateway.ending.clone())?)),
        None => None,
    };
    let listener = TcpListener::bind(listen).await.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    if !gateway.tokens.has_keys() && gateway.settings.anonymous_role.is_none() {
        tracing::warn!("no key for tokens and no anonymous role are set: only webhooks will be let in");
    }
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    tracing::info!(address = %format!("{scheme}://{address}"), "serving");
    accept(&gateway, &listener, acceptor).await?;
    telemetry.end().await;
    Ok(())
}

async fn accept(gateway: &Arc<Gateway>, listener: &TcpListener, acceptor: Option<TlsAcceptor>) -> Result<(), String> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let clients = Arc::new(Semaphore::new(gateway.settings.max_clients.min(Semaphore::MAX_PERMITS)));
    let router = routes::all(gateway);
    let running = GracefulShutdown::new();
    loop {
        let place = tokio::select! {
            place = Arc::clone(&clients).acquire_owned() => place.map_err(|error| error.to_string())?,
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: those who are connected go on.
                    tracing::warn!(%error, "a client was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        };
        let _ = stream.set_nodelay(true);
        let (router, acceptor, watcher) = (router.clone(), acceptor.clone(), running.watcher());
        let (header_timeout, write_timeout) = (gateway.settings.header_timeout, gateway.settings.body_timeout);
        tokio::spawn(async move {
            let _place = place;
            match acceptor {
                None => speak(stream, peer, router, watcher, header_timeout, write_timeout).await,
                Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => speak(stream, peer, router, watcher, header_timeout, write_timeout).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS"),
                    Err(_) => tracing::debug!(%peer, "no TLS in time"),
                },
            }
        });
    }
    tracing::info!("ending: requests that run may go on for a while");
    gateway.ending.cancel();
    tokio::select! {
        () = running.shutdown() => tracing::info!("ended"),
        () = tokio::time::sleep(gateway.settings.shutdown_timeout) => tracing::warn!("ended before all requests had"),
        _ = interrupt.recv() => tracing::warn!("ended at once"),
        _ = terminate.recv() => tracing::warn!("ended at once"),
    }
    gateway.database.close();
    if let Some(replica) = &gateway.replica {
        replica.close();
    }
    Ok(())
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
    header_timeout: Duration,
    write_timeout: Duration,
) {
    let has_asked = Arc::new(Notify::new());
    let asked = Arc::clone(&has_asked);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        asked.notify_one();
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_headers(MOST_HEADERS)
        .max_buf_size(MOST_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MOST_HEADER_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(MOST_STREAMS)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    // A client that does not read must not keep its reply in memory for ever.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(write_timeout));
    let connection = builder.serve_connection(TokioIo::new(Box::pin(stream)), service).into_owned();
    let mut connection = pin!(watcher.watch(connection));
    // Before it is known which HTTP a client speaks, nothing else measures its time; HTTP/2 has no measure at all.
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = has_asked.notified() => None,
        () = tokio::time::sleep(header_timeout) => {
            tracing::debug!(%peer, "a client has asked for nothing in time");
            return;
        }
    };
    let ended = match ended {
        Some(ended) => ended,
        None => connection.await,
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error = %error, "a connection has ended");
    }
}
