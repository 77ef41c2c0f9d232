//! The error of this crate: what the database or the host answered, what the author says, or any `std::error::Error`.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::host;
use crate::members::Members;

/// `Result` with the error of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a function fails, with every field that PostgreSQL knows for errors.
///
/// A handler that returns one rolls back what its caller's statement did, and the caller sees it as one SQL error:
///
/// ```
/// use alyx_functions::Error;
/// # fn check(available: i64, wanted: i64) -> Result<(), Error> {
/// if wanted > available {
///     return Err(Error::new("OUT_OF_STOCK", format!("only {available} left")).field("qty").with("available", available));
/// }
/// # Ok(()) }
/// # assert_eq!(check(2, 3).unwrap_err().to_string(), "only 2 left");
/// ```
/// ```text
/// ERROR:  only 2 left
/// DETAIL:  {"code":"OUT_OF_STOCK","field":"qty","available":2}
/// COLUMN NAME:  qty
/// ```
///
/// `?` turns any [`std::error::Error`] into one (SQLSTATE 38000, its sources in CONTEXT). An error that a statement ended with
/// and that is returned unchanged reaches the caller as the database's own, constraint, table and all; one to which a field
/// was added is raised anew with what [`fields`](Error::fields) holds.
///
/// It is not a `std::error::Error` itself, as with `anyhow`, or `?` could not convert those.
pub struct Error(Box<Inner>);

struct Inner {
    fields: Fields,
    /// Shown in DETAIL besides what is in `fields.detail`.
    field: Option<String>,
    more: Vec<(String, Value)>,
    /// Lines for CONTEXT.
    causes: Vec<String>,
    non_retryable: bool,
    retry_after: Option<Duration>,
    /// The host's own failure, while nothing was changed.
    failure: Option<u32>,
}

/// What an [`Error`] says, field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fields {
    /// SQLSTATE, as `23505`, or a code of the function's own.
    pub code: String,
    /// Primary message.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
    /// Schema it is about.
    pub schema: Option<String>,
    /// Table it is about.
    pub table: Option<String>,
    /// Column it is about, or field of the input.
    pub column: Option<String>,
    /// Data type it is about.
    pub datatype: Option<String>,
    /// Constraint it is about, as `posts_slug_key`.
    pub constraint: Option<String>,
}

impl Fields {
    /// Reads what the host wrote.
    pub(crate) fn of(error: &Members<'_>) -> Self {
        let text = |name| error.text(name);
        Self {
            code: text("code").unwrap_or_default(),
            message: text("message").unwrap_or_default(),
            detail: text("detail"),
            hint: text("hint"),
            schema: text("schema"),
            table: text("table"),
            column: text("column"),
            datatype: text("datatype"),
            constraint: text("constraint"),
        }
    }
}

