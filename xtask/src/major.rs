//! Which PostgreSQL a command means: the `N` of `--pg N`, and all that follows from the number alone.

use crate::error::{Failure, Result};

/// A major version of PostgreSQL that the extension is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Major(u16);

/// Where the server, or at least its headers, come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Debian 12's own packages.
    System,
    /// Built from the source package of another release of Debian: of the first of these that has it to give.
    Source(&'static [&'static str]),
    /// No release of Debian has ever had it: the extension is compiled against its headers and runs nowhere.
    Headers,
}

impl Major {
    /// Debian 12's, meant where nothing is said.
    pub(crate) const SYSTEM: Self = Self(15);
    /// All of them, oldest first.
    pub(crate) const ALL: [Self; 4] = [Self(15), Self(16), Self(17), Self(18)];

    /// Takes `--pg N` out of a command's words, wherever it stands before a `--`.
    ///
    /// # Errors
    /// N is missing, or not one of [`Major::ALL`].
    pub(crate) fn take_from(words: &mut Vec<String>) -> Result<Self> {
        let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
        let Some(at) = words.iter().take(end).position(|word| word == "--pg") else { return Ok(Self::SYSTEM) };
        let taken: Vec<String> = words.drain(at..words.len().min(at + 2)).collect();
        let number = taken.get(1).and_then(|word| word.parse().ok());
        Self::ALL.into_iter().find(|major| Some(major.0) == number).ok_or_else(|| {
            let numbers: Vec<String> = Self::ALL.iter().map(|major| major.0.to_string()).collect();
            Failure::new(format!("\"--pg\" takes one of {}", numbers.join(", ")))
        })
    }

    /// Where it comes from.
    pub(crate) fn origin(self) -> Origin {
        match self.0 {
            15 => Origin::System,
            17 => Origin::Source(&["trixie"]),
            18 => Origin::Source(&["forky", "sid"]),
            _ => Origin::Headers,
        }
    }

    /// What a `cargo … --workspace` is given besides. Only the extension and pgrx have features of these names, and no
    /// other package of the workspace has default ones: everything else, wasmtime above all, is compiled once for all
    /// majors. The default major is not named, so that a plain `cargo build` uses the same artefacts.
    pub(crate) fn cargo_arguments(self) -> Vec<String> {
        if self == Self::SYSTEM {
            return Vec::new();
        }
        vec!["--no-default-features".to_owned(), format!("--features=alyx_functions/pg{}", self.0)]
    }

    /// The first of the ten port numbers of its servers.
    pub(crate) fn first_port(self) -> u16 {
        54320 + (self.0 - Self::SYSTEM.0) * 10
    }
}

impl std::fmt::Display for Major {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn taken(words: &[&str]) -> (Option<u16>, Vec<String>) {
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        (Major::take_from(&mut words).ok().map(|major| major.0), words)
    }

    #[test]
    fn the_option_may_stand_anywhere_and_is_taken_out() {
        assert_eq!(taken(&[]), (Some(15), vec![]));
        assert_eq!(taken(&["--pg", "18"]), (Some(18), vec![]));
        assert_eq!(taken(&["--only", "a", "--pg", "17"]).1, ["--only", "a"]);
        assert_eq!(taken(&["--pg", "16", "--only", "a"]), (Some(16), vec!["--only".to_owned(), "a".to_owned()]));
        assert_eq!(taken(&["--", "--pg", "16"]).0, Some(15));
    }

    #[test]
    fn other_numbers_are_refused() {
        for words in [&["--pg"][..], &["--pg", "14"], &["--pg", "--only"], &["--pg", "eighteen"]] {
            assert_eq!(taken(words).0, None, "{words:?}");
        }
    }

    /// What [`Major::cargo_arguments`] rests on.
    #[test]
    fn the_extension_alone_has_default_features() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut folders: Vec<PathBuf> = ["cli", "fuzz", "tests", "xtask"].map(|name| root.join(name)).into();
        let crates = fs::read_dir(root.join("crates")).unwrap();
        folders.extend(crates.map(|entry| entry.unwrap().path()));
        for manifest in folders.iter().map(|folder| folder.join("Cargo.toml")) {
            let text = fs::read_to_string(&manifest).unwrap_or_default();
            assert!(!text.lines().any(|line| line.starts_with("default =")), "{}", manifest.display());
        }
    }

    #[test]
    fn ports_differ() {
        assert_eq!(Major::SYSTEM.first_port(), 54320);
        assert_eq!(Major(18).first_port(), 54350);
    }
}
