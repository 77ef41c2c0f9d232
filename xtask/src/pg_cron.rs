//! pg_cron, for the benchmark to compare with: Debian's package, unpacked into the private tree and nowhere else.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::account::set_mode;
use crate::console::Step;
use crate::error::{Context, Result};
use crate::major::Major;
use crate::places::{Places, create_dir, remove_dir};
use crate::postgres::Postgres;

const PACKAGE: &str = "postgresql-15-cron";
/// The folders of the package that a server reads. Unpacked on its own: the private tree links to the system's folders,
/// and an archive could write through a link.
const FOLDERS: &[&str] = &["usr/lib/postgresql/15/lib", "usr/share/postgresql/15/extension"];

/// Makes pg_cron known to the private server; `false` where the package cannot be got, which is no failure.
pub(crate) fn install(places: &Places, postgres: &Postgres, step: &mut Step) -> Result<bool> {
    if postgres.major != Major::SYSTEM {
        step.note("is Debian's for another PostgreSQL; it is left out");
        return Ok(false);
    }
    if FOLDERS.iter().all(|folder| has_files_of_pg_cron(&postgres.tree().join(folder))) {
        step.note("present");
        return Ok(true);
    }
    let work = places.target.join("pg_cron");
    remove_dir(&work)?;
    create_dir(&work)?;
    let mut download = Command::new("apt-get");
    download.args(["--quiet", "--option=APT::Sandbox::User=root", "download", PACKAGE]).current_dir(&work);
    if step.run(&mut download).is_err() {
        step.note("not to be had; it is left out");
        return Ok(false);
    }
    for package in files(&work)? {
        step.run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(work.join("root")))?;
    }
    for folder in FOLDERS {
        for file in files(&work.join("root").join(folder))? {
            let to = postgres.tree().join(folder).join(file.file_name().unwrap_or_default());
            fs::copy(&file, &to).context("write", to.display())?;
            set_mode(&to, 0o644)?;
        }
    }
    remove_dir(&work)?;
    step.note("unpacked");
    Ok(true)
}

fn has_files_of_pg_cron(folder: &Path) -> bool {
    ["pg_cron.so", "pg_cron.control"].iter().any(|name| folder.join(name).exists())
}

/// The files in a folder, not those below it.
fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let entries = fs::read_dir(folder).context("list", folder.display())?;
    Ok(entries.filter_map(|entry| entry.ok()).map(|entry| entry.path()).filter(|path| path.is_file()).collect())
}
