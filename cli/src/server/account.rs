//! Whom the private server runs as: the caller, or when that is root, which PostgreSQL refuses, `postgres` or `nobody`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::problem::{OnPath, Problem, Result};

/// An unprivileged user.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// Whom to become, when the caller is root: name, user and group.
    change_to: Option<(String, u32, u32)>,
}

impl Account {
    /// Finds the user.
    ///
    /// # Errors
    /// The caller is root, and there is neither `postgres` nor `nobody`.
    pub(crate) fn find() -> Result<Self> {
        // The owner of this process's entry in /proc.
        let own = Path::new("/proc/self");
        if fs::metadata(own).on("read", own)?.uid() != 0 {
            return Ok(Self { change_to: None });
        }
        for name in ["postgres", "nobody"] {
            if let (Some(user), Some(group)) = (id("-u", name), id("-g", name)) {
                return Ok(Self { change_to: Some((name.to_owned(), user, group)) });
            }
        }
        Err(Problem::failed("a private server cannot be started by root")
            .why("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as")
            .next("Run alyx as another user, or give a DATABASE_URL."))
    }

    /// Name of the other user, when there is one.
    pub(crate) fn other(&self) -> Option<&str> {
        self.change_to.as_ref().map(|(name, _, _)| name.as_str())
    }

    /// A command that runs as this user, without settings that are meant for other servers.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        if let Some((_, user, group)) = self.change_to {
            command.uid(user).gid(group);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PG")) {
                command.env_remove(&name);
            }
        }
        command
    }

    /// Makes a folder that only this user may enter, or takes the one that an earlier run has made.
    ///
    /// # Errors
    /// What is there is somebody else's, or a link: in /tmp anybody may have put it there, and root must not give it away.
    pub(crate) fn make_dir(&self, dir: &Path) -> Result<()> {
        match fs::create_dir(dir) {
            Ok(()) => {
                fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).on("set permissions of", dir)?;
                self.own(dir)
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(dir).on("read", dir)?;
                let own = Path::new("/proc/self");
                let user = match &self.change_to {
                    Some((_, user, _)) => *user,
                    None => fs::metadata(own).on("read", own)?.uid(),
                };
                if found.is_dir() && found.uid() == user && found.mode() & 0o077 == 0 {
                    return Ok(());
                }
                Err(Problem::failed(format!("{} is not a folder of the server's user alone", dir.display()))
                    .next("Remove it, and start again."))
            }
            Err(error) => Err(error).on("make", dir),
        }
    }

    /// Gives a file or folder to this user.
    pub(crate) fn own(&self, path: &Path) -> Result<()> {
        match self.change_to {
            Some((_, user, group)) => chown(path, Some(user), Some(group)).on("change the owner of", path),
            None => Ok(()),
        }
    }

    /// Whether this user may look up names below a folder.
    pub(crate) fn can_enter(&self, dir: &Path) -> bool {
        self.change_to.is_none()
            || self
                .command(Path::new("/bin/sh"))
                .args(["-c", "test -x \"$0\""])
                .arg(dir)
                .status()
                .is_ok_and(|s| s.success())
    }
}

fn id(option: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([option, name]).stderr(Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_somebody_else_put_there_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let account = Account { change_to: None };
        let ours = dir.path().join("ours");
        account.make_dir(&ours).unwrap();
        account.make_dir(&ours).unwrap();
        assert_eq!(fs::metadata(&ours).unwrap().mode() & 0o777, 0o700);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&ours, &link).unwrap();
        assert!(account.make_dir(&link).is_err());
        fs::set_permissions(&ours, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(account.make_dir(&ours).is_err());
    }
}
