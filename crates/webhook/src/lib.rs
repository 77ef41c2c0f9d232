//! Proof that a delivery comes from who it says: Standard Webhooks, Stripe, GitHub, generic HMAC.
//!
//! Pure functions of a delivery, a time and secrets: it must not know HTTP, Postgres or a clock. What is signed is the raw
//! body, so a body must come here before anything has read or rewritten it.
//!
//! The road: [`verify`] → secrets read → headers read → time checked → signatures tried → [`Verified`].

mod delivery;
mod generic;
mod github;
mod refused;
mod signature;
mod standard;
mod stripe;

pub use delivery::{Delivery, Verified};
pub use generic::{Algorithm, Encoding, Hmac};
pub use refused::Refused;

/// How far the time of a delivery may be from the receiver's where nothing else is said, in seconds: what Standard
/// Webhooks and Stripe recommend.
pub const TOLERANCE_S: u32 = 300;

/// How a sender signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// [Standard Webhooks 1.0.0](https://www.standardwebhooks.com), with Svix' older names of the headers, too. A secret is
    /// `whsec_` and base64 of 24 to 64 bytes, or the base64 alone; or `whpk_` and base64 of an ed25519 public key.
    Standard,
    /// [Stripe](https://docs.stripe.com/webhooks/signature). A secret is text, `whsec_` being part of it.
    Stripe,
    /// [GitHub](https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries). A secret is text.
    /// It signs no time, so only the delivery's id tells a repetition.
    Github,
    /// An HMAC in a header. A secret is text.
    Hmac(Hmac),
}

/// Checks that somebody who has one of the secrets sent the delivery, not long ago.
///
/// There are several secrets while they are rotated; any of them may have signed.
///
/// # Errors
/// Secrets that are none of the scheme's are refused whatever is delivered, also beside good ones. See [`Refused`].
pub fn verify(scheme: &Scheme, secrets: &[&str], delivery: &Delivery<'_>) -> Result<Verified, Refused> {
    if secrets.is_empty() {
        return Err(Refused::NoSecret);
    }
    match scheme {
        Scheme::Standard => standard::verify(secrets, delivery),
        Scheme::Stripe => stripe::verify(&texts(secrets)?, delivery),
        Scheme::Github => github::verify(&texts(secrets)?, delivery),
        Scheme::Hmac(form) => generic::verify(form, &texts(secrets)?, delivery),
    }
}

/// Secrets whose text is the key. HMAC would take the empty one, with which anybody can sign.
fn texts<'a>(secrets: &[&'a str]) -> Result<Vec<&'a [u8]>, Refused> {
    let key = |(at, secret): (usize, &&'a str)| {
        (!secret.is_empty()).then_some(secret.as_bytes()).ok_or(Refused::BadSecret(at))
    };
    secrets.iter().enumerate().map(key).collect()
}
