//! What the tests share: tokens, key sets and files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::fixtures;
use crate::token::{TokenSettings, Verifier};

pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// The hour of the tests.
pub(super) const NOW_S: i64 = 1_800_000_000;

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn key(algorithm: Algorithm) -> EncodingKey {
    use fixtures::{ED_PRIVATE, P256_PRIVATE, P384_PRIVATE, RSA_PRIVATE};
    match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_pem(P256_PRIVATE.as_bytes()).unwrap(),
        Algorithm::ES384 => EncodingKey::from_ec_pem(P384_PRIVATE.as_bytes()).unwrap(),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(ED_PRIVATE.as_bytes()).unwrap(),
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => EncodingKey::from_secret(SECRET.as_bytes()).unwrap(),
        _ => EncodingKey::from_rsa_pem(RSA_PRIVATE.as_bytes()).unwrap(),
    }
}

/// Signs whatever it is given.
pub(super) fn sign_text(header: &str, payload: impl AsRef<[u8]>, key: &EncodingKey, algorithm: Algorithm) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = crypto::sign(signed.as_bytes(), key, algorithm).unwrap();
    format!("{signed}.{signature}")
}

pub(super) fn sign(algorithm: Algorithm, payload: &Value) -> String {
    sign_text(&json!({ "alg": name(algorithm) }).to_string(), payload.to_string(), &key(algorithm), algorithm)
}

/// A token that names its key.
pub(super) fn sign_as(kid: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let header = json!({ "alg": name(algorithm), "kid": kid, "typ": "JWT" });
    sign_text(&header.to_string(), payload().to_string(), key, algorithm)
}

/// A token of the secret, with the payload to the letter.
pub(super) fn sign_payload(payload: impl AsRef<[u8]>) -> String {
    sign_text(r#"{"alg":"HS256"}"#, payload, &key(Algorithm::HS256), Algorithm::HS256)
}

pub(super) fn name(algorithm: Algorithm) -> String {
    format!("{algorithm:?}")
}

pub(super) fn payload() -> Value {
    json!({ "role": "web_user", "sub": "42", "exp": NOW_S + 3600 })
}

/// The public half of a key, as an entry of a key set.
pub(super) fn jwk(kid: &str, key: &EncodingKey, algorithm: Algorithm) -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
    jwk["kid"] = kid.into();
    jwk["use"] = "sig".into();
    jwk
}

pub(super) fn with_secret() -> TokenSettings {
    TokenSettings { secret: Some(SECRET.to_owned()), ..TokenSettings::default() }
}

pub(super) async fn verifier(settings: TokenSettings) -> Arc<Verifier> {
    Verifier::new(settings).await.unwrap()
}

pub(super) async fn with_pem(pem: &str) -> Arc<Verifier> {
    let file = Scratch::new(pem);
    verifier(TokenSettings { public_keys: vec![file.path().to_owned()], ..TokenSettings::default() }).await
}

/// A file that goes with the test.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(text: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("alyx-token-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let scratch = Self(std::env::temp_dir().join(name));
        scratch.write(text);
        scratch
    }

    pub(super) fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn jwks(&self) -> TokenSettings {
        TokenSettings { jwks: Some(self.0.to_str().unwrap().to_owned()), ..TokenSettings::default() }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
