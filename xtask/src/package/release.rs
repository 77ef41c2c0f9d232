//! What is being packaged: version, commit and machine. The same commit gives the same values, whenever and wherever.

use std::path::Path;
use std::process::Command;

use crate::error::{Context, Failure, Result};
use crate::places::Places;

/// Names and times that go into packages.
pub(crate) struct Release {
    /// Version of the workspace.
    pub(crate) version: String,
    /// Time of the commit, seconds since 1970: every date in a package.
    pub(crate) epoch_s: String,
    /// The same as Debian's changelogs have it.
    pub(crate) date: String,
    /// Debian's word for the machine: "amd64".
    pub(crate) debian_arch: String,
    /// The word of everybody else: "x86_64".
    pub(crate) arch: &'static str,
    /// Whether the checkout has changes that are in no commit.
    pub(crate) is_dirty: bool,
}

/// Debian's own number behind ours: of packages made again from the same release.
const DEBIAN_REVISION: &str = "1";

impl Release {
    /// Asks git and dpkg.
    ///
    /// # Errors
    /// The folder is no checkout, or one of them is missing.
    pub(crate) fn read(places: &Places) -> Result<Self> {
        let git = |arguments: &[&str]| answer("git", arguments, &places.root);
        let epoch_s = git(&["log", "-1", "--format=%ct"])?;
        let date = answer("date", &["--utc", "--rfc-email", "--date", &format!("@{epoch_s}")], &places.root)?;
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            date,
            epoch_s,
            debian_arch: answer("dpkg", &["--print-architecture"], &places.root)?,
            arch: std::env::consts::ARCH,
            is_dirty: !git(&["status", "--porcelain"])?.is_empty(),
        })
    }

    /// Version of a Debian package.
    pub(crate) fn debian_version(&self) -> String {
        format!("{}-{DEBIAN_REVISION}", self.version)
    }

    /// `text` with the names in it filled in.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("@CARGO_VERSION@", &self.version)
            .replace("@DEBIAN_VERSION@", &self.debian_version())
            .replace("@ARCH@", &self.debian_arch)
            .replace("@DATE@", &self.date)
    }
}

/// What a program prints, in the given folder and in nobody's language.
pub(crate) fn answer(program: &str, arguments: &[&str], dir: &Path) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(dir).env("LC_ALL", "C");
    let output = command.output().context("start", program)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(Failure::new(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim())))
}

#[cfg(test)]
mod tests {
    use std::fs;

    /// npm and crates.io read the version from files of their own.
    #[test]
    fn everything_has_the_version_of_the_workspace() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let version = env!("CARGO_PKG_VERSION");
        for (file, line) in [
            ("Cargo.toml", format!("version = \"{version}\"")),
            ("sdk/js/package.json", format!("\"version\": \"{version}\"")),
            ("sdk/js/package-lock.json", format!("\"version\": \"{version}\"")),
            ("sdk/rust/Cargo.toml", format!("version = \"{version}\"")),
            ("sdk/rust/Cargo.toml", format!("alyx-functions-macro = {{ version = \"={version}\"")),
        ] {
            let text = fs::read_to_string(root.join(file)).unwrap();
            assert!(text.contains(&line), "{file} does not have {line}");
        }
    }
}
