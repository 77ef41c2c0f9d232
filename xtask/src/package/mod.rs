//! `cargo xtask package`: everything that a release publishes, in `target/packages`, from the last commit and the build
//! that tests and demo use.
//!
//! The order is that of need: the list of what is linked in comes first, since every package carries its licences.
//! docs/packaging.md says what each file holds and how to verify it.

mod bill;
mod debian;
mod extension;
mod kits;
mod program;
mod release;
mod source;
mod stage;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use release::Release;

use crate::cargo_tool::{CYCLONEDX, PGRX};
use crate::console::{Console, Step};
use crate::error::{Context, Failure, Result};
use crate::places::{Places, create_dir, remove_dir};
use crate::postgres::Postgres;
use crate::{javascript, packages};

const SUMS: &str = "SHA256SUMS";

/// What the steps share.
pub(crate) struct Work<'a> {
    /// Checkout and target folder.
    pub(crate) places: &'a Places,
    /// Version, commit and machine.
    pub(crate) release: Release,
    /// The commit's files.
    pub(crate) source: PathBuf,
    /// Folders that become packages.
    pub(crate) scratch: PathBuf,
    /// Where packages go.
    pub(crate) out: PathBuf,
}

/// `cargo xtask package [--pg N]… [--no-build] [--try]`
pub(crate) fn run(console: &mut Console, arguments: &[String]) -> Result<()> {
    let asked = Asked::read(arguments)?;
    let places = Places::find()?;
    let _lock = places.lock()?;
    let logs = places.logs();
    console.step(&logs, "system packages", packages::ensure)?;
    console.step(&logs, "packaging tools", packages::ensure_for_packages)?;
    console.step(&logs, "cargo-cyclonedx", |step| CYCLONEDX.ensure(&places, step))?;
    let postgres = Postgres::locate(&places)?;
    if asked.builds {
        build(console, &places, &postgres)?;
    }
    let (out, scratch) = (places.target.join("packages"), places.target.join("packages-work"));
    remove_dir(&out)?;
    create_dir(&out)?;
    let release = Release::read(&places)?;
    let source = console.step(&logs, "sources", |step| {
        let folder = source::lay_out(&places, &scratch, step)?;
        source::pgxn(&places, &folder, &out, &release, step)?;
        if release.is_dirty {
            step.note("of the last commit; what is not committed is left out");
        }
        Ok(folder)
    })?;
    let work = Work { places: &places, release, source, scratch, out };
    console.step(&logs, "bills of materials", |step| bill::write(&work, step))?;
    let kit = console.step(&logs, "npm kit", |step| kits::npm(&work, step))?;
    console.step(&logs, "npm kit tried", |step| kits::try_npm(&work, &kit, step))?;
    console.step(&logs, "crates", |step| kits::crates(&work, step))?;
    for major in &asked.majors {
        let tree = extension::installed_tree(&postgres, major)?;
        console.step(&logs, &format!("extension for {major}"), |step| extension::package(&work, &tree, major, step))?;
    }
    let alyx = places.target.join("debug/alyx");
    console.step(&logs, "command line", |step| program::package(&work, &alyx, &kit, step))?;
    console.step(&logs, "checksums", |step| write_sums(&work, step))?;
    if asked.tries {
        for major in &asked.majors {
            console.step(&logs, &format!("empty machine {major}"), |step| try_on_empty_machine(&work, major, step))?;
        }
    }
    console.summary();
    console.print(&format!("\n{}", listing(&work)?));
    Ok(())
}

/// What the arguments say.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    majors: Vec<String>,
    builds: bool,
    tries: bool,
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self> {
        let usage = || {
            let known = extension::MAJORS.join(", ");
            Failure::new(format!("\"package\" takes \"--pg N\" (N one of {known}), \"--no-build\" and \"--try\""))
        };
        let mut asked = Self { majors: Vec::new(), builds: true, tries: false };
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "--pg" => {
                    let major = words.next().filter(|major| extension::MAJORS.contains(major)).ok_or_else(usage)?;
                    asked.majors.push(major.to_owned());
                }
                "--no-build" => asked.builds = false,
                "--try" => asked.tries = true,
                _ => return Err(usage()),
            }
        }
        if asked.majors.is_empty() {
            asked.majors = extension::MAJORS.iter().map(|major| (*major).to_owned()).collect();
        }
        Ok(asked)
    }
}

/// The same builds as those of tests and demo: nothing is compiled twice.
fn build(console: &mut Console, places: &Places, postgres: &Postgres) -> Result<()> {
    let logs = places.logs();
    console.step(&logs, "private PostgreSQL", |step| postgres.ensure_tree(step))?;
    console.step(&logs, "cargo-pgrx", |step| PGRX.ensure(places, step))?;
    console.step(&logs, "JavaScript engine", |step| javascript::build_engine(places, step))?;
    console.step(&logs, "extension", |step| crate::extension::install(places, postgres, step))?;
    let mut alyx = places.cargo();
    alyx.args(["build", "--workspace", "--bin", "alyx"]);
    console.step(&logs, "alyx", |step| step.run(&mut alyx))
}

/// Checksums of all files, in the form that `sha256sum --check` reads.
fn write_sums(work: &Work<'_>, step: &mut Step) -> Result<()> {
    let sums = format!("LC_ALL=C sha256sum -- * > ../{SUMS} && mv ../{SUMS} .");
    step.run(Command::new("sh").args(["-c", &sums]).current_dir(&work.out))
}

/// Installs, uses and removes the packages in a Debian of their own.
fn try_on_empty_machine(work: &Work<'_>, major: &str, step: &mut Step) -> Result<()> {
    packages::ensure_for_trying(step)?;
    let script = work.source.join("packaging/try.sh");
    step.run(Command::new("bash").arg(script).args(["--pg", major]).arg(&work.out))?;
    step.note("installed, used and purged");
    Ok(())
}

/// Names and sizes.
fn listing(work: &Work<'_>) -> Result<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(&work.out).context("list", work.out.display())? {
        let entry = entry.context("list", work.out.display())?;
        let bytes = entry.metadata().context("read", entry.path().display())?.len();
        lines.push(format!("{:<62} {bytes:>10} bytes", entry.file_name().to_string_lossy()));
    }
    lines.sort();
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Asked> {
        Asked::read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn all_majors_unless_some_are_named() {
        assert_eq!(read(&[]).unwrap().majors, extension::MAJORS);
        let asked = Asked { majors: vec!["15".to_owned()], builds: false, tries: true };
        assert_eq!(read(&["--pg", "15", "--no-build", "--try"]).unwrap(), asked);
        for wrong in [&["--pg"][..], &["--pg", "9"], &["15"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
