//! Who asks: what a request's token proves, in the form that the database is told.

use http::{HeaderMap, header};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::gateway::Gateway;
use crate::problem::{Problem, Result};
use crate::token::{Claims, Refused};

/// What is known of the one who asks (src/api/http/caller.rs reads it).
#[derive(Serialize)]
pub(crate) struct Caller {
    token: State,
    role: Option<String>,
    claims: Option<Box<RawValue>>,
    anonymous: Option<String>,
    #[serde(skip)]
    pub(crate) subject: Option<String>,
    /// When the token ends, in seconds since 1970.
    #[serde(skip)]
    expires_s: Option<i64>,
    #[serde(skip)]
    refused: Option<Refused>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Valid,
    Absent,
    Invalid,
}

impl Caller {
    /// Reads the request's token. One that proves nothing is no error here: a function that is open to everybody may be
    /// called with whatever its own clients send.
    pub(crate) async fn of(gateway: &Gateway, headers: &HeaderMap) -> Result<Self> {
        let nobody = |token, refused| Self {
            token,
            role: None,
            claims: None,
            anonymous: gateway.settings.anonymous_role.clone(),
            subject: None,
            expires_s: None,
            refused,
        };
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let Some(first) = given.next() else { return Ok(nobody(State::Absent, None)) };
        let bearer = first.to_str().ok().and_then(bearer).filter(|_| given.next().is_none());
        let Some(token) = bearer else { return Ok(nobody(State::Invalid, Some(Refused::Malformed))) };
        match gateway.tokens.verify(token).await {
            Ok(Claims { json, role, subject, expires_s }) => Ok(Self {
                token: State::Valid,
                claims: RawValue::from_string(json).ok(),
                role,
                anonymous: gateway.settings.anonymous_role.clone(),
                subject,
                expires_s,
                refused: None,
            }),
            Err(Refused::Unavailable) => Err(Problem::busy("the keys of tokens are not known yet")),
            Err(refused) => Ok(nobody(State::Invalid, Some(refused))),
        }
    }

    /// The same, where whoever shows a token that proves nothing is sent away at once.
    pub(crate) async fn known(gateway: &Gateway, headers: &HeaderMap) -> Result<Self> {
        let caller = Self::of(gateway, headers).await?;
        match caller.problem() {
            Some(problem) => Err(problem),
            None => Ok(caller),
        }
    }

    /// The role of the gateway's own questions.
    pub(crate) fn myself(role: &str) -> Self {
        Self {
            token: State::Valid,
            role: Some(role.to_owned()),
            claims: None,
            anonymous: None,
            subject: None,
            expires_s: None,
            refused: None,
        }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.token == State::Valid
    }

    /// Whether the token has ended since it was read.
    pub(crate) fn has_expired(&self) -> bool {
        self.expires_s.is_some_and(|expires| expires < jiff::Timestamp::now().as_second())
    }

    /// What is wrong with the token.
    pub(crate) fn problem(&self) -> Option<Problem> {
        self.refused.as_ref().map(Problem::refused)
    }
}

/// The token of `Bearer <token>`.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
