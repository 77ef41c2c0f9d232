//! Why a token is refused, in words that its sender may read.

use std::error::Error;
use std::fmt;

/// Why a token is not believed. The text fits the `error_description` of `WWW-Authenticate` as it is: printable ASCII,
/// no quotation mark, no backslash, and nothing of the token or the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not three parts of base64url with JSON objects in the first two, or longer than 8 KiB.
    Malformed,
    /// The header says that the token is something else than a JWT.
    Type,
    /// The header lists extensions that have to be understood (`crit`); none is.
    Extension,
    /// Its algorithm is none that the key allows.
    Algorithm,
    /// It names a key that is not among those known.
    UnknownKey,
    /// No key verifies the signature.
    Signature,
    /// `exp` lies in the past.
    Expired,
    /// `nbf` lies in the future.
    NotYetValid,
    /// `iat` lies in the future.
    IssuedInFuture,
    /// It is made for someone else, or for nobody in particular.
    Audience,
    /// Somebody else has made it.
    Issuer,
    /// `exp`, `nbf`, `iat`, `aud` or `iss` is not of the type it must have, or out of range.
    Claim,
    /// The claim that holds the role is no name of a role.
    RoleClaim,
    /// The gateway has no key to verify tokens with.
    NoKeys,
    /// The keys could not be fetched yet: the same token may be accepted later.
    Unavailable,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the token is malformed",
            Self::Type => "the token is of a type that is not accepted",
            Self::Extension => "the token requires an extension that is not supported",
            Self::Algorithm => "the token is signed with an algorithm that is not accepted",
            Self::UnknownKey => "the token is signed with an unknown key",
            Self::Signature => "the signature of the token is wrong",
            Self::Expired => "the token has expired",
            Self::NotYetValid => "the token is not valid yet",
            Self::IssuedInFuture => "the token was issued in the future",
            Self::Audience => "the token is not meant for this audience",
            Self::Issuer => "the token is not from the expected issuer",
            Self::Claim => "a registered claim of the token has a wrong type or value",
            Self::RoleClaim => "the role claim of the token is not the name of a role",
            Self::NoKeys => "tokens are not accepted here",
            Self::Unavailable => "the keys that verify tokens are not available at the moment",
        })
    }
}

impl Error for Refused {}
