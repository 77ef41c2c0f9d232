//! What the gateway's configuration says about tokens, and what can be wrong with it.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

/// Which tokens are believed.
#[derive(Clone)]
pub struct TokenSettings {
    /// The secret of HS256 (32 bytes or more), HS384 (48) and HS512 (64).
    pub secret: Option<String>,
    /// Whether `secret` is base64 (standard or URL-safe, padded or not).
    pub secret_is_base64: bool,
    /// PEM files with one public key each: RSA (SPKI or PKCS #1), EC P-256 or P-384, Ed25519.
    pub public_keys: Vec<PathBuf>,
    /// A JSON Web Key Set (or one key): the path of a file, or an https URL. http is for loopback hosts.
    pub jwks: Option<String>,
    /// The algorithms that are accepted; empty: what each key is made for.
    pub algorithms: Vec<String>,
    /// Who this gateway is to a token: one of them must be in `aud`. Empty: as in PostgREST, tokens of any audience are
    /// accepted, and `aud` only has to be a string or an array of strings. Stricter than PostgREST: when there are
    /// entries, a token without `aud` is refused.
    pub audience: Vec<String>,
    /// What `iss` must be; `None`: anything.
    pub issuer: Option<String>,
    /// How far, in seconds, the issuer's clock may be from this one.
    pub leeway_s: u64,
    /// The claim that holds the role: a name, or a path such as `.realm_access.role`, `.roles[0]`, `."a b"`.
    pub role_claim: String,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self {
            secret: None,
            secret_is_base64: false,
            public_keys: Vec::new(),
            jwks: None,
            algorithms: Vec::new(),
            audience: Vec::new(),
            issuer: None,
            leeway_s: 30,
            role_claim: "role".to_owned(),
        }
    }
}

/// Everything but the secret, which must not reach a log.
impl fmt::Debug for TokenSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSettings")
            .field("secret", &self.secret.as_ref().map(|_| "[redacted]"))
            .field("secret_is_base64", &self.secret_is_base64)
            .field("public_keys", &self.public_keys)
            .field("jwks", &self.jwks)
            .field("algorithms", &self.algorithms)
            .field("audience", &self.audience)
            .field("issuer", &self.issuer)
            .field("leeway_s", &self.leeway_s)
            .field("role_claim", &self.role_claim)
            .finish()
    }
}

/// What is wrong with the settings, and what to do about it. Holds no part of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The secret is shorter than the hash it is used with.
    SecretTooShort {
        /// How long it is, in bytes, once decoded.
        bytes: usize,
    },
    /// The secret is not base64 although it should be.
    SecretNotBase64,
    /// The secret is a public key or a key set, which is not secret.
    SecretIsKey,
    /// A file of keys cannot be used.
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The URL of the key set cannot be used.
    JwksUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// An algorithm that is not supported.
    Algorithm(String),
    /// None of the accepted algorithms fits the key.
    NoAlgorithm {
        /// Where the key is from.
        key: String,
    },
    /// The path of the role claim cannot be read.
    RoleClaim(String),
    /// The library of cryptography is not as this build expects it.
    Cryptography,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretTooShort { bytes } => write!(
                f,
                "the JWT secret has {bytes} bytes, and 32 are needed at least; make one with `openssl rand -hex 32` and \
                 give it to whoever signs the tokens"
            ),
            Self::SecretNotBase64 => f.write_str(
                "the JWT secret is not base64; correct it, or switch off that it is decoded, to use it as it stands",
            ),
            Self::SecretIsKey => f.write_str(
                "the JWT secret is a PEM block or a JSON Web Key; name a file that holds it as public key or key set",
            ),
            Self::KeyFile { path, reason } => write!(f, "key file \"{}\": {reason}", path.display()),
            Self::JwksUrl { reason } => write!(f, "URL of the key set: {reason}"),
            Self::Algorithm(name) => write!(
                f,
                "JWT algorithm \"{name}\" is not supported; there are HS256, HS384, HS512, RS256, RS384, RS512, PS256, \
                 PS384, PS512, ES256, ES384 and EdDSA"
            ),
            Self::NoAlgorithm { key } => write!(
                f,
                "none of the accepted JWT algorithms fits {key}; name one that does, or none to accept what the key is \
                 made for (HS384 needs a secret of 48 bytes, HS512 of 64)"
            ),
            Self::RoleClaim(path) => write!(
                f,
                "\"{path}\" is no path to the role claim; write it as role, .realm_access.role, .roles[0] or .\"my role\""
            ),
            Self::Cryptography => f.write_str("the JWT library was built without exactly one provider of cryptography"),
        }
    }
}

impl Error for ConfigError {}
