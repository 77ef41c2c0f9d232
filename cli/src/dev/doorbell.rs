//! Tells that something changed below the watched folders. It may ring too often and must not be trusted for what
//! changed: `scan` looks. Each folder is watched by itself, so that node_modules and target cost nothing.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::mpsc::Sender;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::event::Event;

/// Watches folders.
pub(crate) struct Doorbell {
    watcher: Option<RecommendedWatcher>,
    /// Watched folders and their inodes: a folder that was replaced by another has lost its watch.
    dirs: BTreeMap<PathBuf, u64>,
    /// Why it does not ring for all folders, once that is so.
    pub(crate) broken: Option<String>,
}

impl Doorbell {
    /// Watches nothing yet.
    pub(crate) fn new(events: Sender<Event>) -> Self {
        let rung = move |found: notify::Result<notify::Event>| {
            let event = match found {
                Ok(found) if found.need_rescan() => Event::Overflow,
                // Reading is no change.
                Ok(found) if found.kind.is_access() => return,
                Ok(found) => Event::Touched(found.paths),
                Err(_) => Event::Overflow,
            };
            let _ = events.send(event);
        };
        match notify::recommended_watcher(rung) {
            Ok(watcher) => Self { watcher: Some(watcher), dirs: BTreeMap::new(), broken: None },
            Err(error) => Self { watcher: None, dirs: BTreeMap::new(), broken: Some(error.to_string()) },
        }
    }

    /// Watches these folders and no others.
    pub(crate) fn watch(&mut self, wanted: impl IntoIterator<Item = PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        let mut found = BTreeMap::new();
        for dir in wanted {
            // Gone again, or not there yet.
            let Ok(meta) = std::fs::metadata(&dir) else { continue };
            if self.dirs.get(&dir) == Some(&meta.ino()) {
                found.insert(dir, meta.ino());
                continue;
            }
            let _ = watcher.unwatch(&dir);
            match watcher.watch(&dir, RecursiveMode::NonRecursive) {
                Ok(()) => drop(found.insert(dir, meta.ino())),
                Err(error) if dir.exists() => self.broken = Some(format!("{}: {error}", dir.display())),
                Err(_) => {}
            }
        }
        for gone in self.dirs.keys().filter(|dir| !found.contains_key(*dir)) {
            let _ = watcher.unwatch(gone);
        }
        self.dirs = found;
    }
}
