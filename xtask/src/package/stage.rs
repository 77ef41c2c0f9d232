//! A folder that becomes an archive: every name, permission and time in it is set here, so that the same files give the
//! same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::release::Release;
use crate::account::set_mode;
use crate::console::Step;
use crate::error::{Context, Result};
use crate::places::{create_dir, remove_dir};

/// Permission bits of what everybody may read.
pub(crate) const READ: u32 = 0o644;
/// And of what everybody may run.
pub(crate) const RUN: u32 = 0o755;

/// The folder, named as what it holds.
pub(crate) struct Stage {
    /// Its path.
    pub(crate) dir: PathBuf,
}

impl Stage {
    /// An empty folder in place of the one that was there.
    pub(crate) fn new(parent: &Path, name: &str) -> Result<Self> {
        let dir = parent.join(name);
        remove_dir(&dir)?;
        create_dir(&dir)?;
        Ok(Self { dir })
    }

    /// Copies a file to a path below the folder.
    pub(crate) fn copy(&self, from: &Path, to: &str, mode: u32) -> Result<()> {
        let to = self.path(to)?;
        fs::copy(from, &to).context("copy", from.display())?;
        set_mode(&to, mode)
    }

    /// Copies a folder with all it holds.
    pub(crate) fn copy_dir(&self, from: &Path, to: &str) -> Result<()> {
        for entry in fs::read_dir(from).context("list", from.display())? {
            let path = entry.context("list", from.display())?.path();
            let to = format!("{to}/{}", path.file_name().unwrap_or_default().to_string_lossy());
            if path.is_dir() {
                self.copy_dir(&path, &to)?;
            } else {
                self.copy(&path, &to, READ)?;
            }
        }
        Ok(())
    }

    /// Writes a text.
    pub(crate) fn write(&self, to: &str, text: &str, mode: u32) -> Result<()> {
        let to = self.path(to)?;
        fs::write(&to, text).context("write", to.display())?;
        set_mode(&to, mode)
    }

    /// Writes a text, packed as Debian wants documentation.
    pub(crate) fn write_gz(&self, step: &Step, to: &str, text: &str) -> Result<()> {
        self.write(to, text, READ)?;
        step.run(Command::new("gzip").args(["-9", "--no-name", "--force"]).arg(self.dir.join(to)))
    }

    /// Copies a program or library without what only a debugger reads; the original stays as it is.
    pub(crate) fn copy_stripped(&self, step: &Step, from: &Path, to: &str, mode: u32) -> Result<()> {
        self.copy(from, to, mode)?;
        let mut strip = Command::new("strip");
        strip.args(["--strip-unneeded", "--remove-section=.comment", "--remove-section=.note"]);
        step.run(strip.arg(self.dir.join(to)))
    }

    /// Sum of the sizes of all files, in KiB, each rounded up, as Debian counts.
    pub(crate) fn size_kib(&self) -> Result<u64> {
        fn of(dir: &Path) -> Result<u64> {
            let mut sum = 1;
            for entry in fs::read_dir(dir).context("list", dir.display())? {
                let entry = entry.context("list", dir.display())?;
                let meta = entry.metadata().context("read", entry.path().display())?;
                sum += if meta.is_dir() { of(&entry.path())? } else { meta.len().div_ceil(1024) };
            }
            Ok(sum)
        }
        of(&self.dir)
    }

    /// Gives everything in the folder the time of the release.
    pub(crate) fn settle(&self, step: &Step, release: &Release) -> Result<()> {
        let time = format!("@{}", release.epoch_s);
        let touch = ["-exec", "touch", "--no-dereference", "--date", &time, "{}", "+"];
        step.run(Command::new("find").arg(&self.dir).args(touch))
    }

    /// Packs the folder, which becomes the archive's top folder.
    pub(crate) fn tar(&self, step: &Step, to: &Path) -> Result<()> {
        let (parent, name) = (self.dir.parent().unwrap_or(&self.dir), self.dir.file_name().unwrap_or_default());
        let plain = to.with_extension("");
        let mut tar = Command::new("tar");
        tar.args(["--create", "--format=gnu", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--file"]);
        step.run(tar.arg(&plain).arg("--directory").arg(parent).arg(name))?;
        step.run(Command::new("gzip").args(["-9", "--no-name", "--force"]).arg(&plain))
    }

    /// A path below the folder; folders on the way to it are made, readable whatever the caller's umask.
    fn path(&self, to: &str) -> Result<PathBuf> {
        let path = self.dir.join(to);
        let mut dir = self.dir.clone();
        set_mode(&dir, RUN)?;
        for part in Path::new(to).parent().into_iter().flat_map(Path::components) {
            dir.push(part);
            create_dir(&dir)?;
            set_mode(&dir, RUN)?;
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_files_have_their_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let parent = std::env::temp_dir().join(format!("xtask-stage-{}", std::process::id()));
        let stage = Stage::new(&parent, "one").unwrap();
        stage.write("usr/share/file", "text", READ).unwrap();
        let mode = |name: &str| fs::metadata(stage.dir.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("usr"), mode("usr/share"), mode("usr/share/file")), (RUN, RUN, READ));
        // Three folders and a file.
        assert_eq!(stage.size_kib().unwrap(), 4);
        remove_dir(&parent).unwrap();
    }
}
