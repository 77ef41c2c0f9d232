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

use crate::cargo_tool::CYCLONEDX;
use crate::console::{Console, Step};
use crate::error::{Context, Failure, Result};
use crate::major::Major;
use crate::places::{Places, create_dir, remove_dir};
use crate::postgres::Postgres;
use crate::{packages, setup};

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
pub(crate) fn run(console: &mut Console, major: Major, arguments: &[String]) -> Result<()> {
    let asked = Asked::read(major, arguments)?;
    let places = Places::find(Major::SYSTEM)?;
    let _lock = places.lock()?;
    let logs = places.logs();
    console.step(&logs, "system packages", packages::ensure)?;
    console.step(&logs, "packaging tools", packages::ensure_for_packages)?;
    console.step(&logs, "cargo-cyclonedx", |step| CYCLONEDX.ensure(&places, step))?;
    if asked.builds {
        build(console, &places, &asked.majors)?;
    }
    let (out, scratch) = (places.target.join("packages"), places.target.join("packages-work"));
    remove_dir(&out)?;
    create_dir(&out)?;
    let release = Release::read(&places)?;
    let source = console.step(&logs, "sources", |step| {
        let folder = source::lay_out(&places, &scratch, step)?;
        source::pgxn(&places, &folder, &out, &release, step)?;
        if release.is_dirty {
            step.note("of the last commit; only library and program have what is not committed");
        }
        Ok(folder)
    })?;
    let work = Work { places: &places, release, source, scratch, out };
    console.step(&logs, "bills of materials", |step| bill::write(&work, step))?;
    let kit = console.step(&logs, "npm kit", |step| kits::npm(&work, step))?;
    console.step(&logs, "npm kit tried", |step| kits::try_npm(&work, &kit, step))?;
    console.step(&logs, "crates", |step| kits::crates(&work, step))?;
    for major in asked.majors.iter().copied() {
        let tree = Postgres::locate(&Places::find(major)?)?.tree();
        console.step(&logs, &format!("extension for {major}"), |step| extension::package(&work, &tree, major, step))?;
    }
    let alyx = places.target.join("debug/alyx");
    console.step(&logs, "command line", |step| program::package(&work, &alyx, &kit, step))?;
    console.step(&logs, "checksums", |step| write_sums(&work, step))?;
    if asked.tries {
        console.step(&logs, "empty machine", |step| try_on_empty_machine(&work, step))?;
    }
    console.summary();
    console.print(&format!("\n{}", listing(&work)?));
    Ok(())
}

/// What the arguments say.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    majors: Vec<Major>,
    builds: bool,
    tries: bool,
}

impl Asked {
    /// The first `--pg N` was taken out before; here it may come again.
    fn read(major: Major, arguments: &[String]) -> Result<Self> {
        let mut words = arguments.to_vec();
        let mut asked = Self { majors: vec![major], builds: true, tries: false };
        while words.iter().any(|word| word == "--pg") {
            let another = Major::take_from(&mut words)?;
            if !asked.majors.contains(&another) {
                asked.majors.push(another);
            }
        }
        for word in &words {
            match word.as_str() {
                "--no-build" => asked.builds = false,
                "--try" => asked.tries = true,
                _ => return Err(Failure::new("\"package\" takes \"--pg N\", \"--no-build\" and \"--try\"")),
            }
        }
        if asked.tries && !asked.majors.contains(&Major::SYSTEM) {
            return Err(Failure::new(format!(
                "\"--try\" takes \"--pg {}\": it is the one in Debian 12",
                Major::SYSTEM
            )));
        }
        Ok(asked)
    }
}

/// The same builds as those of tests and demo: nothing is compiled twice.
fn build(console: &mut Console, places: &Places, majors: &[Major]) -> Result<()> {
    for major in majors.iter().copied() {
        setup::install(console, &Places::find(major)?)?;
    }
    let mut alyx = places.cargo_workspace("build");
    alyx.args(["--bin", "alyx"]);
    console.step(&places.logs(), "alyx", |step| step.run(&mut alyx))
}

/// Checksums of all files, in the form that `sha256sum --check` reads.
fn write_sums(work: &Work<'_>, step: &mut Step) -> Result<()> {
    let sums = format!("LC_ALL=C sha256sum -- * > ../{SUMS} && mv ../{SUMS} .");
    step.run(Command::new("sh").args(["-c", &sums]).current_dir(&work.out))
}

/// Installs, uses and removes the packages in a Debian of their own.
fn try_on_empty_machine(work: &Work<'_>, step: &mut Step) -> Result<()> {
    packages::ensure_for_trying(step)?;
    let script = work.source.join("packaging/try.sh");
    step.run(Command::new("bash").arg(script).args(["--pg", &Major::SYSTEM.to_string()]).arg(&work.out))?;
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

    fn read(major: Major, words: &[&str]) -> Result<Asked> {
        Asked::read(major, &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn majors_may_be_several() {
        let [system, _, other, _] = Major::ALL;
        assert_eq!(read(system, &[]).unwrap(), Asked { majors: vec![system], builds: true, tries: false });
        let asked = Asked { majors: vec![system, other], builds: false, tries: true };
        let words = ["--pg", &other.to_string(), "--no-build", "--pg", &system.to_string(), "--try"];
        assert_eq!(read(system, &words).unwrap(), asked);
        for (major, wrong) in
            [(system, &["--pg"][..]), (system, &["--pg", "9"]), (system, &["15"]), (other, &["--try"])]
        {
            assert!(read(major, wrong).is_err(), "{wrong:?}");
        }
    }
}
