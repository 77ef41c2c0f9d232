//! JSON Web Key Sets (RFC 7517): from a document to the keys in it that are of use here.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::{self, Accepted};
use super::keys::Key;
use super::strict;

/// The largest document that is read.
pub(super) const DOCUMENT_BYTES: usize = 256 * 1024;
const KEYS: usize = 64;
const P256_BYTES: usize = 32;
const P384_BYTES: usize = 48;

/// Whether a document may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    /// A local file may.
    Allowed,
    /// What is fetched is public: who else can read it could sign tokens.
    Refused,
}

/// The members of a JWK (RFC 7517 §4, RFC 7518 §6) that make a key. Those of private keys are not read.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    k: Option<String>,
}

/// The keys of a set, or of a document that is one key. Those that are for something else, or of a kind that is not
/// known, are left out (RFC 7517 §5).
///
/// # Errors
/// The document is no key set, has more than 64 keys, or none of use.
pub(super) fn read(document: &str, secrets: Secrets, accepted: &Accepted) -> Result<Vec<Arc<Key>>, String> {
    let document = strict::object(document).ok_or("it is not a JSON object, or a key stands twice in it")?;
    let entries = match document.get("keys") {
        Some(keys) => keys.as_array().ok_or("its \"keys\" is not an array")?.clone(),
        None => vec![document],
    };
    if entries.len() > KEYS {
        return Err(format!("it has {} keys, and {KEYS} are read at most", entries.len()));
    }
    let mut keys = Vec::new();
    for (at, entry) in entries.into_iter().enumerate() {
        match key(entry, secrets, accepted) {
            Ok(key) => keys.push(Arc::new(key)),
            Err(reason) => tracing::warn!(key = at, reason, "a key of the JSON Web Key Set is left out"),
        }
    }
    if keys.is_empty() { Err("it has no key that can verify tokens".to_owned()) } else { Ok(keys) }
}

fn key(entry: Value, secrets: Secrets, accepted: &Accepted) -> Result<Key, &'static str> {
    let jwk: Jwk = serde_json::from_value(entry).map_err(|_| "it is not a JSON Web Key")?;
    if jwk.purpose.as_ref().is_some_and(|purpose| purpose != "sig") {
        return Err("its use is not to sign");
    }
    if jwk.key_ops.as_ref().is_some_and(|operations| !operations.iter().any(|operation| operation == "verify")) {
        return Err("its key_ops are without verify");
    }
    let only = match &jwk.alg {
        Some(name) => Some(algorithm::named(name).ok_or("its alg is not supported")?),
        None => None,
    };
    let (key, curve) = match jwk.kty.as_str() {
        "oct" if secrets == Secrets::Refused => return Err("it is a secret, which must not come from a URL"),
        "oct" => {
            let secret = URL_SAFE_NO_PAD.decode(jwk.k.as_deref().unwrap_or_default()).map_err(|_| "its k is wrong")?;
            (Key::hmac(&secret, accepted).map_err(|_| "its secret is shorter than 32 bytes")?, None)
        }
        _ => {
            let (key, curve) = jwk.public()?;
            let unusable = "its key is none of RSA with 2048 to 8192 bits, EC P-256 or P-384, Ed25519";
            (Key::public(key, accepted).ok().flatten().ok_or(unusable)?, curve)
        }
    };
    let key = key.narrowed(jwk.kid, only.or(curve));
    if key.algorithms().is_empty() { Err("none of the accepted algorithms fits it") } else { Ok(key) }
}

impl Jwk {
    /// The public key, and the algorithm of its curve when it is on one of those that share a kind.
    fn public(&self) -> Result<(DecodingKey, Option<Algorithm>), &'static str> {
        let (x, y) = (self.x.as_deref().unwrap_or_default(), self.y.as_deref().unwrap_or_default());
        let point = |bytes: usize| {
            let coordinate = |text: &str| URL_SAFE_NO_PAD.decode(text).is_ok_and(|decoded| decoded.len() == bytes);
            let key = (coordinate(x) && coordinate(y)).then(|| DecodingKey::from_ec_components(x, y).ok());
            key.flatten().ok_or("its x or y is wrong")
        };
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (self.n.as_deref().unwrap_or_default(), self.e.as_deref().unwrap_or_default());
                DecodingKey::from_rsa_components(n, e).map(|key| (key, None)).map_err(|_| "its n or e is wrong")
            }
            ("EC", Some("P-256")) => Ok((point(P256_BYTES)?, Some(Algorithm::ES256))),
            ("EC", Some("P-384")) => Ok((point(P384_BYTES)?, Some(Algorithm::ES384))),
            ("OKP", Some("Ed25519")) => {
                DecodingKey::from_ed_components(x).map(|key| (key, None)).map_err(|_| "its x is wrong")
            }
            _ => Err("its kty or crv is not supported"),
        }
    }
}
