//! [Standard Webhooks 1.0.0](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
//! a signature over `<id>.<time>.<body>`, symmetric (`v1`) or asymmetric (`v1a`).

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ed25519_dalek::{Signature, VerifyingKey};

use crate::delivery::{Delivery, Verified, malformed};
use crate::refused::Refused;
use crate::signature::{HmacSha256, MOST_SIGNATURES, any_matches, from_base64};

/// Id, time, signature.
const NAMES: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];
/// What they were called at Svix before there was a standard.
const SVIX_NAMES: [&str; 3] = ["svix-id", "svix-timestamp", "svix-signature"];
/// Bytes of a symmetric key.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Keys are copied by hand, and lose their padding then.
const KEY_TEXT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(crate) fn verify(secrets: &[&str], delivery: &Delivery<'_>) -> Result<Verified, Refused> {
    let mut keys = Keys::default();
    for (at, secret) in secrets.iter().enumerate() {
        keys.add(secret).ok_or(Refused::BadSecret(at))?;
    }
    // Never a mixture: a header that was added on the way must not stand in for one of the sender's.
    let is_svix = !NAMES.iter().any(|name| delivery.has(name)) && SVIX_NAMES.iter().any(|name| delivery.has(name));
    let [id_name, time_name, signature_name] = if is_svix { SVIX_NAMES } else { NAMES };
    let id = delivery.id(id_name)?;
    // A dot would let the end of an id pass for a time.
    if id.contains('.') {
        return Err(malformed(id_name));
    }
    let time = delivery.header(time_name)?;
    let timestamp_s = delivery.time(time_name, time)?;
    let signatures = Signatures::read(delivery.header(signature_name)?).ok_or_else(|| malformed(signature_name))?;
    let signed = [id.as_bytes(), b".", time.as_bytes(), b".", delivery.body];
    let is_symmetric = any_matches::<HmacSha256>(&keys.symmetric, &signed, &signatures.symmetric);
    if !is_symmetric && !keys.public_match(&signed, &signatures.public) {
        return Err(Refused::Mismatch);
    }
    Ok(Verified { id: id.to_owned(), timestamp_s: Some(timestamp_s) })
}

/// What the secrets are.
#[derive(Default)]
struct Keys {
    symmetric: Vec<Vec<u8>>,
    public: Vec<VerifyingKey>,
}

impl Keys {
    /// Reads one more secret; `None` when it is none.
    fn add(&mut self, secret: &str) -> Option<()> {
        if let Some(text) = secret.strip_prefix("whpk_") {
            let bytes = KEY_TEXT.decode(text).ok()?.try_into().ok()?;
            // There are points for which anybody can sign.
            self.public.push(VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak())?);
        } else {
            let bytes = KEY_TEXT.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok()?;
            self.symmetric.push(KEY_BYTES.contains(&bytes.len()).then_some(bytes)?);
        }
        Some(())
    }

    /// All that is compared here is public, so the first match ends it.
    fn public_match(&self, signed: &[&[u8]], signatures: &[Signature]) -> bool {
        if self.public.is_empty() || signatures.is_empty() {
            return false;
        }
        let signed = signed.concat();
        self.public.iter().any(|key| signatures.iter().any(|one| key.verify_strict(&signed, one).is_ok()))
    }
}

/// The signatures of a header, without those of versions that are not known and those that cannot be right.
#[derive(Default)]
struct Signatures {
    symmetric: Vec<Vec<u8>>,
    public: Vec<Signature>,
}

impl Signatures {
    /// Reads `<version>,<base64>` between spaces; `None` when there are too many.
    fn read(header: &str) -> Option<Self> {
        let mut read = Self::default();
        for (version, text) in header.split(' ').filter_map(|part| part.split_once(',')) {
            match version {
                "v1" => read.symmetric.extend(from_base64(text)),
                "v1a" => read.public.extend(from_base64(text).and_then(|bytes| Signature::from_slice(&bytes).ok())),
                _ => {}
            }
        }
        (read.symmetric.len() + read.public.len() <= MOST_SIGNATURES).then_some(read)
    }
}
