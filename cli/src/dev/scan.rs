//! What is below the watched folders at this moment: functions, files with their stamps, folders worth watching. It does
//! not care how a change came about, so renames, editors that replace files, links and lost events are all the same to it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::problem::Result;
use crate::project::{self, Folder, is_ignored};

const MAX_DEPTH: usize = 24;

/// What tells one state of a file from another without reading it.
pub(crate) type Stamp = (i64, i64, i64, u64, u64);

/// One look at everything.
#[derive(Default)]
pub(crate) struct Scan {
    /// Function folders, or what is wrong with them.
    pub(crate) folders: BTreeMap<PathBuf, Result<Folder>>,
    /// Files by function folder.
    pub(crate) files: BTreeMap<PathBuf, BTreeMap<PathBuf, Stamp>>,
    /// Folders where something can change.
    pub(crate) dirs: BTreeSet<PathBuf>,
}

/// Looks at the folders below these.
pub(crate) fn scan(roots: &[PathBuf]) -> Scan {
    let mut scan = Scan::default();
    for root in roots {
        scan.folders.extend(project::below(root));
        dirs(root, &mut scan.dirs);
    }
    for (dir, found) in &scan.folders {
        let mut files = files(dir, &mut scan.dirs);
        if let Ok(folder) = found {
            // The module may be in a folder that is not looked at, such as target.
            let output = folder.output();
            if let Some(stamp) = stamp(&output) {
                files.insert(output.clone(), stamp);
            }
            scan.dirs.extend(output.parent().map(Path::to_owned));
        }
        scan.files.insert(dir.clone(), files);
    }
    scan
}

/// A file's stamp, its target's when it is a link.
pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    // The change time as well: a tool may set the modification time to what it was.
    Some((
        meta.mtime(),
        meta.mtime_nsec(),
        meta.ctime().wrapping_mul(1_000_000_000).wrapping_add(meta.ctime_nsec()),
        meta.ino(),
        meta.len(),
    ))
}

fn walk(root: &Path) -> impl Iterator<Item = walkdir::DirEntry> {
    let entries = WalkDir::new(root).follow_links(true).max_depth(MAX_DEPTH).into_iter();
    // Circles of links and what cannot be read are left out.
    entries
        .filter_entry(|entry| entry.depth() == 0 || !entry.file_type().is_dir() || !is_ignored(entry.file_name()))
        .flatten()
}

/// Files below a folder, without those of folders that are not looked at.
pub(super) fn below(root: &Path) -> impl Iterator<Item = PathBuf> {
    walk(root).filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path)
}

fn dirs(root: &Path, dirs: &mut BTreeSet<PathBuf>) {
    dirs.extend(walk(root).filter(|entry| entry.file_type().is_dir()).map(walkdir::DirEntry::into_path));
}

fn files(root: &Path, dirs: &mut BTreeSet<PathBuf>) -> BTreeMap<PathBuf, Stamp> {
    let mut files = BTreeMap::new();
    for entry in walk(root).filter(|entry| entry.file_type().is_file()) {
        let path = entry.into_path();
        // A link to a file elsewhere changes where the file is.
        if path.is_symlink() {
            dirs.extend(path.canonicalize().ok().and_then(|target| target.parent().map(Path::to_owned)));
        }
        if let Some(stamp) = stamp(&path) {
            files.insert(path, stamp);
        }
    }
    files
}
