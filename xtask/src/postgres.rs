//! The private PostgreSQL installation: the system's programs and libraries, seen through a folder of our own.
//!
//! PostgreSQL finds its libraries and its `share` folder relative to where its program really is. With the programs
//! copied, and everything else linked, the extension can be installed into that folder, and neither the system's
//! extension folder nor any other cluster ever sees it. The folder also holds our clusters and the built guests.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::{self, Account};
use crate::cluster::{self, Cluster};
use crate::console::Step;
use crate::error::{Context, Failure, Result};
use crate::places::{Places, create_dir, remove_dir};

/// The `pg_config` that everything is compiled with.
pub(crate) const SYSTEM_PG_CONFIG: &str = "/usr/lib/postgresql/15/bin/pg_config";

const BIN: &str = "usr/lib/postgresql/15/bin";
const PKGLIB: &str = "usr/lib/postgresql/15/lib";
const SHARE: &str = "usr/share/postgresql/15";
const EXTENSION: &str = "usr/share/postgresql/15/extension";
const INCLUDE: &str = "usr/include/postgresql";

/// A private installation and the user that runs its servers.
pub(crate) struct Postgres {
    /// The unprivileged user.
    pub(crate) account: Account,
    dir: PathBuf,
}

impl Postgres {
    /// Chooses the folder: in cargo's target folder, unless the unprivileged user cannot get there (a checkout below
    /// /root) or the path is too long for a socket; then in the folder for temporary files.
    pub(crate) fn locate(places: &Places) -> Result<Self> {
        let account = Account::find()?;
        let own = places.target.join("pg");
        let shared = std::env::temp_dir().join(format!("alyx-{}", places.checkout_hash()));
        for dir in [own, shared] {
            claim(&dir)?;
            if cluster::socket_path_fits(&dir) && account.can_enter(&dir) {
                return Ok(Self { account, dir });
            }
            // Empty, or holds what an earlier run put there; in that case it stays.
            let _ = fs::remove_dir(&dir);
        }
        Err(Failure::new(format!("user {} can enter neither target nor the folder for temporary files", account.name)))
    }

    /// Folder of `postgres`, `psql`, `pg_ctl` and the others.
    pub(crate) fn bin(&self) -> PathBuf {
        self.tree().join(BIN)
    }

    /// Folder of built guests, readable by the server.
    pub(crate) fn guests(&self) -> PathBuf {
        self.dir.join("guests")
    }

    /// The root of the private tree: `cargo pgrx package` puts files at their system paths below it.
    pub(crate) fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// The server of the demo.
    pub(crate) fn demo_cluster(&self) -> Cluster<'_> {
        Cluster::new(self, self.dir.join("demo"), 54320).preloading()
    }

    /// The server of the tests. It does not preload: what is refused then is tested there, and what takes the preload on
    /// servers of the tests' own.
    pub(crate) fn test_cluster(&self) -> Cluster<'_> {
        Cluster::new(self, self.dir.join("test"), 54321)
    }

    /// The server of the benchmark.
    pub(crate) fn bench_cluster(&self) -> Cluster<'_> {
        Cluster::new(self, self.dir.join("bench"), 54322).preloading()
    }

    /// All servers that xtask may have started.
    pub(crate) fn clusters(&self) -> [Cluster<'_>; 3] {
        [self.demo_cluster(), self.test_cluster(), self.bench_cluster()]
    }

    /// Deletes everything. The servers must have been stopped.
    pub(crate) fn remove(&self) -> Result<()> {
        remove_dir(&self.dir)
    }

    /// Builds the tree, again after the system's PostgreSQL was upgraded.
    pub(crate) fn ensure_tree(&self, step: &mut Step) -> Result<()> {
        let stamp_file = self.tree().join("stamp");
        let stamp = system_stamp()?;
        if fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) {
            step.note("present");
            return Ok(());
        }
        for cluster in self.clusters() {
            cluster.stop()?;
        }
        remove_dir(&self.tree())?;
        for dir in [BIN, PKGLIB, SHARE, EXTENSION] {
            create_dir(&self.tree().join(dir))?;
        }
        self.each_entry(BIN, |from, to| fs::copy(from, to).map(drop))?;
        for dir in [PKGLIB, EXTENSION, SHARE] {
            self.each_entry(dir, |from, to| symlink(from, to))?;
        }
        self.make_include_link()?;
        self.make_readable()?;
        self.check_relocation()?;
        fs::write(&stamp_file, stamp).context("write", stamp_file.display())?;
        step.note("built");
        Ok(())
    }

    /// Lets the unprivileged user read what the caller's umask may have hidden: the folders and the extension's files.
    pub(crate) fn make_readable(&self) -> Result<()> {
        let mut dirs = vec![self.tree()];
        while let Some(dir) = dirs.pop() {
            account::set_mode(&dir, 0o755)?;
            for entry in fs::read_dir(&dir).context("list", dir.display())? {
                let entry = entry.context("list", dir.display())?;
                let meta = entry.metadata().context("read", entry.path().display())?;
                if meta.is_dir() {
                    dirs.push(entry.path());
                } else if meta.is_file() && meta.mode() & 0o044 != 0o044 {
                    account::set_mode(&entry.path(), meta.mode() | 0o044)?;
                }
            }
        }
        Ok(())
    }

    /// Does `place(system file, private path)` for each entry of a system folder that the tree does not hold yet.
    fn each_entry(&self, dir: &str, place: impl Fn(&Path, &Path) -> std::io::Result<()>) -> Result<()> {
        let system = Path::new("/").join(dir);
        for entry in fs::read_dir(&system).context("list", system.display())? {
            let entry = entry.context("list", system.display())?;
            let private = self.tree().join(dir).join(entry.file_name());
            if private.symlink_metadata().is_err() {
                place(&entry.path(), &private).context("make", private.display())?;
            }
        }
        Ok(())
    }

    /// Headers, for benchmarks that compile a C extension with the private `pg_config`.
    fn make_include_link(&self) -> Result<()> {
        let link = self.tree().join(INCLUDE);
        if let Some(parent) = link.parent() {
            create_dir(parent)?;
        }
        symlink(Path::new("/").join(INCLUDE), &link).context("make", link.display())
    }

    /// Installing into the wrong tree would break the promise of this file, so it is asked for and not assumed.
    fn check_relocation(&self) -> Result<()> {
        let program = self.bin().join("pg_config");
        for (option, expected) in [("--pkglibdir", PKGLIB), ("--sharedir", SHARE)] {
            let output = Command::new(&program).arg(option).output().context("start", program.display())?;
            let found = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
            if found != self.tree().join(expected) {
                return Err(Failure::new(format!("the private pg_config {option} points to {}", found.display())));
            }
        }
        Ok(())
    }
}

/// Changes whenever the system's server does.
fn system_stamp() -> Result<String> {
    let postgres = Path::new("/").join(BIN).join("postgres");
    let meta = fs::metadata(&postgres).context("read", postgres.display())?;
    Ok(format!("{} {} {}\n", meta.len(), meta.mtime(), meta.ino()))
}

/// Creates the folder, or makes sure that an existing one is ours: in the folder for temporary files anyone could
/// have put something of that name there, for us to run programs from.
fn claim(dir: &Path) -> Result<()> {
    create_dir(dir)?;
    let meta = dir.symlink_metadata().context("read", dir.display())?;
    if !meta.is_dir() || meta.uid() != account::own_uid()? {
        return Err(Failure::new(format!("{} belongs to someone else; delete it first", dir.display())));
    }
    account::set_mode(dir, 0o755)
}
