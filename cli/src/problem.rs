//! The one error of the command line, in three parts: what failed, why, and what to do about it.
//! It must not know which command it came from.

use serde_json::{Value, json};

/// How the process ends. The numbers are documented in `docs/cli.md` and in `alyx --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something else failed.
    Failed,
    /// The arguments, the manifest or other input is wrong.
    Usage,
    /// A build command failed or its module is missing.
    Build,
    /// There is no connection to the database.
    Unreachable,
    /// The database refused what was asked.
    Refused,
}

impl Exit {
    /// Exit status of the process.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Build => 3,
            Self::Unreachable => 4,
            Self::Refused => 5,
        }
    }
}

/// Why a command failed.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    /// What failed: lower-case, no full stop.
    pub(crate) what: String,
    /// The reasons, one per line.
    pub(crate) why: Vec<String>,
    /// What to do: full sentences, one per line.
    pub(crate) next: Vec<String>,
    /// SQLSTATE, where the database spoke.
    pub(crate) sqlstate: Option<String>,
    /// How the process ends.
    pub(crate) exit: Exit,
}

/// Result of everything here.
pub(crate) type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    /// A problem of which only the first part is known.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { what: what.into(), why: Vec::new(), next: Vec::new(), sqlstate: None, exit }
    }

    /// Wrong input.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Anything without a number of its own.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    /// The same with a reason; empty text is none.
    pub(crate) fn why(mut self, reason: impl ToString) -> Self {
        let reason = reason.to_string();
        if !reason.is_empty() {
            self.why.push(reason);
        }
        self
    }

    /// The same with advice.
    pub(crate) fn next(mut self, advice: impl Into<String>) -> Self {
        self.next.push(advice.into());
        self
    }

    /// As `--json` shows it.
    pub(crate) fn json(&self) -> Value {
        json!({"error": {
            "what": self.what, "why": self.why, "next": self.next, "sqlstate": self.sqlstate, "exit_code": self.exit.code(),
        }})
    }
}

/// Names the file that an operation failed on.
pub(crate) trait OnPath<T> {
    /// `cannot <verb> <path>`, with the system's reason and advice for the usual ones.
    fn on(self, verb: &str, path: &std::path::Path) -> Result<T>;
}

impl<T> OnPath<T> for std::io::Result<T> {
    fn on(self, verb: &str, path: &std::path::Path) -> Result<T> {
        use std::io::ErrorKind;
        self.map_err(|error| {
            let problem = Problem::failed(format!("cannot {verb} {}", path.display())).why(&error);
            match error.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    problem.next("Change the permissions of the folder, or run alyx as its owner.")
                }
                ErrorKind::StorageFull => problem.next("Make room on the disk."),
                _ => problem,
            }
        })
    }
}
