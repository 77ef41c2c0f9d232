//! One function folder under watch: what a changed file means for it, and what is due.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::scan::Stamp;
use crate::project::Folder;

/// Quiet time before a build: editors write several files, and one file several times.
const BUILD_DELAY: Duration = Duration::from_millis(60);
/// Quiet time before a module that somebody else built is read.
const DEPLOY_DELAY: Duration = Duration::from_millis(40);

/// A function folder and what is to be done with it.
pub(crate) struct Unit {
    pub(crate) folder: Folder,
    files: BTreeMap<PathBuf, Stamp>,
    sources: GlobSet,
    /// When to build, if there is something to build.
    pub(crate) build_at: Option<Instant>,
    /// When to deploy, if there is something to deploy.
    pub(crate) deploy_at: Option<Instant>,
    /// Whether a build has been told of whose deploy has not.
    pub(crate) awaited: bool,
    /// What was last said to be wrong with the folder, so that it is said once.
    pub(crate) complaint: Option<String>,
}

impl Unit {
    /// A folder that has just been found: it is built when it can be, else deployed.
    pub(crate) fn new(folder: Folder, files: BTreeMap<PathBuf, Stamp>) -> Self {
        let now = Instant::now();
        let builds = folder.build.is_some();
        let sources = sources(&folder);
        let deploys = !builds && folder.output().is_file();
        Self {
            folder,
            files,
            sources,
            build_at: builds.then_some(now),
            deploy_at: deploys.then_some(now),
            awaited: false,
            complaint: None,
        }
    }

    /// Takes note of another look at the folder; `touched` are files that the system told of.
    pub(crate) fn see(
        &mut self,
        folder: Folder,
        files: BTreeMap<PathBuf, Stamp>,
        touched: &BTreeSet<PathBuf>,
        building: bool,
    ) {
        let old = std::mem::replace(&mut self.files, files);
        let mut changed: BTreeSet<PathBuf> =
            touched.iter().filter(|path| self.files.contains_key(*path)).cloned().collect();
        changed.extend(
            self.files.iter().filter(|(path, stamp)| old.get(*path) != Some(stamp)).map(|(path, _)| path.clone()),
        );
        changed.extend(old.into_keys().filter(|path| !self.files.contains_key(path)));
        let now = Instant::now();
        if folder != self.folder {
            // Another command, other sources, another output: as if it were new, but without the name's sake.
            if folder.build != self.folder.build {
                self.build_at = folder.build.is_some().then_some(now + BUILD_DELAY);
            }
            self.sources = sources(&folder);
            self.folder = folder;
            self.deploy_at = Some(now + DEPLOY_DELAY);
        }
        for path in changed {
            match self.meaning(&path) {
                Meaning::Source => self.build_at = Some(now + BUILD_DELAY),
                // While it is built, its module is half of one.
                Meaning::Module if building => {}
                Meaning::Module | Meaning::Settings => self.deploy_at = Some(now + DEPLOY_DELAY),
                Meaning::Nothing => {}
            }
        }
    }

    fn meaning(&self, path: &Path) -> Meaning {
        if path == self.folder.output() {
            return Meaning::Module;
        }
        let Ok(inside) = path.strip_prefix(&self.folder.dir) else { return Meaning::Nothing };
        if self.folder.manifest.as_deref() == Some(path) || inside == Path::new(".env") || is_manifest(inside) {
            return Meaning::Settings;
        }
        if self.folder.build.is_some() && self.sources.is_match(inside) { Meaning::Source } else { Meaning::Nothing }
    }
}

enum Meaning {
    Source,
    Module,
    Settings,
    Nothing,
}

fn is_manifest(inside: &Path) -> bool {
    inside == Path::new("manifest.yaml") || inside == Path::new("manifest.yml")
}

/// A source that was changed after the module was built; `None` when there is none, or no module.
pub(crate) fn newer_source(folder: &Folder) -> Option<PathBuf> {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|facts| facts.modified()).ok();
    let (built, sources) = (modified(&folder.output())?, sources(folder));
    super::scan::below(&folder.dir).find(|path| {
        let is_source = path.strip_prefix(&folder.dir).is_ok_and(|inside| sources.is_match(inside));
        is_source && *path != folder.output() && modified(path).is_some_and(|changed| changed > built)
    })
}

/// What the manifest's `watch` says, else the language's sources.
fn sources(folder: &Folder) -> GlobSet {
    let own = folder.build.as_ref().map(|build| build.watch.as_slice()).unwrap_or_default();
    let default: Vec<String> = folder.language.watch().iter().map(|glob| (*glob).to_owned()).collect();
    let globs = if own.is_empty() { &default } else { own };
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        // A glob that is none matches nothing.
        if let Ok(glob) = GlobBuilder::new(glob.trim_start_matches("./")).literal_separator(true).build() {
            set.add(glob);
        }
    }
    set.build().unwrap_or_else(|_| GlobSet::empty())
}
