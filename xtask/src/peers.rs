//! What the benchmark compares with, beside what a PostgreSQL server has: Debian's packages of pg_cron and of other
//! languages, unpacked into the private tree and nowhere else.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::account::set_mode;
use crate::console::Step;
use crate::error::{Context, Result};
use crate::major::Major;
use crate::packages;
use crate::places::{Places, create_dir, remove_dir};
use crate::postgres::Postgres;

/// A package, and what tells that it is there.
pub(crate) struct Peer {
    package: &'static str,
    /// Its control file in the folder of extensions.
    control: &'static str,
    /// Packages of the shared libraries it needs of the system.
    libraries: &'static [&'static str],
}

/// Schedules.
pub(crate) const PG_CRON: Peer = Peer { package: "postgresql-15-cron", control: "pg_cron.control", libraries: &[] };

/// Languages.
pub(crate) const LANGUAGES: &[Peer] = &[
    Peer { package: "postgresql-plperl-15", control: "plperl.control", libraries: &["libperl5.36"] },
    Peer { package: "postgresql-plpython3-15", control: "plpython3u.control", libraries: &["libpython3.11"] },
    Peer { package: "postgresql-15-pllua", control: "pllua.control", libraries: &["liblua5.3-0"] },
];

/// The folders of a package that a server reads. Unpacked on its own: the private tree links to the system's folders,
/// and an archive could write through a link.
const LIBRARY: &str = "usr/lib/postgresql/15/lib";
const EXTENSION: &str = "usr/share/postgresql/15/extension";

/// Makes the languages known to the private server; those that cannot be got are left out.
pub(crate) fn install_languages(places: &Places, postgres: &Postgres, step: &mut Step) -> Result<()> {
    let mut missing = Vec::new();
    for peer in LANGUAGES {
        if !install(peer, places, postgres, step)? {
            missing.push(peer.package);
        }
    }
    step.note(if missing.is_empty() { "present".to_owned() } else { format!("left out: {}", missing.join(" ")) });
    Ok(())
}

/// Makes a package known to the private server; `false` where it cannot be got, which is no failure.
pub(crate) fn install(peer: &Peer, places: &Places, postgres: &Postgres, step: &mut Step) -> Result<bool> {
    if postgres.major != Major::SYSTEM {
        step.note("is Debian's for another PostgreSQL; it is left out");
        return Ok(false);
    }
    if postgres.tree().join(EXTENSION).join(peer.control).exists() {
        step.note("present");
        return Ok(true);
    }
    if packages::ensure_named(step, peer.libraries).is_err() {
        return Ok(false);
    }
    let work = places.target.join("peers");
    remove_dir(&work)?;
    create_dir(&work)?;
    let mut download = Command::new("apt-get");
    download.args(["--quiet", "--option=APT::Sandbox::User=root", "download", peer.package]).current_dir(&work);
    if step.run(&mut download).is_err() {
        step.note("not to be had; it is left out");
        return Ok(false);
    }
    for package in files(&work)? {
        step.run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(work.join("root")))?;
    }
    // The control file last: it says that all is there.
    for folder in [LIBRARY, EXTENSION] {
        let mut found = files(&work.join("root").join(folder))?;
        found.sort_by_key(|file| file.ends_with(peer.control));
        for file in found {
            let to = postgres.tree().join(folder).join(file.file_name().unwrap_or_default());
            fs::copy(&file, &to).context("write", to.display())?;
            set_mode(&to, 0o644)?;
        }
    }
    remove_dir(&work)?;
    step.note("unpacked");
    Ok(true)
}

/// The files in a folder, not those below it.
fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let entries = fs::read_dir(folder).context("list", folder.display())?;
    Ok(entries.filter_map(|entry| entry.ok()).map(|entry| entry.path()).filter(|path| path.is_file()).collect())
}
