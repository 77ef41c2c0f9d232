//! The keys known at one moment, and the tokens they have verified.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::AlgorithmFamily;
use sha2::{Digest, Sha256};

use super::claims::{Claims, Hours};
use super::header::Parts;
use super::keys::Key;
use super::refused::Refused;

/// How many tokens are remembered.
const REMEMBERED: usize = 1024;

/// A set of keys that never changes: other keys make another ring, which has forgotten what this one has verified.
#[derive(Default)]
pub(super) struct Ring {
    keys: Vec<Arc<Key>>,
    /// By the SHA-256 of the token, so that memory holds no credentials.
    verified: Mutex<HashMap<[u8; 32], (Claims, Hours)>>,
}

impl Ring {
    pub(super) fn new(keys: Vec<Arc<Key>>) -> Self {
        Self { keys, verified: Mutex::default() }
    }

    /// Whether one of the keys has signed the token.
    ///
    /// With a key id, the keys of that name are tried, or, when there is none, those that have no name (a secret, a PEM
    /// file), since they cannot contradict it. Without, all are. Of these, the ones that allow the token's algorithm.
    pub(super) fn verify(&self, parts: &Parts<'_>) -> Result<(), Refused> {
        let is_named = |key: &&Arc<Key>| parts.key_id.is_none() || key.id() == parts.key_id.as_deref();
        let named: Vec<_> = self.keys.iter().filter(is_named).collect();
        if !named.is_empty() {
            return try_each(&named, parts);
        }
        let nameless: Vec<_> = self.keys.iter().filter(|key| key.id().is_none()).collect();
        let only_nameless = nameless.len() == self.keys.len() && !nameless.is_empty();
        try_each(&nameless, parts).map_err(|refused| if only_nameless { refused } else { Refused::UnknownKey })
    }

    /// What the token said when it was verified before.
    pub(super) fn recall(&self, parts: &Parts<'_>) -> Option<(Claims, Hours)> {
        let digest = digest(parts)?;
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }

    /// Only verified tokens come here, so no stranger can push the others out.
    pub(super) fn remember(&self, parts: &Parts<'_>, claims: &Claims, hours: Hours) {
        let Some(digest) = digest(parts) else { return };
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= REMEMBERED {
            verified.clear();
        }
        verified.insert(digest, (claims.clone(), hours));
    }
}

fn try_each(keys: &[&Arc<Key>], parts: &Parts<'_>) -> Result<(), Refused> {
    let mut fitting = keys.iter().filter(|key| key.algorithms().contains(&parts.algorithm)).peekable();
    fitting.peek().ok_or(Refused::Algorithm)?;
    let verified = fitting.any(|key| key.verifies(parts.algorithm, parts.signed, &parts.signature));
    verified.then_some(()).ok_or(Refused::Signature)
}

/// `None` for what is not worth remembering: an HMAC takes no longer than the digest.
fn digest(parts: &Parts<'_>) -> Option<[u8; 32]> {
    (parts.algorithm.family() != AlgorithmFamily::Hmac).then(|| Sha256::digest(parts.token).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let ring = Ring::default();
        let claims = Claims { json: "{}".to_owned(), role: None, subject: None, expires_s: None };
        // {"alg":"EdDSA"} and payloads of four characters.
        let tokens: Vec<_> = (1000..3000).map(|n| format!("eyJhbGciOiJFZERTQSJ9.{n}.AAAA")).collect();
        for token in &tokens {
            let parts = Parts::split(token).unwrap();
            assert!(ring.recall(&parts).is_none());
            ring.remember(&parts, &claims, Hours::default());
            assert!(ring.recall(&parts).is_some());
            assert!(ring.verified.lock().unwrap().len() <= REMEMBERED);
        }
        let seldom = Parts::split("eyJhbGciOiJIUzI1NiJ9.e30.AAAA").unwrap();
        ring.remember(&seldom, &claims, Hours::default());
        assert!(ring.recall(&seldom).is_none(), "an HMAC is verified each time");
    }
}
