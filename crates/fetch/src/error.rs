//! Why there is no reply.

use std::fmt;

/// What kind of failure it is; the embedder decides which code goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong: URL, method, header.
    Malformed,
    /// The function may not go there.
    Denied,
    /// Something is larger, or happens more often, than it may.
    TooLarge,
    /// No connection could be made.
    Unreachable,
    /// The connection was lost, or what came over it is not HTTP.
    Broken,
    /// The time is up.
    TimedOut,
    /// The caller wants to stop.
    Interrupted,
}

/// A failed fetch: what happened, in words that name no secret of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// What kind of failure it is.
    pub kind: Kind,
    /// What happened, as Postgres words its errors: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl FetchError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FetchError {}
