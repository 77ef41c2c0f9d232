//! Values for `${VAR}`: the process's environment, then the function folder's `.env`, then the current folder's.
//! Values never reach the process's own environment, so that they do not leak into builds.

use std::collections::BTreeMap;
use std::path::Path;

use crate::problem::{OnPath, Problem, Result};

/// Names and values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    files: BTreeMap<String, String>,
}

impl Environment {
    /// The current folder's `.env`.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub(crate) fn load() -> Result<Self> {
        let mut environment = Self::default();
        environment.add(Path::new(".env"))?;
        Ok(environment)
    }

    /// The same with the `.env` of a function folder over it.
    pub(crate) fn with(&self, dir: &Path) -> Result<Self> {
        let mut environment = self.clone();
        environment.add(&dir.join(".env"))?;
        Ok(environment)
    }

    /// Of these values only.
    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        Self { files: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect() }
    }

    /// A value, if there is one.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().or_else(|| self.files.get(name).cloned())
    }

    fn add(&mut self, path: &Path) -> Result<()> {
        if !path.is_file() {
            return Ok(());
        }
        // Read first: a file that may not be read is another error than one with a bad line.
        let bytes = std::fs::read(path).on("read", path)?;
        let mut last: Option<String> = None;
        for pair in dotenvy::from_read_iter(bytes.as_slice()) {
            let (name, value) = pair.map_err(|_| {
                // The reader's own words would show the value, which may be a secret.
                let good = last.as_ref().map(|name| format!("the last good line is that of {name}"));
                Problem::usage(format!("{} has a line that is not in the form NAME=value", path.display()))
                    .why(good.unwrap_or_default())
                    .next("Put values with spaces or special characters in quotes.")
            })?;
            last = Some(name.clone());
            self.files.insert(name, value);
        }
        Ok(())
    }
}
