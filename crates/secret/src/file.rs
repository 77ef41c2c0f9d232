//! The file that holds the keys: made once, readable by its owner alone, never half written.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::key::Keys;

/// Nobody but the owner may read or write the file.
const PRIVATE: u32 = 0o600;
/// No key file is longer: thousands of keys.
const MOST_BYTES: u64 = 1 << 20;

/// A key file by its path.
pub struct KeyFile(PathBuf);

impl KeyFile {
    /// The file at this path, which need not exist.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the keys.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no file; others when it is not safe or not a key file.
    pub fn read(&self) -> io::Result<Keys> {
        self.read_from(File::open(&self.0)?)
    }

    fn read_from(&self, file: File) -> io::Result<Keys> {
        let facts = file.metadata()?;
        // Postgres' own rule for private keys. Root may own it, and then let the server's group read it.
        let forbidden = if facts.uid() == 0 { 0o027 } else { 0o077 };
        if !facts.is_file() || facts.mode() & forbidden != 0 {
            return Err(invalid("others may read or write it: its mode must be 0600"));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MOST_BYTES).read_to_string(&mut text)?;
        Keys::parse(&text).ok_or_else(|| invalid("it holds no key, or something else"))
    }

    /// Makes the file with a new key, unless somebody else just did; reads what is there then.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn create(&self) -> io::Result<Keys> {
        let keys = Keys::generate().ok_or_else(no_random)?;
        if let Some(folder) = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let draft = self.draft(&keys)?;
        // A link fails where a rename would replace what another process has made in the meantime.
        let linked = std::fs::hard_link(&draft, &self.0);
        let removed = std::fs::remove_file(&draft);
        match linked {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            linked => linked.and(removed).and_then(|()| self.sync_folder())?,
        }
        self.read()
    }

    /// Puts a new key in front of the others. One rotation at a time: two at once would each lose the other's key.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] while another rotation runs, or what [`read`](Self::read) fails with.
    pub fn rotate(&self) -> io::Result<Keys> {
        let file = File::open(&self.0)?;
        file.try_lock().map_err(|_| io::Error::from(ErrorKind::WouldBlock))?;
        // The lock is on the file that was opened; it may have been replaced in between.
        let (locked, named) = (file.metadata()?, std::fs::metadata(&self.0)?);
        if (locked.dev(), locked.ino()) != (named.dev(), named.ino()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut keys = self.read_from(file.try_clone()?)?;
        keys.rotate().ok_or_else(no_random)?;
        let draft = self.draft(&keys)?;
        // Through a link, where there is one, to the file itself.
        std::fs::rename(&draft, std::fs::canonicalize(&self.0)?)?;
        self.sync_folder()?;
        drop(file);
        Ok(keys)
    }

    /// Writes the keys beside the file, down to the disk.
    fn draft(&self, keys: &Keys) -> io::Result<PathBuf> {
        let real = std::fs::canonicalize(&self.0).unwrap_or_else(|_| self.0.clone());
        let mut name = real.into_os_string();
        name.push(format!(".{}.new", std::process::id()));
        let path = PathBuf::from(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&path)?;
        file.write_all(keys.text().as_bytes())?;
        file.sync_all()?;
        Ok(path)
    }

    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why.to_owned())
}

fn no_random() -> io::Error {
    io::Error::other("the system gives no random numbers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file(name: &str) -> KeyFile {
        let folder = std::env::temp_dir().join(format!("alyx-secret-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        KeyFile::at(folder.join("keys"))
    }

    #[test]
    fn a_file_is_made_once_and_for_its_owner_alone() {
        let file = file("made");
        assert_eq!(file.read().err().map(|error| error.kind()), Some(ErrorKind::NotFound));
        let sealed = file.create().unwrap().seal("K", b"value").unwrap();
        assert_eq!(std::fs::metadata(file.path()).unwrap().mode() & 0o777, 0o600);
        // Another process that finds none and makes one at the same time gets the first one's key.
        assert_eq!(file.create().unwrap().open("K", &sealed).unwrap().as_str(), "value");
        assert_eq!(std::fs::read_dir(file.path().parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let file = file("open");
        file.create().unwrap();
        for mode in [0o644, 0o660, 0o604] {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = file.read().err().map(|error| error.kind());
            // Run by root, who owns the file then, the group may read it.
            let is_refused = refused == Some(ErrorKind::InvalidData);
            assert!(is_refused, "{mode:o}");
        }
    }

    #[test]
    fn rotations_take_turns_and_lose_no_key() {
        let file = file("rotated");
        let sealed = file.create().unwrap().seal("K", b"value").unwrap();
        let held = File::open(file.path()).unwrap();
        held.try_lock().unwrap();
        assert_eq!(file.rotate().err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
        drop(held);
        let newer = file.rotate().unwrap().seal("K", b"newer").unwrap();
        let keys = file.read().unwrap();
        assert_eq!(keys.open("K", &sealed).unwrap().as_str(), "value");
        assert_eq!(keys.open("K", &newer).unwrap().as_str(), "newer");
        assert_eq!(std::fs::metadata(file.path()).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        let file = file("damaged");
        file.create().unwrap();
        std::fs::write(file.path(), "not a key\n").unwrap();
        assert_eq!(file.read().err().map(|error| error.kind()), Some(ErrorKind::InvalidData));
    }
}
