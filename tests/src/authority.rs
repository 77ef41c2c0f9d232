//! A certificate authority of the tests' own, and web servers that speak TLS with its certificates.

use crate::web::{Reply, Request, Web};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

/// An authority that nobody knows until its file is named.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    /// A new one; `label` makes its file's name unique.
    pub fn new(label: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("alyx test authority {label}"));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let file = std::env::temp_dir().join(format!("alyx-authority-{label}-{}.pem", std::process::id()));
        std::fs::write(&file, certificate.pem()).expect("the temporary folder is writable");
        Authority { issuer: Issuer::new(params, key), file }
    }

    /// The PEM file with its certificate.
    pub fn file(&self) -> &str {
        self.file.to_str().expect("a plain path")
    }

    /// A good certificate for `name` and its private key, as PEM.
    pub fn pair(&self, name: &str) -> (String, String) {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }

    /// A server with a good certificate for `name` (a DNS name or an address).
    pub fn web(&self, name: &str, handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Web {
        self.web_until(2999, name, handler)
    }

    /// The same with a certificate that is good until the first day of this year.
    pub fn web_until(&self, year: i32, name: &str, handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Web {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .expect("key and certificate belong together");
        let config = Arc::new(config);
        let wrap = move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a good configuration");
            Box::new(StreamOwned::new(connection, stream)) as _
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the system has a port left");
        Web::serve(listener, "https", Arc::new(wrap), Arc::new(handler))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}
