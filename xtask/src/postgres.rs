//! The private PostgreSQL installation: the system's programs and libraries, seen through a folder of our own.
//!
//! PostgreSQL finds its libraries and its `share` folder relative to where its program really is. With the programs
//! copied, and everything else linked, the extension can be installed into that folder, and neither the system's
//! extension folder nor any other cluster ever sees it. The folder also holds our clusters and the built guests.
//!
//! A server that was built from source (`postgres_source.rs`) is laid out alike and copied whole. It has a folder of its
//! own, with clusters of its own.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::{self, Account};
use crate::cluster::{self, Cluster};
use crate::console::Step;
use crate::error::{Context, Failure, Result};
use crate::major::{Major, Origin};
use crate::places::{Places, create_dir, remove_dir};
use crate::postgres_source::BuiltServer;

const INCLUDE: &str = "usr/include/postgresql";

/// A private installation and the user that runs its servers.
pub(crate) struct Postgres {
    /// The unprivileged user.
    pub(crate) account: Account,
    /// Which server it is.
    pub(crate) major: Major,
    /// What is the same for all majors, and below it what is not.
    base: PathBuf,
    dir: PathBuf,
}

impl Postgres {
    /// Chooses the folder: in cargo's target folder, unless the unprivileged user cannot get there (a checkout below
    /// /root) or the path is too long for a socket; then in the folder for temporary files.
    pub(crate) fn locate(places: &Places) -> Result<Self> {
        let account = Account::find()?;
        let own = places.target.join("pg");
        let shared = std::env::temp_dir().join(format!("alyx-{}", places.checkout_hash()));
        let major = places.major;
        for base in [own, shared] {
            claim(&base)?;
            // The system's server has no folder of its own: it was there before there were others.
            let dir = if major == Major::SYSTEM { base.clone() } else { base.join(major.to_string()) };
            if cluster::socket_path_fits(&dir) && account.can_enter(&base) {
                return Ok(Self { account, major, base, dir });
            }
            // Empty, or holds what an earlier run put there; in that case it stays.
            let _ = fs::remove_dir(&base);
        }
        Err(Failure::new(format!("user {} can enter neither target nor the folder for temporary files", account.name)))
    }

    /// Those of all majors, whether they are there or not.
    pub(crate) fn locate_all() -> Result<Vec<Self>> {
        Major::ALL.into_iter().map(|major| Self::locate(&Places::find(major)?)).collect()
    }

    /// Folder of `postgres`, `psql`, `pg_ctl` and the others.
    pub(crate) fn bin(&self) -> PathBuf {
        self.tree().join(self.system_bin())
    }

    /// Folder of built guests, readable by the server.
    pub(crate) fn guests(&self) -> PathBuf {
        self.base.join("guests")
    }

    /// The root of the private tree: `cargo pgrx package` puts files at their system paths below it.
    pub(crate) fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// Folder of control files and scripts in the private tree.
    pub(crate) fn extensions(&self) -> PathBuf {
        self.tree().join(self.system_share()).join("extension")
    }

    /// The server of the demo.
    pub(crate) fn demo_cluster(&self) -> Cluster<'_> {
        Cluster::new(self, self.dir.join("demo"), self.major.first_port()).preloading()
    }

    /// The server of the tests. It does not preload: what is refused then is tested there, and what takes the preload on
    /// servers of the tests' own.
    pub(crate) fn test_cluster(&self) -> Cluster<'_> {
        Cluster::new(self, self.dir.join("test"), self.major.first_port() + 1)
    }

    /// The server of the benchmark.
    pub(crate) fn bench_cluster(&self) -> Cluster<'_> {
        Cluster::new(self, self.dir.join("bench"), self.major.first_port() + 2).preloading()
    }

    /// All servers that xtask may have started.
    pub(crate) fn clusters(&self) -> [Cluster<'_>; 3] {
        [self.demo_cluster(), self.test_cluster(), self.bench_cluster()]
    }

    /// Deletes everything, of all majors. The servers must have been stopped.
    pub(crate) fn remove(&self) -> Result<()> {
        remove_dir(&self.base)
    }

    /// Builds the tree, again after the PostgreSQL that it comes from was upgraded.
    pub(crate) fn ensure_tree(&self, places: &Places, step: &mut Step) -> Result<()> {
        let stamp_file = self.tree().join("stamp");
        let built = BuiltServer::of(places);
        let stamp = match self.major.origin() {
            Origin::System => self.system_stamp()?,
            _ => built.stamp().ok_or_else(|| Failure::new(format!("PostgreSQL {} is not built", self.major)))?,
        };
        if fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) {
            step.note("present");
            return Ok(());
        }
        for cluster in self.clusters() {
            cluster.stop()?;
        }
        remove_dir(&self.tree())?;
        claim(&self.dir)?;
        create_dir(&self.tree())?;
        match self.major.origin() {
            Origin::System => self.link_system()?,
            _ => step.run(
                Command::new("cp")
                    .args(["--recursive", "--preserve=mode"])
                    .arg(built.root().join("usr"))
                    .arg(self.tree()),
            )?,
        }
        self.make_readable()?;
        self.check_relocation()?;
        fs::write(&stamp_file, stamp).context("write", stamp_file.display())?;
        step.note("built");
        Ok(())
    }

    fn link_system(&self) -> Result<()> {
        let (bin, share) = (self.system_bin(), self.system_share());
        let extension = format!("{share}/extension");
        for dir in [&bin, &self.system_pkglib(), &share, &extension] {
            create_dir(&self.tree().join(dir))?;
        }
        self.each_entry(&bin, |from, to| fs::copy(from, to).map(drop))?;
        for dir in [&self.system_pkglib(), &extension, &share] {
            self.each_entry(dir, |from, to| symlink(from, to))?;
        }
        self.make_include_link()
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
        for (option, expected) in [("--pkglibdir", self.system_pkglib()), ("--sharedir", self.system_share())] {
            let output = Command::new(&program).arg(option).output().context("start", program.display())?;
            let found = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
            if found != self.tree().join(expected) {
                return Err(Failure::new(format!("the private pg_config {option} points to {}", found.display())));
            }
        }
        Ok(())
    }

    /// Changes whenever the system's server does.
    fn system_stamp(&self) -> Result<String> {
        let postgres = Path::new("/").join(self.system_bin()).join("postgres");
        let meta = fs::metadata(&postgres).context("read", postgres.display())?;
        Ok(format!("{} {} {}\n", meta.len(), meta.mtime(), meta.ino()))
    }

    /// Where Debian puts programs, libraries and the rest, below `/` and so below the tree.
    fn system_bin(&self) -> String {
        format!("usr/lib/postgresql/{}/bin", self.major)
    }

    fn system_pkglib(&self) -> String {
        format!("usr/lib/postgresql/{}/lib", self.major)
    }

    fn system_share(&self) -> String {
        format!("usr/share/postgresql/{}", self.major)
    }
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
