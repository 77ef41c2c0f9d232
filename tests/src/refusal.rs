//! An error as the client receives it, with every field a test may ask for.

use std::fmt;

/// One PostgreSQL error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// SQLSTATE, five characters; `closed` when the connection ended without a word.
    pub code: String,
    /// ERROR or FATAL.
    pub severity: String,
    /// Primary message.
    pub message: String,
    /// DETAIL, or empty.
    pub detail: String,
    /// HINT, or empty.
    pub hint: String,
    /// CONTEXT, or empty.
    pub context: String,
    /// Schema of the table below.
    pub schema: String,
    /// Table concerned.
    pub table: String,
    /// Column concerned.
    pub column: String,
    /// Data type concerned.
    pub datatype: String,
    /// Constraint violated.
    pub constraint: String,
}

impl Refusal {
    /// Takes over the fields of a driver error.
    pub fn of(error: &postgres::Error) -> Refusal {
        let Some(db) = error.as_db_error() else {
            return Refusal { code: "closed".into(), message: error.to_string(), ..Refusal::default() };
        };
        let text = |field: Option<&str>| field.unwrap_or_default().to_owned();
        Refusal {
            code: db.code().code().to_owned(),
            severity: db.severity().to_owned(),
            message: db.message().to_owned(),
            detail: text(db.detail()),
            hint: text(db.hint()),
            context: text(db.where_()),
            schema: text(db.schema()),
            table: text(db.table()),
            column: text(db.column()),
            datatype: text(db.datatype()),
            constraint: text(db.constraint()),
        }
    }

    /// Whether primary message, detail or hint contain `text`, in any case.
    pub fn says(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        [&self.message, &self.detail, &self.hint].iter().any(|field| field.to_lowercase().contains(&text))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.severity, self.code, self.message)?;
        for (name, field) in [("DETAIL", &self.detail), ("HINT", &self.hint), ("CONTEXT", &self.context)] {
            if !field.is_empty() {
                write!(f, "\n  {name}: {field}")?;
            }
        }
        Ok(())
    }
}
