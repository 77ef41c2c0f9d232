//! One key and what it may be used for.
//!
//! A key decides on its algorithms, never the token: what a key allows is fixed when it is read, from its kind, its
//! size or curve, its own `alg` and the settings.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jsonwebtoken::crypto::CryptoProvider;
use jsonwebtoken::{Algorithm, DecodingKey};

use super::algorithm::Accepted;
use super::settings::{ConfigError, TokenSettings};

const HMAC: [(Algorithm, usize); 3] = [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)];
const RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
/// RFC 7518 §3.3 sets the lower bound, the library the upper one.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
const ED25519_BYTES: usize = 32;

/// A key that verifies signatures.
pub(super) struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
    provider: &'static CryptoProvider,
}

impl Key {
    /// The secret of the settings. It must be as long as the hash it is used with (RFC 7518 §3.2), the shortest of
    /// which has 32 bytes.
    pub(super) fn secret(settings: &TokenSettings, accepted: &Accepted) -> Result<Option<Self>, ConfigError> {
        let Some(secret) = &settings.secret else { return Ok(None) };
        // A public key taken for a secret would let everyone who knows it sign tokens.
        let text = secret.trim_start();
        if text.contains("-----BEGIN ") || (text.starts_with('{') && text.contains("\"kty\"")) {
            return Err(ConfigError::SecretIsKey);
        }
        let secret = if settings.secret_is_base64 { decode(secret)? } else { secret.as_bytes().to_vec() };
        let key = Self::hmac(&secret, accepted)?;
        key.algorithms.first().ok_or_else(|| ConfigError::NoAlgorithm { key: "the JWT secret".to_owned() })?;
        Ok(Some(key))
    }

    /// The public key of a PEM file.
    pub(super) fn pem(path: &Path, accepted: &Accepted) -> Result<Self, ConfigError> {
        let wrong = |reason: &str| ConfigError::KeyFile { path: path.to_owned(), reason: reason.to_owned() };
        let text = fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
        let kind = text.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----")).map(|(kind, _)| kind);
        match kind {
            Some("PUBLIC KEY" | "RSA PUBLIC KEY") => {}
            Some(kind) if kind.ends_with("PRIVATE KEY") => {
                return Err(wrong("it holds a private key; give its public half (openssl pkey -pubout)"));
            }
            Some("CERTIFICATE") => {
                return Err(wrong("it holds a certificate; give its public key (openssl x509 -noout -pubkey)"));
            }
            _ => return Err(wrong("it holds no public key in PEM")),
        }
        if text.matches("-----BEGIN ").count() > 1 {
            return Err(wrong("it holds several keys; give each a file of its own"));
        }
        let bytes = text.as_bytes();
        let key = DecodingKey::from_rsa_pem(bytes)
            .or_else(|_| DecodingKey::from_ec_pem(bytes))
            .or_else(|_| DecodingKey::from_ed_pem(bytes))
            .map_err(|_| wrong("its key is neither RSA nor EC nor Ed25519"))?;
        let unusable = || wrong("its key is none of RSA with 2048 to 8192 bits, EC P-256 or P-384, Ed25519");
        let key = Self::public(key, accepted)?.ok_or_else(unusable)?;
        key.algorithms.first().ok_or_else(|| ConfigError::NoAlgorithm { key: path.display().to_string() })?;
        Ok(key)
    }

    /// A shared secret. Which of the algorithms it allows may be none.
    pub(super) fn hmac(secret: &[u8], accepted: &Accepted) -> Result<Self, ConfigError> {
        let long_enough = HMAC.iter().filter(|(_, bytes)| secret.len() >= *bytes);
        let fitting: Vec<_> = long_enough.map(|(algorithm, _)| *algorithm).collect();
        let too_short = || ConfigError::SecretTooShort { bytes: secret.len() };
        fitting.first().ok_or_else(too_short)?;
        let key = DecodingKey::from_secret(secret).map_err(|_| too_short())?;
        Ok(Self { id: None, algorithms: accepted.of(&fitting), key, provider: provider()? })
    }

    /// A public key; `None` when it is of no use: too small, not on its curve, of another curve.
    pub(super) fn public(key: DecodingKey, accepted: &Accepted) -> Result<Option<Self>, ConfigError> {
        let provider = provider()?;
        let fitting = match (key.family(), key.try_get_as_bytes().map(<[u8]>::len)) {
            // The library takes 32 bytes of whatever it is given, and panics when there are fewer.
            (jsonwebtoken::AlgorithmFamily::Ed, Ok(ED25519_BYTES)) => vec![Algorithm::EdDSA],
            (jsonwebtoken::AlgorithmFamily::Ec, Ok(_)) => vec![Algorithm::ES256, Algorithm::ES384],
            (jsonwebtoken::AlgorithmFamily::Rsa, _) if has_good_size(&key, provider) => RSA.to_vec(),
            _ => Vec::new(),
        };
        // Reads the key as a verification would: a point must lie on the curve of the algorithm.
        let readable = |algorithm: &Algorithm| (provider.verifier_factory)(algorithm, &key).is_ok();
        let fitting: Vec<_> = fitting.into_iter().filter(readable).collect();
        if fitting.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { id: None, algorithms: accepted.of(&fitting), key, provider }))
    }

    /// The same key by a name, for one algorithm only when it says so itself.
    pub(super) fn narrowed(mut self, id: Option<String>, to: Option<Algorithm>) -> Self {
        self.id = id;
        self.algorithms.retain(|algorithm| to.is_none_or(|only| only == *algorithm));
        self
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(super) fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// Whether this key has made the signature, with an algorithm that it allows.
    pub(super) fn verifies(&self, algorithm: Algorithm, signed: &str, signature: &Vec<u8>) -> bool {
        self.algorithms.contains(&algorithm)
            && (self.provider.verifier_factory)(&algorithm, &self.key)
                .is_ok_and(|verifier| verifier.verify(signed.as_bytes(), signature).is_ok())
    }
}

/// Asked for instead of left to the library, which panics when features of another crate have made it ambiguous.
fn provider() -> Result<&'static CryptoProvider, ConfigError> {
    CryptoProvider::try_get_default().ok_or(ConfigError::Cryptography)
}

fn has_good_size(key: &DecodingKey, provider: &CryptoProvider) -> bool {
    use jsonwebtoken::DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
    let modulus = match key.kind() {
        RsaModulusExponent { n, .. } => Some(n.clone()),
        SecretOrDer(der) => (provider.key_utils.rsa_pub_components_from_public_key)(der).ok().map(|(n, _)| n),
    };
    let bits = modulus.and_then(|modulus| {
        let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
        let first = modulus.get(zeros)?;
        let leading = usize::try_from(first.leading_zeros()).ok()?;
        Some((modulus.len() - zeros) * 8 - leading)
    });
    bits.is_some_and(|bits| RSA_BITS.contains(&bits))
}

/// Both alphabets, padded or not, as PostgREST takes it.
fn decode(secret: &str) -> Result<Vec<u8>, ConfigError> {
    let either = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let standard = secret.trim().replace('-', "+").replace('_', "/");
    GeneralPurpose::new(&STANDARD, either).decode(standard).map_err(|_| ConfigError::SecretNotBase64)
}
