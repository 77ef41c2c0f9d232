//! Which folders below a folder are functions. Folders of packages, build output and hidden ones are passed over, and a
//! function folder is not searched for further ones: what its packages carry as examples is not ours.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::Folder;
use crate::problem::{Problem, Result};

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 16;

/// Names of folders that hold no sources.
pub(crate) fn is_ignored(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.')
        || matches!(&*name, "node_modules" | "target" | "dist" | "zig-out" | "zig-cache" | "__pycache__")
}

/// All function folders in these folders, in the order of their paths, none twice.
///
/// # Errors
/// A folder that is none, a folder without any function, a manifest that cannot be read.
pub(crate) fn find(dirs: &[PathBuf]) -> Result<Vec<Folder>> {
    let here = [PathBuf::from(".")];
    let dirs = if dirs.is_empty() { &here[..] } else { dirs };
    let mut folders: Vec<Folder> = Vec::new();
    for dir in dirs {
        check(dir)?;
        let found = below(dir).into_iter().map(|(_, found)| found).collect::<Result<Vec<Folder>>>()?;
        if found.is_empty() {
            return Err(Problem::usage(format!("there is no function in {}", dir.display()))
                .why("a function folder has a manifest.yaml, or a package.json, Cargo.toml or build.zig of a function")
                .next("Make one with \"alyx new <name> --lang ts\", or name another folder."));
        }
        for folder in found {
            if !folders.iter().any(|known| known.dir == folder.dir) {
                folders.push(folder);
            }
        }
    }
    folders.sort_by(|a, b| a.dir.cmp(&b.dir));
    Ok(folders)
}

/// The function folders below one folder, itself included, each with what is wrong with it. Links are followed, circles
/// are not.
pub(crate) fn below(dir: &Path) -> Vec<(PathBuf, Result<Folder>)> {
    let mut folders = Vec::new();
    let mut walk = WalkDir::new(dir).follow_links(true).max_depth(MAX_DEPTH).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        // What cannot be read, or leads in a circle, holds no function of ours.
        let Ok(entry) = entry else { continue };
        if !entry.file_type().is_dir() {
            continue;
        }
        if entry.depth() > 0 && is_ignored(entry.file_name()) {
            walk.skip_current_dir();
            continue;
        }
        let found = Folder::open(entry.path());
        if let Some(found) = found.transpose() {
            folders.push((entry.path().to_owned(), found));
            walk.skip_current_dir();
        }
    }
    folders
}

fn check(dir: &Path) -> Result<()> {
    match std::fs::metadata(dir) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => {
            Err(Problem::usage(format!("{} is not a folder", dir.display()))
                .next("Name the folder that the file is in."))
        }
        Err(error) => Err(Problem::usage(format!("cannot open {}", dir.display())).why(error)),
    }
}
