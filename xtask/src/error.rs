//! The one error of this program: a sentence for the user, and the log that shows why.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

/// The result of anything here that can fail.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a chore could not be done.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What went wrong, for a person; empty when that has been said.
    pub(crate) message: String,
    /// Output of the command that failed, if it was written to a file.
    pub(crate) log: Option<PathBuf>,
    /// Whether it is a registry that does not give something today: nothing is wrong here. The exit code says so.
    pub(crate) is_elsewhere: bool,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), log: None, is_elsewhere: false }
    }

    /// The same failure, as that of a registry.
    pub(crate) fn elsewhere(self) -> Self {
        Self { is_elsewhere: true, ..self }
    }

    /// A failure of which the user has been told; only the exit code is left.
    pub(crate) fn reported() -> Self {
        Self::new("")
    }

    /// The same failure, with the file that shows what led to it.
    pub(crate) fn with_log(mut self, log: &Path) -> Self {
        self.log = Some(log.to_owned());
        self
    }
}

/// Gives an I/O error its subject: "could not copy /a: permission denied".
pub(crate) trait Context<T> {
    /// Says what was being done (`action`) to `subject`.
    fn context(self, action: &str, subject: impl Display) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &str, subject: impl Display) -> Result<T> {
        self.map_err(|error| Failure::new(format!("could not {action} {subject}: {error}")))
    }
}
