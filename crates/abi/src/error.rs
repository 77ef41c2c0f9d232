//! A failed request, as the guest sees it.

use serde::Serialize;

/// `{"error": {…}}`.
#[derive(Debug, Serialize)]
pub struct ErrorReply<'a> {
    /// The error.
    pub error: SqlError<'a>,
}

/// An error with the fields that a Postgres client would see; absent ones are left out.
#[derive(Debug, Serialize)]
pub struct SqlError<'a> {
    /// SQLSTATE.
    pub code: String,
    /// Primary message.
    pub message: &'a str,
    /// DETAIL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
    /// HINT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'a str>,
    /// Schema it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<&'a str>,
    /// Table it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<&'a str>,
    /// Column it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<&'a str>,
    /// Data type it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datatype: Option<&'a str>,
    /// Constraint it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraint: Option<&'a str>,
}
