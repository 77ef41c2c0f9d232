//! The verifier: settings in, then tokens in and claims out.

use std::sync::Arc;
use std::time::SystemTime;

use super::algorithm::Accepted;
use super::claims::{Claims, Rules};
use super::header::Parts;
use super::jwks::{Keyring, Pace};
use super::keys::Key;
use super::refused::Refused;
use super::settings::{ConfigError, TokenSettings};

/// Decides which tokens are believed.
pub struct Verifier {
    keyring: Arc<Keyring>,
    rules: Rules,
}

impl Verifier {
    /// Reads the keys. A key set with a URL is fetched; when that fails, it is logged and tried again at a later token.
    ///
    /// # Errors
    /// What is wrong with the settings, or with a file of keys.
    pub async fn new(settings: TokenSettings) -> Result<Arc<Self>, ConfigError> {
        Self::with_pace(settings, Pace::default()).await
    }

    pub(super) async fn with_pace(settings: TokenSettings, pace: Pace) -> Result<Arc<Self>, ConfigError> {
        let rules = Rules::new(&settings)?;
        let accepted = Accepted::new(&settings.algorithms)?;
        let mut fixed: Vec<Arc<Key>> = Key::secret(&settings, &accepted)?.map(Arc::new).into_iter().collect();
        for path in &settings.public_keys {
            fixed.push(Arc::new(Key::pem(path, &accepted)?));
        }
        let keyring = Keyring::new(fixed, settings.jwks.as_deref(), accepted, pace).await?;
        Ok(Arc::new(Self { keyring, rules }))
    }

    /// Whether tokens can be verified at all: a secret, a public key or a key set is configured.
    pub fn has_keys(&self) -> bool {
        self.keyring.has_keys()
    }

    /// Verifies a token: the compact form alone, without "Bearer".
    ///
    /// # Errors
    /// Why it is refused. `Unavailable` is the only reason that is not the token's fault.
    pub async fn verify(&self, token: &str) -> Result<Claims, Refused> {
        self.verify_at(token, now_s()).await
    }

    pub(super) async fn verify_at(&self, token: &str, now_s: i64) -> Result<Claims, Refused> {
        if !self.has_keys() {
            return Err(Refused::NoKeys);
        }
        let parts = Parts::split(token)?;
        self.keyring.freshen().await;
        let mut outcome = self.check(&parts, now_s);
        if outcome == Err(Refused::UnknownKey) {
            self.keyring.look_for_unknown().await;
            outcome = self.check(&parts, now_s);
        }
        match outcome {
            // It may be the key set that is missing, not the key.
            Err(Refused::UnknownKey | Refused::Algorithm | Refused::Signature) if self.keyring.is_incomplete() => {
                Err(Refused::Unavailable)
            }
            outcome => outcome,
        }
    }

    fn check(&self, parts: &Parts<'_>, now_s: i64) -> Result<Claims, Refused> {
        let ring = self.keyring.ring();
        let (claims, hours) = match ring.recall(parts) {
            Some(known) => known,
            None => {
                ring.verify(parts)?;
                let (claims, hours) = self.rules.read(parts.payload()?)?;
                ring.remember(parts, &claims, hours);
                (claims, hours)
            }
        };
        self.rules.in_time(hours, now_s)?;
        Ok(claims)
    }
}

/// Seconds since 1970. A clock that cannot tell makes every token that ends at some time an expired one.
fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(i64::MAX)
}
