//! A token taken apart: what its header asks for, the bytes that are signed, and the signature. Believes nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use super::algorithm;
use super::refused::Refused;

/// The longest token that is looked at. Longer ones do not fit the header of a request at most proxies either.
const TOKEN_BYTES: usize = 8 * 1024;

/// The three parts of a token.
pub(super) struct Parts<'a> {
    /// All of it.
    pub(super) token: &'a str,
    /// What the signature is over.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
    pub(super) algorithm: Algorithm,
    /// The key it says it is signed with.
    pub(super) key_id: Option<String>,
    payload: &'a str,
}

/// The members of a JOSE header that matter here. One that stands twice makes it unreadable; unknown ones are left alone
/// as RFC 7515 §4 wants it, among them those that carry keys (`jwk`, `jku`, `x5c`, `x5u`): a token does not bring its key.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "string")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "string")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// A string, where an `Option` would let `null` pass as well.
fn string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|IgnoredAny| true)
}

impl<'a> Parts<'a> {
    pub(super) fn split(token: &'a str) -> Result<Self, Refused> {
        if token.len() > TOKEN_BYTES {
            return Err(Refused::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Refused::Malformed)?;
        if payload.contains('.') {
            return Err(Refused::Malformed);
        }
        let header = decode(header)?;
        // A JSON array would do for serde: it is read as the members in their order.
        if header.trim_ascii_start().first() != Some(&b'{') {
            return Err(Refused::Malformed);
        }
        let header: Header = serde_json::from_slice(&header).map_err(|_| Refused::Malformed)?;
        let signature = decode(signature)?;
        if header.crit {
            return Err(Refused::Extension);
        }
        if !header.typ.as_deref().is_none_or(is_jwt) {
            return Err(Refused::Type);
        }
        let algorithm = algorithm::named(&header.alg).ok_or(Refused::Algorithm)?;
        Ok(Self { token, signed, signature, algorithm, key_id: header.kid, payload })
    }

    /// The payload as signed. To be called once the signature is verified.
    pub(super) fn payload(&self) -> Result<String, Refused> {
        String::from_utf8(decode(self.payload)?).map_err(|_| Refused::Malformed)
    }
}

/// A JWT (RFC 7519 §5.1) or an access token (RFC 9068 §2.1); media types ignore case and may leave out `application/`.
fn is_jwt(typ: &str) -> bool {
    let subtype = match typ.split_at_checked("application/".len()) {
        Some((kind, subtype)) if kind.eq_ignore_ascii_case("application/") => subtype,
        _ => typ,
    };
    ["JWT", "at+jwt"].iter().any(|accepted| subtype.eq_ignore_ascii_case(accepted))
}

/// Unpadded, and with no bit set beyond the last byte: each value has one text, so each token has one as well.
fn decode(part: &str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed)
}
