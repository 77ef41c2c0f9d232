//! A PostgreSQL server that Debian 12 does not have, built from the source package of another release of Debian.
//!
//! It is laid out as Debian lays out its own (`usr/lib/postgresql/18/bin`, …) below a folder of the cache, from where
//! `postgres.rs` copies it into the private tree of a checkout. Nobody runs it in the cache, so the cache may be shared
//! by checkouts and may stand where the server's user cannot go. A server that is there is used as it is, without a
//! look at the network; one with newer fixes comes after the folder was deleted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::console::Step;
use crate::debian::{self, Kind};
use crate::error::{Context, Failure, Result};
use crate::major::Major;
use crate::places::{Places, create_dir, remove_dir};

/// What Debian's server can do and costs little to have. No readline: psql is run by programs here.
const OPTIONS: &[&str] = &[
    "--disable-rpath",
    "--with-openssl",
    "--with-icu",
    "--with-lz4",
    "--with-zstd",
    "--without-readline",
    "CFLAGS=-O2",
];

/// Where programs and libraries look for libpq: beside themselves, wherever they are copied to. Read by the linker from
/// its environment, since a `$` would have to survive configure, make and two shells.
const LIBRARIES: &str = "$ORIGIN/../lib:$ORIGIN/..";

/// Holds [`OPTIONS`] and the version, once all is done.
const STAMP: &str = "stamp";

/// A server in the cache.
pub(crate) struct BuiltServer {
    folder: PathBuf,
    major: Major,
}

impl BuiltServer {
    /// The server of the major that is meant; it need not be there yet.
    pub(crate) fn of(places: &Places) -> Self {
        Self { folder: places.cache().join("postgresql").join(places.major.to_string()), major: places.major }
    }

    /// The folder that stands for `/`.
    pub(crate) fn root(&self) -> &Path {
        &self.folder
    }

    /// Changes whenever the server does; `None` when there is none.
    pub(crate) fn stamp(&self) -> Option<String> {
        let stamp = fs::read_to_string(self.folder.join(STAMP)).ok()?;
        stamp.starts_with(&recipe()).then_some(stamp)
    }

    /// "18.6"; `None` when there is none.
    pub(crate) fn version(&self) -> Option<String> {
        self.stamp()?.lines().last().map(str::to_owned)
    }

    /// Builds it, unless it is there.
    pub(crate) fn ensure(&self, suites: &[&str], step: &mut Step) -> Result<()> {
        if let Some(version) = self.version() {
            step.note(format!("{version} present"));
            return Ok(());
        }
        // Of its own, for a checkout that builds into the same cache at the same time.
        let work = self.folder.with_extension(format!("building-{}", std::process::id()));
        remove_dir(&work)?;
        let built = self.build(&work, suites, step);
        let removed = remove_dir(&work);
        let version = built?;
        removed?;
        step.note(format!("{version} built"));
        Ok(())
    }

    fn build(&self, work: &Path, suites: &[&str], step: &Step) -> Result<String> {
        let package = format!("postgresql-{}", self.major);
        let archive = debian::fetch(&work.join("apt"), suites, Kind::Source, &package, ".orig.tar.", step)
            .map_err(|failure| self.without_server(failure))?;
        let version = version(&archive)?;
        let (source, root) = (work.join("source"), work.join("root"));
        create_dir(&source)?;
        let mut unpack = Command::new("tar");
        unpack.args(["--extract", "--no-same-owner", "--strip-components=1", "--file"]).arg(&archive);
        step.run(unpack.arg("--directory").arg(&source))?;
        let mut configure = tool(&source.join("configure"), &source);
        configure.args([
            format!("--prefix=/usr/lib/postgresql/{}", self.major),
            format!("--datadir=/usr/share/postgresql/{}", self.major),
            format!("--includedir=/usr/include/postgresql/{}", self.major),
        ]);
        step.run(configure.args(OPTIONS))?;
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        // With all of contrib: tests use amcheck, pageinspect and auto_explain, and people who try things use others.
        step.run(tool(Path::new("make"), &source).args(["world-bin", &format!("--jobs={jobs}")]))?;
        let destination = format!("DESTDIR={}", root.display());
        step.run(tool(Path::new("make"), &source).args(["install-world-bin", &destination]))?;
        let stamp = root.join(STAMP);
        fs::write(&stamp, format!("{}{version}\n", recipe())).context("write", stamp.display())?;
        remove_dir(&self.folder)?;
        fs::rename(&root, &self.folder).context("move the built server to", self.folder.display())?;
        Ok(version)
    }

    /// What can be done all the same.
    fn without_server(&self, failure: Failure) -> Failure {
        let advice = format!("\"cargo xtask check --pg {}\" compiles the extension without a server", self.major);
        Failure { message: format!("{}; {advice}", failure.message), ..failure }
    }
}

/// What a server is built with, for its stamp.
fn recipe() -> String {
    format!("{}\n", OPTIONS.join(" "))
}

/// A program of the build, in the folder of the source, untouched by a make that runs xtask.
fn tool(program: &Path, source: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(source).env("LD_RUN_PATH", LIBRARIES);
    for name in ["MAKEFLAGS", "MAKELEVEL", "DESTDIR", "LD_LIBRARY_PATH"] {
        command.env_remove(name);
    }
    command
}

/// "18.6" of `postgresql-18_18.6.orig.tar.bz2`.
fn version(archive: &Path) -> Result<String> {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let version = name.split_once('_').and_then(|(_, rest)| rest.split_once(".orig.")).map(|(version, _)| version);
    version.map(str::to_owned).ok_or_else(|| Failure::new(format!("{name} does not tell its version")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_tells_its_version() {
        assert_eq!(version(Path::new("/a/postgresql-18_18.6.orig.tar.bz2")).unwrap(), "18.6");
        assert!(version(Path::new("/a/postgresql.tar")).is_err());
    }
}
