//! Where things are: the checkout, cargo's target folder, and the lock that keeps two runs of xtask apart.

use std::env;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Failure, Result};
use crate::headers;
use crate::major::Major;

/// The `pg_config` of the system's server.
const SYSTEM_PG_CONFIG: &str = "/usr/lib/postgresql/15/bin/pg_config";

/// The folders, and which PostgreSQL is meant.
pub(crate) struct Places {
    /// Top folder of the checkout.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// What the extension is compiled for.
    pub(crate) major: Major,
}

impl Places {
    /// Reads them from the environment that `cargo run` gives its program.
    pub(crate) fn find(major: Major) -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .ok_or_else(|| Failure::new("start this program as \"cargo xtask\""))?;
        let root = package.parent().unwrap_or(&package).to_owned();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        Ok(Self { root, target, major })
    }

    /// Folder for the output of each step.
    pub(crate) fn logs(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// `--root` for programs installed by cargo.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Folder in which the build scripts of examples keep the compilers they fetch.
    pub(crate) fn toolchains(&self) -> PathBuf {
        self.target.join("toolchains")
    }

    /// What takes long to make and is the same for every checkout: servers built from source, headers. The folder that
    /// `ALYX_CACHE` names, for CI and for several checkouts.
    pub(crate) fn cache(&self) -> PathBuf {
        env::var_os("ALYX_CACHE").map_or_else(|| self.own_cache(), |dir| self.root.join(dir))
    }

    /// The cache where `ALYX_CACHE` names none.
    pub(crate) fn own_cache(&self) -> PathBuf {
        self.target.join("cache")
    }

    /// The `pg_config` that everything is compiled with.
    pub(crate) fn pg_config(&self) -> PathBuf {
        if self.major == Major::SYSTEM {
            return SYSTEM_PG_CONFIG.into();
        }
        self.pg_configs().join(headers::name(self)).join("pg_config")
    }

    /// Folder of those that `headers.rs` writes.
    pub(crate) fn pg_configs(&self) -> PathBuf {
        self.target.join("pg_config")
    }

    /// Short name of this checkout, the same on every run and different for every checkout on the machine.
    pub(crate) fn checkout_hash(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.root.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// Cargo in the checkout. All calls go through here: `PGRX_PG_CONFIG_PATH` is an input of pgrx's build script,
    /// so a call with another value, or none, would compile the bindings again.
    pub(crate) fn cargo(&self) -> Command {
        self.with_build_environment(Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())))
    }

    /// Cargo's `build`, `test` or `clippy` of all packages, the extension for the major that is meant.
    pub(crate) fn cargo_workspace(&self, subcommand: &str) -> Command {
        let mut command = self.cargo();
        command.args([subcommand, "--workspace"]).args(self.major.cargo_arguments());
        command
    }

    /// Gives a program that calls cargo the environment of [`Places::cargo`].
    pub(crate) fn with_build_environment(&self, mut command: Command) -> Command {
        command.current_dir(&self.root).env("PGRX_PG_CONFIG_PATH", self.pg_config());
        command
    }

    /// Waits until no other xtask works on this checkout; the lock ends with the returned file.
    pub(crate) fn lock(&self) -> Result<File> {
        let path = self.logs().join("lock");
        create_dir(&self.logs())?;
        let lock = File::create(&path).context("create", path.display())?;
        lock.lock().context("lock", path.display())?;
        Ok(lock)
    }
}

/// Creates a folder and its parents.
pub(crate) fn create_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).context("create", dir.display())
}

/// Deletes a folder with all it holds, if it exists.
pub(crate) fn remove_dir(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.context("delete", dir.display()),
    }
}
