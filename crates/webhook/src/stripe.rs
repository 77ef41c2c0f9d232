//! [Stripe](https://docs.stripe.com/webhooks/signature): `Stripe-Signature: t=<time>,v1=<hex>,…` over `<time>.<body>`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::delivery::{Delivery, Verified, is_id, malformed};
use crate::refused::Refused;
use crate::signature::{HmacSha256, MOST_SIGNATURES, any_matches, from_hex};

const HEADER: &str = "stripe-signature";

pub(crate) fn verify(keys: &[&[u8]], delivery: &Delivery<'_>) -> Result<Verified, Refused> {
    let (time, signatures) = read(delivery.header(HEADER)?).ok_or_else(|| malformed(HEADER))?;
    let timestamp_s = delivery.time(HEADER, time)?;
    if !any_matches::<HmacSha256>(keys, &[time.as_bytes(), b".", delivery.body], &signatures) {
        return Err(Refused::Mismatch);
    }
    // Not before: nobody's JSON is read but the sender's.
    let id = id(delivery.body).ok_or(Refused::NoId)?;
    Ok(Verified { id, timestamp_s: Some(timestamp_s) })
}

/// The time and the signatures of `v1`; those of other schemes, and those that cannot be right, are passed over.
fn read(header: &str) -> Option<(&str, Vec<Vec<u8>>)> {
    let (mut times, mut texts) = (Vec::new(), Vec::new());
    for part in header.split(',') {
        match part.split_once('=')? {
            ("t", time) => times.push(time),
            ("v1", text) => texts.push(text),
            _ => {}
        }
    }
    let [time] = times.as_slice() else { return None };
    let signatures: Vec<Vec<u8>> = texts.into_iter().filter_map(from_hex).collect();
    (signatures.len() <= MOST_SIGNATURES).then_some((*time, signatures))
}

/// The event's id. The rest of the event is passed over, not read: it may hold numbers that no type of ours holds.
fn id(body: &[u8]) -> Option<String> {
    let event: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    let id: String = serde_json::from_str(event.get("id")?.get()).ok()?;
    is_id(&id).then_some(id)
}
