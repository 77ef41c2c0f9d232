//! The operating-system user that PostgreSQL runs as: the caller, or `postgres` when the caller is root, because the
//! server refuses to run as root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::{Context, Failure, Result};

/// An unprivileged user.
pub(crate) struct Account {
    /// Login name.
    pub(crate) name: String,
    /// Whom to become, when the caller is root.
    change_to: Option<Ids>,
}

#[derive(Clone, Copy)]
struct Ids {
    user: u32,
    group: u32,
}

/// Whether this program may do anything on the machine.
pub(crate) fn is_root() -> Result<bool> {
    Ok(own_uid()? == 0)
}

/// The caller's numeric user id: the owner of this process' entry in /proc.
pub(crate) fn own_uid() -> Result<u32> {
    Ok(fs::metadata("/proc/self").context("read", "/proc/self")?.uid())
}

impl Account {
    /// Finds the user; `postgres` exists once the PostgreSQL package is installed.
    pub(crate) fn find() -> Result<Self> {
        if !is_root()? {
            return Ok(Self { name: id(&["-un"])?, change_to: None });
        }
        let name = "postgres".to_owned();
        let number = |option| -> Result<u32> {
            id(&[option, &name])?.parse().map_err(|_| Failure::new(format!("user {name} has no numeric id")))
        };
        let ids = Ids { user: number("-u")?, group: number("-g")? };
        Ok(Self { name, change_to: Some(ids) })
    }

    /// A command that runs as this user, in a folder it may enter, untouched by settings meant for other servers.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Some(Ids { user, group }) = self.change_to {
            // Becoming another user also drops root's supplementary groups.
            command.uid(user).gid(group);
        }
        scrub(&mut command);
        command
    }

    /// Makes a folder that belongs to this user, with the given permission bits.
    pub(crate) fn create_dir(&self, dir: &Path, mode: u32) -> Result<()> {
        fs::create_dir_all(dir).context("create", dir.display())?;
        set_mode(dir, mode)?;
        if let Some(Ids { user, group }) = self.change_to {
            chown(dir, Some(user), Some(group)).context("change the owner of", dir.display())?;
        }
        Ok(())
    }

    /// Whether this user may look up names below `dir`.
    pub(crate) fn can_enter(&self, dir: &Path) -> bool {
        self.command(Path::new("/usr/bin/test")).arg("-x").arg(dir).status().is_ok_and(|status| status.success())
    }
}

/// Takes from a command the variables that would lead it elsewhere: PGHOST, PGOPTIONS and the like, and the library path
/// that `cargo run` adds.
pub(crate) fn scrub(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let libpq = name.to_str().is_some_and(|name| name.starts_with("PG") && !name.starts_with("PGRX"));
        if libpq || name == "LD_LIBRARY_PATH" {
            command.env_remove(&name);
        }
    }
}

/// Sets permission bits, whatever the umask of the caller.
pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).context("set permissions of", path.display())
}

fn id(arguments: &[&str]) -> Result<String> {
    let output = Command::new("id").args(arguments).output().context("start", "id")?;
    if !output.status.success() {
        let asked = arguments.last().copied().unwrap_or_default();
        return Err(Failure::new(format!("there is no user {asked}; \"cargo xtask setup\" installs PostgreSQL")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
