//! Compiled modules on disk: found by content and engine, owned by one user, verified before they are mapped.
//!
//! An entry is machine code. Whoever can write one can run code as us, so an entry counts only when it is a regular
//! file of ours in a folder of ours that nobody else can write, and when its digest fits
//! (which one process of a server finds out for all, as long as the file stays as it is). An entry is written under
//! another name and renamed, never changed. Everything that is wrong with one means: build it again.

use crate::entry;
use crate::error::Error;
use crate::settings::Verified;
use crate::sha256::Sha256;
use crate::summary::Summary;
use crate::sweep;
use crate::trusted;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use wasmtime::Engine;

/// Longest wait for another process that builds the same module; after it, both build.
const MAX_WAIT: Duration = Duration::from_secs(3);
/// Pause between two looks whether the other is done.
const PAUSE: Duration = Duration::from_millis(5);
/// Files left behind by a crash, or by an older engine, are removed after this time.
const MAX_LEFTOVER_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How old a change must be for a file to be remembered as verified.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The cache of one engine.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    most_bytes: u64,
    /// Stands for version, settings and processor of the engine.
    engine: String,
    verified: Option<Verified>,
}

/// An entry that was verified, here or by another process of the server; `file` is open at its start.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) file: File,
    pub(crate) summary: Summary,
}

/// The right to build one module; ends when dropped.
#[derive(Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "held for its lock, which ends with the file")] File);

impl Cache {
    pub(crate) fn new(folder: &Path, most_bytes: u64, engine: &Engine, verified: Option<Verified>) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { folder: folder.to_owned(), most_bytes, engine: format!("{:016x}", hasher.finish()), verified }
    }

    /// Opens and verifies an entry. The error says why there is none to be used.
    pub(crate) fn open(&self, sha256: &Sha256) -> Result<Entry, String> {
        self.verify_folder()?;
        let name = self.name(sha256);
        let file = OpenOptions::new()
            .read(true)
            // No link is followed, and a pipe in the entry's place does not block us.
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(self.folder.join(self.file_name(sha256)))
            .map_err(|error| error.to_string())?;
        let found = file.metadata().map_err(|error| error.to_string())?;
        if !found.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        verify_owner(&found)?;
        let stamp = stamp(&name, &found);
        let is_known = self.verified.is_some_and(|verified| verified.knows(stamp));
        let summary = entry::read(&file, &name, is_known)?;
        if let Some(verified) = self.verified.filter(|_| !is_known && is_settled(&found)) {
            verified.remember(stamp);
        }
        sweep::note_use(&file, &found);
        Ok(Entry { file, summary })
    }

    /// Writes an entry, whole or not at all.
    pub(crate) fn store(&self, sha256: &Sha256, artefact: &[u8], summary: &Summary) -> Result<(), Error> {
        let name = self.name(sha256);
        self.make_folder().map_err(Error::Cache)?;
        // Processes differ by number; threads of one (tests) by address of what they write.
        let entry = self.file_name(sha256);
        let temporary = self.folder.join(format!("{entry}.{}-{:p}.tmp", std::process::id(), artefact));
        let written = self.create(&temporary).and_then(|mut file| {
            entry::write(&mut file, &name, artefact, summary)?;
            fs::rename(&temporary, self.folder.join(&entry))
        });
        if written.is_err() {
            // Nothing more can be done about a file that cannot even be removed.
            let _ = fs::remove_file(&temporary);
        }
        written.map_err(|error| Error::Cache(error.to_string()))?;
        self.remove_leftovers(sha256);
        sweep::sweep(&self.folder, self.most_bytes, &entry);
        Ok(())
    }

    /// Waits until nobody else builds the module, for a bounded time; `None` when the cache cannot be used.
    ///
    /// Who gets the turn looks into the cache again before building.
    pub(crate) fn wait_for_turn(&self, sha256: &Sha256) -> Option<Turn> {
        self.make_folder().ok()?;
        let path = self.folder.join(format!("{}.lock", self.file_name(sha256)));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&path)
            .ok()?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Some(Turn(file)),
                Err(TryLockError::WouldBlock) if started.elapsed() < MAX_WAIT => std::thread::sleep(PAUSE),
                Err(_) => return None,
            }
        }
    }

    /// Removes all that is kept of a module, for any engine.
    pub(crate) fn remove(&self, sha256: &Sha256) {
        self.remove_where(sha256, |_| true);
    }

    fn remove_leftovers(&self, sha256: &Sha256) {
        let current = self.file_name(sha256);
        let lock = format!("{current}.lock");
        self.remove_where(sha256, |file| {
            let name = file.file_name();
            let modified = file.metadata().and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
            name != *current && name != *lock && age.is_some_and(|age| age > MAX_LEFTOVER_AGE)
        });
    }

    fn remove_where(&self, sha256: &Sha256, wanted: impl Fn(&fs::DirEntry) -> bool) {
        let prefix = short(sha256);
        let Ok(files) = fs::read_dir(&self.folder) else { return };
        for file in files.flatten() {
            let of_module = file.file_name().to_str().is_some_and(|name| name.starts_with(&prefix));
            if of_module && wanted(&file) {
                // Another process may have removed it first.
                let _ = fs::remove_file(file.path());
            }
        }
    }

    /// The file of an entry. Short: the folder lies in the data directory, and pg_basebackup ends at a path of 100 bytes.
    /// That it names the module by half of its hash only is no matter, since the entry's digest covers the whole.
    fn file_name(&self, sha256: &Sha256) -> String {
        format!("{}-{}", short(sha256), self.engine)
    }

    /// What an entry says that it is.
    fn name(&self, sha256: &Sha256) -> String {
        format!("{sha256}-{}", self.engine)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    fn make_folder(&self) -> Result<(), String> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(|error| error.to_string())?;
        self.verify_folder()
    }

    fn verify_folder(&self) -> Result<(), String> {
        verify_folder(&self.folder)
    }
}

/// Checks that a folder may hold code that we run.
pub(crate) fn verify_folder(folder: &Path) -> Result<(), String> {
    let found = fs::metadata(folder).map_err(|error| error.to_string())?;
    if !found.is_dir() {
        return Err("the cache folder is not a folder".to_owned());
    }
    verify_owner(&found).map_err(|error| format!("the cache folder is not safe: {error}"))
}

/// Names one state of one file: whoever writes to it, replaces it, or gives it another name changes its times or its number.
fn stamp(name: &str, found: &Metadata) -> u64 {
    let mut hasher = DefaultHasher::new();
    let times = (found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec());
    (name, found.dev(), found.ino(), found.size(), times).hash(&mut hasher);
    // Zero stands for nothing.
    hasher.finish() | 1
}

/// Whether a later change would show in its times, which are only as fine as the kernel's clock tick.
fn is_settled(found: &Metadata) -> bool {
    let changed =
        u64::try_from(found.ctime()).ok().map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    changed.and_then(|changed| SystemTime::now().duration_since(changed).ok()).is_some_and(|age| age > SETTLED_AFTER)
}

/// Checks that a file is ours and that only we can write it.
fn verify_owner(found: &Metadata) -> Result<(), String> {
    if found.uid() != trusted::effective_user() {
        return Err(format!("it belongs to user {}", found.uid()));
    }
    if found.mode() & 0o022 != 0 {
        return Err(format!("others can write it (mode {:o})", found.mode() & 0o7777));
    }
    Ok(())
}

fn short(sha256: &Sha256) -> String {
    sha256.to_string().chars().take(32).collect()
}