impl Error {
    /// An error with a code and a message.
    ///
    /// The code is the SQLSTATE if it is one that a function may raise: five of `0-9A-Z`, not of the classes 00, 01, 02 and
    /// XX. Any other code is one of your own: the SQLSTATE is 38000 then, and DETAIL tells the code.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        let fields = Fields { code: code.into(), message: message.into(), ..Fields::default() };
        Self::failure(fields, None)
    }

    /// An error without a code of its own: SQLSTATE 38000.
    pub fn msg(message: impl fmt::Display) -> Self {
        Self::new("38000", message.to_string())
    }

    /// An error that an HTTP client sees as this status, 400 to 599; to SQL it is PostgREST's code, as `PT404`. Any other
    /// number counts as 500.
    ///
    /// ```
    /// assert_eq!(alyx_functions::Error::http(404, "no such post").code(), "PT404");
    /// ```
    pub fn http(status: u16, message: impl Into<String>) -> Self {
        let status = if (400..600).contains(&status) { status } else { 500 };
        Self::new(format!("PT{status}"), message)
    }

    /// An answer of the host.
    pub(crate) fn failure(fields: Fields, failure: Option<u32>) -> Self {
        let (field, more, causes) = (None, Vec::new(), Vec::new());
        Self(Box::new(Inner { fields, field, more, causes, non_retryable: false, retry_after: None, failure }))
    }

    /// The SQLSTATE, as `23505`, or a code of the function's own.
    pub fn code(&self) -> &str {
        &self.0.fields.code
    }

    /// The primary message.
    pub fn message(&self) -> &str {
        &self.0.fields.message
    }

    /// Everything it says.
    ///
    /// ```
    /// # use alyx_functions::{db, params, Error};
    /// # fn add(slug: &str) -> Result<(), Error> {
    /// match db::execute("INSERT INTO posts (slug) VALUES ($1)", params![slug]) {
    ///     Err(error) if error.fields().constraint.as_deref() == Some("posts_slug_key") => Err(Error::http(409, "taken")),
    ///     other => other.map(drop),
    /// }
    /// # }
    /// ```
    pub fn fields(&self) -> &Fields {
        &self.0.fields
    }

    /// Sets DETAIL.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        self.change(|inner| inner.fields.detail = Some(detail.into()))
    }

    /// Sets HINT.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.change(|inner| inner.fields.hint = Some(hint.into()))
    }

    /// Names the field of the input that it is about: the error's column, and `field` in DETAIL.
    #[must_use]
    pub fn field(self, field: impl Into<String>) -> Self {
        let field = field.into();
        self.change(|inner| {
            inner.fields.column = Some(field.clone());
            inner.field = Some(field);
        })
    }

    /// Sets the schema.
    #[must_use]
    pub fn schema(self, schema: impl Into<String>) -> Self {
        self.change(|inner| inner.fields.schema = Some(schema.into()))
    }

    /// Sets the table.
    #[must_use]
    pub fn table(self, table: impl Into<String>) -> Self {
        self.change(|inner| inner.fields.table = Some(table.into()))
    }

    /// Sets the column, without a word in DETAIL.
    #[must_use]
    pub fn column(self, column: impl Into<String>) -> Self {
        self.change(|inner| inner.fields.column = Some(column.into()))
    }

    /// Sets the data type.
    #[must_use]
    pub fn datatype(self, datatype: impl Into<String>) -> Self {
        self.change(|inner| inner.fields.datatype = Some(datatype.into()))
    }

    /// Sets the constraint.
    #[must_use]
    pub fn constraint(self, constraint: impl Into<String>) -> Self {
        self.change(|inner| inner.fields.constraint = Some(constraint.into()))
    }

    /// Adds a member of your own, for clients that read DETAIL as JSON. What cannot be written as JSON is left out.
    #[must_use]
    pub fn with(self, name: impl Into<String>, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value);
        self.change(|inner| inner.more.extend(value.map(|value| (name.into(), value))))
    }

    /// A job that fails with it is not tried again.
    #[must_use]
    pub fn non_retryable(self) -> Self {
        self.change(|inner| inner.non_retryable = true)
    }

    /// A job that fails with it is tried again after exactly this time.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        self.change(|inner| inner.retry_after = Some(delay))
    }

    fn change(mut self, how: impl FnOnce(&mut Inner)) -> Self {
        // The host's copy does not have what is added.
        self.0.failure = None;
        how(&mut self.0);
        self
    }

    /// Ends the invocation with it: the host tells the caller.
    pub(crate) fn raise(&self) {
        if host::remembers(self.0.failure) {
            // The host has the original, with CONTEXT, and takes it for the reason when the function just fails.
            return;
        }
        let _ = host::ask::<host::Empty>(host::RAISE, &self.request());
    }

    fn request(&self) -> Raise<'_> {
        let Inner { fields, causes, .. } = &*self.0;
        let is_sqlstate = is_sqlstate(&fields.code);
        Raise {
            sqlstate: if is_sqlstate { &fields.code } else { "38000" },
            message: if fields.message.is_empty() { &fields.code } else { &fields.message },
            detail: self.full_detail(!is_sqlstate),
            hint: fields.hint.as_deref(),
            schema: fields.schema.as_deref(),
            table: fields.table.as_deref(),
            column: fields.column.as_deref(),
            datatype: fields.datatype.as_deref(),
            constraint: fields.constraint.as_deref(),
            stack: (!causes.is_empty()).then(|| causes.join("\n")),
            non_retryable: self.0.non_retryable,
            retry_after_ms: self.0.retry_after.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// What was said, or as JSON all that has no place of its own, so that a client can tell one refusal from another.
    fn full_detail(&self, tells_code: bool) -> Option<String> {
        let Inner { fields, field, more, .. } = &*self.0;
        let said = fields.detail.as_deref();
        let mut members: Vec<(&str, Value)> = Vec::new();
        if tells_code && !fields.code.is_empty() {
            members.push(("code", fields.code.as_str().into()));
        }
        members.extend(field.as_deref().map(|field| ("field", field.into())));
        members.extend(more.iter().map(|(name, value)| (name.as_str(), value.clone())));
        if members.is_empty() {
            return said.map(str::to_owned);
        }
        members.extend(said.map(|detail| ("detail", detail.into())));
        // By hand, since a map would sort them.
        let written: Vec<String> =
            members.iter().map(|(name, value)| format!("{}:{value}", Value::from(*name))).collect();
        Some(format!("{{{}}}", written.join(",")))
    }
}

