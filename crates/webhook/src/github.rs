//! [GitHub](https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries): a signature over the body.

use crate::delivery::{Delivery, Verified, malformed};
use crate::refused::Refused;
use crate::signature::{HmacSha256, any_matches, from_hex};

/// Not the older `x-hub-signature`, which is SHA-1.
const SIGNATURE: &str = "x-hub-signature-256";
/// The same when a delivery is sent again.
const ID: &str = "x-github-delivery";

pub(crate) fn verify(keys: &[&[u8]], delivery: &Delivery<'_>) -> Result<Verified, Refused> {
    let header = delivery.header(SIGNATURE)?;
    let signature = header.strip_prefix("sha256=").and_then(from_hex).ok_or_else(|| malformed(SIGNATURE))?;
    let id = delivery.id(ID)?;
    if !any_matches::<HmacSha256>(keys, &[delivery.body], &[signature]) {
        return Err(Refused::Mismatch);
    }
    Ok(Verified { id: id.to_owned(), timestamp_s: None })
}
