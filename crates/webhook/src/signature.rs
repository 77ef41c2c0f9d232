//! HMACs compared in constant time, and signatures as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{KeyInit, Mac};

/// HMAC-SHA256.
pub(crate) type HmacSha256 = hmac::Hmac<sha2::Sha256>;
/// HMAC-SHA512.
pub(crate) type HmacSha512 = hmac::Hmac<sha2::Sha512>;

/// A header with more signatures is refused: a sender has one for each of its keys, and each may cost a hash of the body.
pub(crate) const MOST_SIGNATURES: usize = 16;

/// Whether any of the keys made any of the signatures over the parts, one after the other.
///
/// All are tried, also after one that matches: how long it takes tells nothing of which one did.
pub(crate) fn any_matches<M: Mac + KeyInit + Clone>(
    keys: &[impl AsRef<[u8]>],
    parts: &[&[u8]],
    signatures: &[Vec<u8>],
) -> bool {
    let mut found = false;
    for key in keys {
        // HMAC takes keys of every length, so none is passed over.
        let Ok(mut mac) = <M as KeyInit>::new_from_slice(key.as_ref()) else { continue };
        parts.iter().for_each(|part| mac.update(part));
        for signature in signatures {
            found |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    found
}

/// Bytes from pairs of hexadecimal digits of either case.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

/// Bytes from padded base64, in its one canonical way to be written.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