/// The request of `raise`.
#[derive(Serialize)]
struct Raise<'a> {
    sqlstate: &'a str,
    message: &'a str,
    detail: Option<String>,
    hint: Option<&'a str>,
    schema: Option<&'a str>,
    table: Option<&'a str>,
    column: Option<&'a str>,
    datatype: Option<&'a str>,
    constraint: Option<&'a str>,
    stack: Option<String>,
    non_retryable: bool,
    retry_after_ms: Option<u64>,
}

/// Whether the host lets a function raise this code.
fn is_sqlstate(code: &str) -> bool {
    let is_code = code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    is_code && !["00", "01", "02", "XX"].iter().any(|class| code.starts_with(class))
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut converted = Self::msg(&error);
        let mut next = error.source();
        while let Some(source) = next {
            converted.0.causes.push(format!("Caused by: {source}"));
            next = source.source();
        }
        converted
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// Code, message and the fields that there are: what an `unwrap` shows.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fields { code, message, detail, hint, schema, table, column, datatype, constraint } = self.fields();
        let mut shown = f.debug_struct("Error");
        shown.field("code", code).field("message", message);
        let texts = [
            ("detail", detail),
            ("hint", hint),
            ("schema", schema),
            ("table", table),
            ("column", column),
            ("datatype", datatype),
            ("constraint", constraint),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                shown.field(name, text);
            }
        }
        for (name, value) in &self.0.more {
            shown.field(name, value);
        }
        shown.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(error: Error) -> Value {
        serde_json::to_value(error.request()).unwrap()
    }

    #[test]
    fn codes_of_its_own_and_further_members_are_told_in_detail() {
        let said =
            raised(Error::new("OUT_OF_STOCK", "only 2 left").field("qty").with("available", 2).detail("ask again"));
        assert_eq!(said["sqlstate"], "38000");
        assert_eq!(said["column"], "qty");
        assert_eq!(said["detail"], r#"{"code":"OUT_OF_STOCK","field":"qty","available":2,"detail":"ask again"}"#);
        let said = raised(Error::new("P0001", "no").detail("plain").hint("try"));
        assert_eq!(
            (&said["sqlstate"], &said["detail"], &said["hint"]),
            (&"P0001".into(), &"plain".into(), &"try".into())
        );
        for code in ["00000", "01000", "02000", "XX000", "p0001", "P001", ""] {
            assert_eq!(raised(Error::new(code, "no"))["sqlstate"], "38000", "{code}");
        }
        assert_eq!(raised(Error::new("GONE", ""))["message"], "GONE");
    }

    #[test]
    fn errors_of_others_bring_their_sources() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("no number")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let fails = || -> Result<()> { Err(Outer("x".parse::<i32>().unwrap_err()))? };
        let said = raised(fails().unwrap_err());
        assert_eq!(said["message"], "no number");
        assert_eq!(said["stack"], "Caused by: invalid digit found in string");
    }

    #[test]
    fn debug_shows_what_there_is() {
        let error = Error::new("23505", "duplicate").constraint("posts_slug_key").with("n", 1);
        assert_eq!(
            format!("{error:?}"),
            r#"Error { code: "23505", message: "duplicate", constraint: "posts_slug_key", n: Number(1) }"#
        );
    }
}
