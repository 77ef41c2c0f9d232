//! What a handler returns, and how it becomes the output of the invocation.

use serde::Serialize;

use crate::context::Context;
use crate::error::Error;
use crate::host::sys;
use crate::{changes, json};

/// What an invocation comes to, where that is more than a JSON value: `Result<Outcome, Error>`.
///
/// ```
/// use alyx_functions::{handler, Context, Error, Outcome};
/// use serde_json::json;
///
/// #[handler]
/// fn moderate(ctx: Context) -> Result<Outcome, Error> {
///     let Some(row) = ctx.row()? else { return Ok(Outcome::none()) };
///     if row["title"] == "spam" {
///         return Ok(Outcome::skip());
///     }
///     Ok(Outcome::row(json!({ "checked": true })))
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Outcome(Kind);

#[derive(Debug)]
enum Kind {
    None,
    Skip,
    /// Columns and their values as one JSON object.
    Row(Vec<u8>),
    Bytes(Vec<u8>),
    Failed(Error),
}

impl Outcome {
    /// No output: the row of a trigger goes on as it is, an SQL function gives NULL.
    pub fn none() -> Self {
        Self(Kind::None)
    }

    /// Drops the row, in a `BEFORE` row trigger.
    pub fn skip() -> Self {
        Self(Kind::Skip)
    }

    /// Sets columns of the row, in a `BEFORE` or `INSTEAD OF` row trigger: those in `columns`, a struct, map or JSON object.
    ///
    /// It may be the whole row. Columns that are as they came are not sent back, so that a `numeric` which the Rust type or
    /// [`Value`](serde_json::Value) holds with fewer digits keeps them all.
    ///
    /// ```
    /// # use alyx_functions::{Context, Error, Outcome};
    /// # fn handler(ctx: Context) -> Result<Outcome, Error> {
    /// let Some(mut row) = ctx.row()? else { return Ok(Outcome::none()) };
    /// row["slug"] = "hello-world".into();
    /// Ok(Outcome::row(row))
    /// # }
    /// ```
    pub fn row(columns: impl Serialize) -> Self {
        Self::written(&columns, Kind::Row)
    }

    /// A JSON value: the same as to return the value itself, for handlers that return other outcomes as well.
    pub fn json(value: impl Serialize) -> Self {
        Self::written(&value, Kind::Bytes)
    }

    /// A text as it is, for SQL functions that return `text`.
    pub fn text(text: impl Into<String>) -> Self {
        Self(Kind::Bytes(text.into().into_bytes()))
    }

    /// Bytes as they are, for SQL functions that return `bytea`.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Kind::Bytes(bytes.into()))
    }

    /// What cannot be written fails the invocation when it ends, so that a constructor needs no `?`.
    fn written(value: &impl Serialize, kind: fn(Vec<u8>) -> Kind) -> Self {
        Self(json::write("the outcome", value).map_or_else(Kind::Failed, kind))
    }

    /// The output that stands for it; `None` when there is none.
    pub(crate) fn output(self, ctx: &Context) -> Result<Option<Vec<u8>>, Error> {
        match self.0 {
            Kind::None => Ok(None),
            Kind::Skip => Ok(Some(br#"{"skip":true}"#.to_vec())),
            Kind::Bytes(bytes) => Ok(Some(bytes)),
            Kind::Failed(error) => Err(error),
            Kind::Row(columns) => {
                let before = ctx
                    .database()
                    .filter(|database| database.can_change())
                    .and_then(|database| database.new.as_deref());
                changes::outcome(before.map(|row| row.get()), &columns)
            }
        }
    }

    pub(crate) fn write(self, ctx: &Context) -> Result<(), Error> {
        if let Some(bytes) = self.output(ctx)? {
            sys::set_output(&bytes);
        }
        Ok(())
    }
}

/// What a handler may return in `Ok`: an [`Outcome`], or any value that serde can write, which becomes the JSON output.
pub trait IntoOutcome {
    /// The outcome that it stands for.
    ///
    /// # Errors
    /// What the invocation ends with when there is none.
    fn into_outcome(self) -> Result<Outcome, Error>;
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Result<Outcome, Error> {
        Ok(self)
    }
}

impl<T: Serialize> IntoOutcome for T {
    fn into_outcome(self) -> Result<Outcome, Error> {
        Ok(Outcome::json(self))
    }
}
