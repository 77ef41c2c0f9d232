//! TLS for clients: the certificate is read again when its file has changed, so that renewing it needs no restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use tokio_util::sync::CancellationToken;

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// The server's side of TLS 1.2 and 1.3, with HTTP/2 and HTTP/1.1.
pub(crate) fn server(cert: PathBuf, key: PathBuf, ending: CancellationToken) -> Result<Arc<ServerConfig>, String> {
    let current = Arc::new(Current(ArcSwap::from_pointee(read(&cert, &key)?)));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&current) as _);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    tokio::spawn(async move {
        let mut seen = (changed(&cert), changed(&key));
        loop {
            tokio::select! {
                () = ending.cancelled() => return,
                () = tokio::time::sleep(PERIOD) => {}
            }
            let now = (changed(&cert), changed(&key));
            if now == seen {
                continue;
            }
            match read(&cert, &key) {
                Ok(pair) => {
                    current.0.store(Arc::new(pair));
                    seen = now;
                    tracing::info!("the certificate was read again");
                }
                // Half of the pair may be new: the next look will see both.
                Err(error) => tracing::warn!(error, "the certificate was not read again"),
            }
        }
    });
    Ok(Arc::new(config))
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|found| found.modified()).ok()
}

fn read(cert: &Path, key: &Path) -> Result<CertifiedKey, String> {
    let wrong = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(cert, &error))?;
    if chain.is_empty() {
        return Err(wrong(cert, &"there is no certificate in it"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    let signer = ring::sign::any_supported_type(&private).map_err(|error| wrong(key, &error))?;
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(pair),
        Err(error) => Err(wrong(key, &error)),
    }
}
