//! Which PostgreSQL to start: the first installation that has the extension, in the order in which people choose.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::problem::{Problem, Result};

/// The programs of one installation that has the extension.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// Folder of initdb, pg_ctl and postgres.
    pub(crate) bin: PathBuf,
    /// `15`.
    pub(crate) major: String,
    /// Whether the library can be preloaded: jobs, schedules and logs work then.
    pub(crate) preloads: bool,
}

impl Programs {
    /// Looks at --pg-bin, PG_CONFIG, PATH and Debian's folders. With `major` only that version will do: it is the one
    /// that the data folder was made with.
    ///
    /// # Errors
    /// None has the extension; the reasons name those that were looked at.
    pub(crate) fn find(given: Option<&Path>, major: Option<&str>) -> Result<Self> {
        let mut reasons = Vec::new();
        for bin in candidates(given) {
            match Self::at(&bin) {
                Ok(found) if major.is_none_or(|major| major == found.major) => return Ok(found),
                Ok(found) => reasons.push(format!("{}: is PostgreSQL {}", bin.display(), found.major)),
                Err(reason) => reasons.push(format!("{}: {reason}", bin.display())),
            }
        }
        let what = match major {
            Some(major) => format!("there is no PostgreSQL {major} with the extension alyx_functions on this machine"),
            None => "there is no PostgreSQL with the extension alyx_functions on this machine".to_owned(),
        };
        let mut problem = Problem::failed(what).next(
            "Give a database with DATABASE_URL, or install alyx_functions here; --pg-bin names the folder of initdb and pg_ctl.",
        );
        if let Some(major) = major {
            problem = problem
                .next(format!("The data in .alyx/postgres is of version {major}; delete the folder to begin anew."));
        }
        problem.why = reasons;
        Err(problem)
    }

    fn at(bin: &Path) -> std::result::Result<Self, String> {
        for program in ["initdb", "pg_ctl", "postgres"] {
            if !bin.join(program).is_file() {
                return Err(format!("has no {program}"));
            }
        }
        let ask = |option: &str| -> Option<String> {
            let output = Command::new(bin.join("pg_config")).arg(option).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let share = ask("--sharedir").ok_or("has no pg_config that works")?;
        if !Path::new(&share).join("extension/alyx_functions.control").is_file() {
            return Err("does not have the extension".to_owned());
        }
        let version = ask("--version").unwrap_or_default();
        let number = version.split_whitespace().nth(1).unwrap_or_default();
        let major = number.chars().take_while(char::is_ascii_digit).collect();
        let preloads = ask("--pkglibdir").is_some_and(|lib| Path::new(&lib).join("alyx_functions.so").is_file());
        Ok(Self { bin: bin.to_owned(), major, preloads })
    }
}

fn candidates(given: Option<&Path>) -> Vec<PathBuf> {
    if let Some(bin) = given {
        return vec![bin.to_owned()];
    }
    let bindir = |program: PathBuf| -> Option<PathBuf> {
        let output = Command::new(program).arg("--bindir").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !text.is_empty()).then(|| PathBuf::from(text))
    };
    let mut bins: Vec<PathBuf> =
        std::env::var_os("PG_CONFIG").into_iter().filter_map(|path| bindir(path.into())).collect();
    bins.extend(bindir("pg_config".into()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    bins.extend(std::env::split_paths(&path).filter(|dir| dir.join("postgres").is_file()));
    let mut installed: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    installed.sort_by(|a, b| b.cmp(a));
    bins.extend(installed.into_iter().map(|(_, bin)| bin));
    let mut seen = Vec::new();
    bins.retain(|bin| {
        !seen.contains(bin) && {
            seen.push(bin.clone());
            true
        }
    });
    bins
}
