//! The one place that opens connections: a name is resolved, each address checked, and the connection made to an address
//! that passed. What is asked for by an address instead of a name goes through the same check.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::address::Networks;
use crate::error::{FetchError, Kind};

/// How long one address of several may keep the others waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes TCP connections to addresses that guests may reach.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) resolver: TokioResolver,
    pub(crate) networks: Arc<Networks>,
    pub(crate) open: Arc<AtomicUsize>,
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<Stream, FetchError> {
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let mut last = FetchError::new(Kind::Unreachable, format!("name \"{host}\" has no address"));
        let addresses = self.addresses(host).await?;
        let is_last = |at: usize| at + 1 == addresses.len();
        for (at, &address) in addresses.iter().enumerate() {
            let connecting = TcpStream::connect(SocketAddr::new(address, port));
            let ended = if is_last(at) {
                connecting.await
            } else {
                tokio::time::timeout(PATIENCE, connecting).await.unwrap_or(Err(std::io::ErrorKind::TimedOut.into()))
            };
            match ended {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(Stream::new(stream, self.open));
                }
                Err(error) => {
                    let message = format!("could not connect to \"{host}\" port {port}: {}", error.kind());
                    last = FetchError::new(Kind::Unreachable, message);
                }
            }
        }
        Err(last)
    }

    /// The addresses behind a name that may be reached, asked for once.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, FetchError> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let found: Vec<IpAddr> = match bare.parse() {
            Ok(address) => vec![address],
            Err(_) => {
                let lookup =
                    self.resolver.lookup_ip(bare).await.map_err(|_| {
                        FetchError::new(Kind::Unreachable, format!("could not resolve name \"{host}\""))
                    })?;
                lookup.iter().collect()
            }
        };
        let admitted: Vec<IpAddr> = found.iter().filter_map(|address| self.networks.admit(*address)).collect();
        if admitted.is_empty() && !found.is_empty() {
            let message = format!("HTTP request to \"{host}\" is not allowed: its address is not public");
            return Err(FetchError::new(Kind::Denied, message)
                .hint("A superuser can list internal networks in alyx_functions.http_allowed_networks."));
        }
        Ok(admitted)
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, FetchError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), FetchError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// A connection, counted while it is open.
pub(crate) struct Stream {
    io: TokioIo<TcpStream>,
    open: Arc<AtomicUsize>,
}

impl Stream {
    fn new(stream: TcpStream, open: Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self { io: TokioIo::new(stream), open }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, data)
    }
}
