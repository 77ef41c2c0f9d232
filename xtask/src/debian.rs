//! Packages of other releases of Debian, fetched into a folder and never installed.
//!
//! apt does it, with lists of its own below that folder: it checks the release's signature against the keys of this
//! machine, the index against the release and each file against the index. The machine's own lists, sources and
//! packages are neither read nor changed, so this needs no root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::console::Step;
use crate::error::{Context, Failure, Result};
use crate::places::create_dir;

const MIRROR: &str = "http://deb.debian.org/debian";
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Fetches a package of the first of several releases that has it to give, and returns the file of it whose name has
/// `part` in it; `folder` is for apt's files and may be deleted afterwards. A mirror may list what it no longer has.
///
/// # Errors
/// None could be asked, or none has it; the failure is the last one's.
pub(crate) fn fetch(
    folder: &Path,
    suites: &[&str],
    kind: Kind,
    package: &str,
    part: &str,
    step: &Step,
) -> Result<PathBuf> {
    let mut outcome = Err(Failure::new(format!("no release of Debian is known to have {package}")));
    for suite in suites {
        outcome = Release { folder: folder.join(suite), suite }.fetch(kind, package, part, step);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// A release of Debian, seen from a folder.
struct Release<'a> {
    folder: PathBuf,
    suite: &'a str,
}

/// Sources or built packages.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Source,
    Binary,
}

impl Release<'_> {
    fn fetch(&self, kind: Kind, package: &str, part: &str, step: &Step) -> Result<PathBuf> {
        let files = self.folder.join("files");
        for dir in [self.folder.join("lists/partial"), self.folder.join("cache/archives/partial"), files.clone()] {
            create_dir(&dir)?;
        }
        let word = match kind {
            Kind::Source => "deb-src",
            Kind::Binary => "deb",
        };
        let sources = format!("{word} [signed-by={KEYS}] {MIRROR} {} main\n", self.suite);
        let path = self.folder.join("sources.list");
        fs::write(&path, sources).context("write", path.display())?;
        let path = self.folder.join("status");
        fs::write(&path, "").context("write", path.display())?;
        step.run(self.apt_get().arg("update")).map_err(Failure::elsewhere)?;
        let mut fetch = self.apt_get();
        match kind {
            Kind::Source => fetch.args(["source", "--download-only", "--only-source"]),
            Kind::Binary => fetch.arg("download"),
        };
        step.run(fetch.arg(package).current_dir(&files)).map_err(|failure| Failure {
            message: format!("{} does not give {package} of {} today", MIRROR, self.suite),
            is_elsewhere: true,
            ..failure
        })?;
        find(&files, part)?.ok_or_else(|| Failure::new(format!("{package} of {} has no file {part}", self.suite)))
    }

    fn apt_get(&self) -> Command {
        let mut command = Command::new("apt-get");
        // Root's apt would fetch as a user who may not write here.
        command.args(["--quiet", "--option=APT::Sandbox::User=root"]);
        for (option, path) in [
            ("Dir::Etc::sourcelist", self.folder.join("sources.list")),
            ("Dir::Etc::sourceparts", PathBuf::from("/dev/null")),
            ("Dir::State::lists", self.folder.join("lists")),
            ("Dir::State::status", self.folder.join("status")),
            ("Dir::Cache", self.folder.join("cache")),
        ] {
            command.arg(format!("--option={option}={}", path.display()));
        }
        command.args(["--option=Acquire::Languages=none", "--option=Acquire::Retries=3"]);
        command
    }
}

/// The file in a folder whose name has `part` in it.
fn find(folder: &Path, part: &str) -> Result<Option<PathBuf>> {
    let mut names = fs::read_dir(folder).context("list", folder.display())?.filter_map(|entry| entry.ok());
    Ok(names.find(|entry| entry.file_name().to_string_lossy().contains(part)).map(|entry| entry.path()))
}
