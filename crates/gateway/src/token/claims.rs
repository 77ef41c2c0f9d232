//! What a verified payload says, and whether it holds here and now.

use std::time::Duration;

use serde_json::Value;

use super::refused::Refused;
use super::role::RolePath;
use super::settings::{ConfigError, TokenSettings};
use super::strict;

/// What a token says, believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The payload exactly as signed: a JSON object in which no key stands twice, at whatever depth.
    pub json: String,
    /// The role, when the token names one.
    pub role: Option<String>,
    /// `sub`, when it is a string.
    pub subject: Option<String>,
    /// `exp`, in seconds since 1970, rounded down.
    pub expires_s: Option<i64>,
}

/// The hours of a token, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hours {
    expires_s: Option<i64>,
    not_before_s: Option<i64>,
    issued_s: Option<i64>,
}

/// What the settings ask of claims.
pub(super) struct Rules {
    audience: Vec<String>,
    issuer: Option<String>,
    leeway_s: i64,
    role: RolePath,
}

impl Rules {
    pub(super) fn new(settings: &TokenSettings) -> Result<Self, ConfigError> {
        Ok(Self {
            audience: settings.audience.clone(),
            issuer: settings.issuer.clone(),
            leeway_s: i64::try_from(settings.leeway_s).unwrap_or(i64::MAX),
            role: RolePath::parse(&settings.role_claim)?,
        })
    }

    /// Reads a payload whose signature is verified. Its hours are still to be compared with the clock.
    pub(super) fn read(&self, json: String) -> Result<(Claims, Hours), Refused> {
        let claims = strict::object(&json).ok_or(Refused::Malformed)?;
        let hours = Hours {
            expires_s: seconds(claims.get("exp"))?,
            not_before_s: seconds(claims.get("nbf"))?,
            issued_s: seconds(claims.get("iat"))?,
        };
        self.audience(claims.get("aud"))?;
        self.issuer(claims.get("iss"))?;
        let role = self.role.find(&claims)?;
        let subject = claims.get("sub").and_then(Value::as_str).map(str::to_owned);
        Ok((Claims { json, role, subject, expires_s: hours.expires_s }, hours))
    }

    /// Compares as PostgREST does: with the leeway on the token's side, its last second included.
    pub(super) fn in_time(&self, hours: Hours, now_s: i64) -> Result<(), Refused> {
        let (past, future) = (now_s.saturating_sub(self.leeway_s), now_s.saturating_add(self.leeway_s));
        if hours.expires_s.is_some_and(|expires| expires < past) {
            return Err(Refused::Expired);
        }
        if hours.not_before_s.is_some_and(|not_before| not_before > future) {
            return Err(Refused::NotYetValid);
        }
        if hours.issued_s.is_some_and(|issued| issued > future) {
            return Err(Refused::IssuedInFuture);
        }
        Ok(())
    }

    fn audience(&self, aud: Option<&Value>) -> Result<(), Refused> {
        let one = |value: &Value| value.as_str().map(|name| self.audience.iter().any(|ours| ours == name));
        let meant = match aud {
            None => false,
            Some(Value::Array(names)) => {
                let each: Option<Vec<bool>> = names.iter().map(one).collect();
                each.ok_or(Refused::Claim)?.contains(&true)
            }
            Some(name) => one(name).ok_or(Refused::Claim)?,
        };
        (meant || self.audience.is_empty()).then_some(()).ok_or(Refused::Audience)
    }

    fn issuer(&self, iss: Option<&Value>) -> Result<(), Refused> {
        let iss = iss.map(|iss| iss.as_str().ok_or(Refused::Claim)).transpose()?;
        (self.issuer.is_none() || self.issuer.as_deref() == iss).then_some(()).ok_or(Refused::Issuer)
    }
}

/// A NumericDate (RFC 7519 §2): a number from 1970 on, with fractions rounded down. `null` is none: a token that should
/// have ended must not live for ever because its end was lost on the way.
fn seconds(claim: Option<&Value>) -> Result<Option<i64>, Refused> {
    let Some(claim) = claim else { return Ok(None) };
    let whole = match (claim.as_u64(), claim.as_f64()) {
        (Some(whole), _) => whole,
        // Refuses what is negative, not finite, or too large.
        (None, Some(fraction)) => Duration::try_from_secs_f64(fraction).map_err(|_| Refused::Claim)?.as_secs(),
        (None, None) => return Err(Refused::Claim),
    };
    i64::try_from(whole).map(Some).map_err(|_| Refused::Claim)
}
