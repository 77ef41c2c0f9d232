//! Keeps the folder of compiled modules below a size: what was used longest ago goes. Whatever goes is built again when
//! it is needed, and processes that have it mapped keep it.

use crate::cache::verify_folder;
use std::fs::{self, DirEntry, File, FileTimes, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the folder is looked through at most: it may hold thousands of files.
const PAUSE: Duration = Duration::from_secs(60);
/// How old the time of the last use may be. Setting it costs the next process a verification.
const FINE_ENOUGH: Duration = Duration::from_secs(24 * 3600);
/// Its time is that of the last sweep.
const MARK: &str = "last.sweep";

/// What a folder of compiled modules holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Compiled modules of all engines.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Counts what a folder holds; nothing when it is not there yet.
///
/// # Errors
/// Why it cannot be used, as text.
pub fn holdings(folder: &Path) -> Result<Holdings, String> {
    let mut found = Holdings::default();
    if fs::symlink_metadata(folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(found);
    }
    verify_folder(folder)?;
    for (_, facts) in entries(folder).map_err(|error| error.to_string())? {
        found.files += 1;
        found.bytes += facts.len();
    }
    Ok(found)
}

/// Notes that an entry is in use.
pub(crate) fn note_use(file: &File, facts: &Metadata) {
    if facts.accessed().is_ok_and(|last| age(last) > FINE_ENOUGH) {
        // Without the note it goes earlier than it should.
        let _ = file.set_times(FileTimes::new().set_accessed(SystemTime::now()));
    }
}

/// Keeps a folder below a size without compiling anything: a limit that was lowered, or a deploy of hundreds of functions
/// within a minute, would be noticed with the next one only.
pub fn keep_below(folder: &Path, most: u64) {
    if verify_folder(folder).is_ok() {
        sweep(folder, most, "");
    }
}

/// Deletes entries that were used longest ago while there are more bytes than `most`, but never `newest`.
pub(crate) fn sweep(folder: &Path, most: u64, newest: &str) {
    if !is_due(folder) {
        return;
    }
    let Ok(mut found) = entries(folder) else { return };
    let mut bytes: u64 = found.iter().map(|(_, facts)| facts.len()).sum();
    found.sort_by_key(|(_, facts)| facts.accessed().unwrap_or(SystemTime::UNIX_EPOCH));
    for (entry, facts) in found.iter().filter(|(entry, _)| entry.file_name() != newest) {
        if bytes <= most {
            break;
        }
        // Another process may have removed it first.
        let _ = fs::remove_file(entry.path());
        let _ = fs::remove_file(lock_of(entry));
        bytes = bytes.saturating_sub(facts.len());
    }
}

/// Whether the last sweep was long enough ago; then this one counts as done.
fn is_due(folder: &Path) -> bool {
    let mark = folder.join(MARK);
    let last = fs::symlink_metadata(&mark).and_then(|facts| facts.modified());
    // A mark of the future (the clock was set back) is none.
    if last.is_ok_and(|last| SystemTime::now().duration_since(last).is_ok_and(|age| age < PAUSE)) {
        return false;
    }
    let _ = fs::remove_file(&mark);
    File::create_new(&mark).is_ok()
}

/// Compiled modules, not the locks beside them nor what is being written, and nothing that others keep in a folder that was
/// not meant for us alone.
fn entries(folder: &Path) -> io::Result<Vec<(DirEntry, Metadata)>> {
    let is_hex = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_ours =
        |name: &str| name.split_once('-').is_some_and(|(module, engine)| is_hex(module, 32) && is_hex(engine, 16));
    let is_entry = |entry: &DirEntry| entry.file_name().to_str().is_some_and(is_ours);
    let facts = |entry: DirEntry| entry.metadata().ok().filter(Metadata::is_file).map(|facts| (entry, facts));
    Ok(fs::read_dir(folder)?.flatten().filter(is_entry).filter_map(facts).collect())
}

fn lock_of(entry: &DirEntry) -> PathBuf {
    let mut name = entry.file_name();
    name.push(".lock");
    entry.path().with_file_name(name)
}

fn age(time: SystemTime) -> Duration {
    SystemTime::now().duration_since(time).unwrap_or_default()
}
