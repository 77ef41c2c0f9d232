//! Why a delivery is refused.

use std::fmt;

/// Why a delivery is refused, in words that hold nothing of a secret or a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such header.
    Missing(String),
    /// There is more than one such header, and nobody can say which one the sender meant.
    Repeated(String),
    /// The header is not of the scheme's form.
    Malformed(String),
    /// The delivery is older than the tolerance.
    Stale,
    /// The delivery is of a time that is further ahead than the tolerance.
    Future,
    /// None of the secrets made any of the signatures.
    Mismatch,
    /// The signature is right, but the body does not hold the delivery's id, as the scheme says it does.
    NoId,
    /// There is no secret to check with: the receiver's fault.
    NoSecret,
    /// The secret at this place, counted from 0, is not one of the scheme: the receiver's fault.
    BadSecret(usize),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(header) => write!(f, "header \"{header}\" is missing"),
            Self::Repeated(header) => write!(f, "header \"{header}\" is there more than once"),
            Self::Malformed(header) => write!(f, "header \"{header}\" is malformed"),
            Self::Stale => f.write_str("delivery is too old"),
            Self::Future => f.write_str("delivery is from the future"),
            Self::Mismatch => f.write_str("signature does not match"),
            Self::NoId => f.write_str("signed body has no id"),
            Self::NoSecret => f.write_str("there is no secret to verify with"),
            Self::BadSecret(at) => write!(f, "secret {} is not one of the scheme", at.saturating_add(1)),
        }
    }
}

impl std::error::Error for Refused {}
