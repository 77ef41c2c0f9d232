//! Signature algorithms: their names, and which of them a key may be used with.

use jsonwebtoken::Algorithm;

use super::settings::ConfigError;

/// The algorithm of that name. There is no "none", in any spelling, and names are case-sensitive (RFC 7515 §4.1.1).
pub(super) fn named(name: &str) -> Option<Algorithm> {
    match name {
        // RFC 9864 names the curve; "EdDSA" with the keys that are accepted here means the same.
        "Ed25519" => Some(Algorithm::EdDSA),
        name => name.parse().ok(),
    }
}

/// The algorithms that the settings accept.
#[derive(Clone, Debug)]
pub(super) struct Accepted(Vec<Algorithm>);

impl Accepted {
    pub(super) fn new(names: &[String]) -> Result<Self, ConfigError> {
        let one = |name: &String| named(name).ok_or_else(|| ConfigError::Algorithm(name.clone()));
        names.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Those of `fitting` that are accepted: all of them when the settings name none.
    pub(super) fn of(&self, fitting: &[Algorithm]) -> Vec<Algorithm> {
        fitting.iter().copied().filter(|algorithm| self.0.is_empty() || self.0.contains(algorithm)).collect()
    }
}
