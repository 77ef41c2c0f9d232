//! An HMAC in a header, in the form that the receiver says.

use sha2::{Digest, Sha256};

use crate::delivery::{Delivery, Verified, malformed};
use crate::refused::Refused;
use crate::signature::{HmacSha256, HmacSha512, any_matches, from_base64, from_hex};

/// The form of a plain HMAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hmac {
    /// Header with the signature.
    pub header: String,
    /// The hash under the HMAC.
    pub algorithm: Algorithm,
    /// How the header writes the signature.
    pub encoding: Encoding,
    /// What must stand before the signature, as `sha256=`; empty for nothing.
    pub prefix: String,
    /// Header with the time, in seconds since 1970; then `<time>.<body>` is what is signed, else the body alone.
    pub timestamp_header: Option<String>,
    /// Header with the delivery's id. Without one the id is the SHA-256 of what is signed, in lower-case hexadecimal, so
    /// that two deliveries of the same body, at the same time where that is signed, are one.
    pub id_header: Option<String>,
}

/// A hash function under an HMAC. There is no SHA-1: it is not for new things, and for old ones there are other schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// Bytes as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Two digits for each byte, of either case.
    Hex,
    /// RFC 4648, padded.
    Base64,
}

impl Default for Hmac {
    fn default() -> Self {
        Self {
            header: "x-signature".to_owned(),
            algorithm: Algorithm::Sha256,
            encoding: Encoding::Hex,
            prefix: String::new(),
            timestamp_header: None,
            id_header: None,
        }
    }
}

pub(crate) fn verify(form: &Hmac, keys: &[&[u8]], delivery: &Delivery<'_>) -> Result<Verified, Refused> {
    let header = delivery.header(&form.header)?;
    let signatures = [form.signature(header).ok_or_else(|| malformed(&form.header))?];
    let id = form.id_header.as_ref().map(|name| delivery.id(name)).transpose()?;
    let mut signed = vec![delivery.body];
    let mut timestamp_s = None;
    if let Some(name) = &form.timestamp_header {
        let time = delivery.header(name)?;
        timestamp_s = Some(delivery.time(name, time)?);
        signed.splice(..0, [time.as_bytes(), b"."]);
    }
    let matches = match form.algorithm {
        Algorithm::Sha256 => any_matches::<HmacSha256>(keys, &signed, &signatures),
        Algorithm::Sha512 => any_matches::<HmacSha512>(keys, &signed, &signatures),
    };
    if !matches {
        return Err(Refused::Mismatch);
    }
    Ok(Verified { id: id.map_or_else(|| hash(&signed), str::to_owned), timestamp_s })
}

impl Hmac {
    fn signature(&self, header: &str) -> Option<Vec<u8>> {
        let text = header.strip_prefix(&self.prefix)?;
        match self.encoding {
            Encoding::Hex => from_hex(text),
            Encoding::Base64 => from_base64(text),
        }
    }
}

/// SHA-256 of the parts, in hexadecimal.
fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
