//! Why the text of a schedule was refused.

use alloc::string::String;
use core::fmt;

/// The text is not a schedule of this dialect. The words follow PostgreSQL's style guide, ready for an error report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleError {
    /// What is wrong: the field, the value and what is allowed; lower-case, no full stop.
    pub message: String,
    /// What to write instead, a full sentence, where there is an obvious answer.
    pub hint: Option<String>,
}

impl ScheduleError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl core::error::Error for ScheduleError {}
