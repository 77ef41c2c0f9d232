//! The loop: events in, builds and deploys out, and a line for each thing that people want to know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use serde_json::json;

use super::builder::Builder;
use super::doorbell::Doorbell;
use super::event::Event;
use super::scan::{Stamp, scan, stamp};
use super::unit::Unit;
use super::{deployer, tail};
use crate::database::Address;
use crate::problem::{Problem, Result};
use crate::project::Folder;
use crate::server::Private;
use crate::signals;
use crate::terminal::{FAINT, Terminal, WARN, describe, paint};

/// Files are looked at so soon after the bell rang.
pub(super) const LOOK_AFTER: Duration = Duration::from_millis(20);
/// And so often anyway: network folders ring no bell, and links lead to places that are not watched.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// And so often when folders cannot be watched at all.
const LOOK_WITHOUT_BELL: Duration = Duration::from_millis(300);

/// What to watch, and where to deploy.
pub(crate) struct Options {
    pub(crate) dirs: Vec<PathBuf>,
    pub(crate) address: Address,
    pub(crate) server: Option<Private>,
    /// Whether to show logs.
    pub(crate) logs: bool,
    /// Whether to watch at all, or only to wait for the end.
    pub(crate) watch: bool,
}

/// What the loop knows.
pub(super) struct Dev<'t> {
    pub(super) terminal: &'t Terminal,
    pub(super) roots: Vec<PathBuf>,
    pub(super) units: BTreeMap<PathBuf, Unit>,
    pub(super) wrong: BTreeMap<PathBuf, String>,
    pub(super) builder: Builder,
    pub(super) doorbell: Doorbell,
    pub(super) deployer: Sender<Folder>,
    pub(super) touched: BTreeSet<PathBuf>,
    pub(super) look_at: Instant,
    pub(super) environment: Option<Stamp>,
    pub(super) told_broken: bool,
    pub(super) away: bool,
}

/// Watches until Ctrl-C.
///
/// # Errors
/// A folder cannot be opened.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<()> {
    let (sender, events) = mpsc::channel();
    signals::notify(sender.clone(), Event::Stop);
    let mut roots = Vec::new();
    for dir in &options.dirs {
        roots.push(
            dir.canonicalize().map_err(|error| Problem::usage(format!("cannot open {}", dir.display())).why(error))?,
        );
    }
    let (deployer, folders) = mpsc::channel();
    let (address, server, to) = (options.address.clone(), options.server.clone(), sender.clone());
    spawn(move || deployer::run(address, server, &folders, &to));
    if options.logs && options.watch {
        let (address, to) = (options.address.clone(), sender.clone());
        spawn(move || tail::run(&address, &to));
    }
    let mut dev = Dev {
        terminal,
        roots,
        units: BTreeMap::new(),
        wrong: BTreeMap::new(),
        builder: Builder::new(sender.clone()),
        doorbell: Doorbell::new(sender),
        deployer,
        touched: BTreeSet::new(),
        look_at: Instant::now(),
        environment: stamp(Path::new(".env")),
        told_broken: false,
        away: false,
    };
    let deploys_to = options.address.describe();
    dev.tell(
        "watching",
        "",
        &json!({"database": deploys_to}),
        format!("watching; deploying to {deploys_to}; Ctrl-C ends it"),
    );
    loop {
        let wait = if options.watch { dev.step() } else { Duration::from_secs(3600) };
        match events.recv_timeout(wait) {
            Ok(Event::Stop) => break,
            Ok(event) => dev.hear(event),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    dev.tell("stopped", "", &json!({}), paint(FAINT, "stopped"));
    Ok(())
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    #[allow(clippy::disallowed_methods, reason = "no backend: this is a process of its own")]
    drop(std::thread::spawn(work));
}

impl Dev<'_> {
    /// Does what is due; returns how long nothing else will be.
    fn step(&mut self) -> Duration {
        let now = Instant::now();
        if now >= self.look_at {
            self.look();
        }
        self.builder.pursue();
        for unit in self.units.values_mut() {
            if unit.build_at.is_some() && self.builder.builds(&unit.folder.dir) {
                self.builder.cancel(&unit.folder.dir);
            }
            // What is built next is deployed then.
            if unit.build_at.is_none()
                && !self.builder.builds(&unit.folder.dir)
                && unit.deploy_at.is_some_and(|at| at <= now)
            {
                unit.deploy_at = None;
                let _ = self.deployer.send(unit.folder.clone());
            }
        }
        if self.builder.is_idle() {
            let due = self
                .units
                .values_mut()
                .filter(|unit| unit.build_at.is_some_and(|at| at <= now))
                .min_by_key(|unit| unit.build_at);
            if let Some(unit) = due {
                unit.build_at = None;
                self.builder.start(&unit.folder);
                let (dir, name) = (unit.folder.dir.clone(), unit.folder.label());
                self.tell("building", &name, &json!({"dir": dir}), paint(FAINT, "building"));
            }
        }
        let mut next = self.look_at;
        for unit in self.units.values() {
            // Builds wait for the one that runs; its end is an event.
            let build_at = unit.build_at.filter(|_| self.builder.is_idle());
            next = [build_at, unit.deploy_at].into_iter().flatten().fold(next, Instant::min);
        }
        let wait = next.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        if self.builder.is_ending() { wait.min(Duration::from_millis(20)) } else { wait }
    }

    /// Compares the folders with what they were.
    fn look(&mut self) {
        let begun = Instant::now();
        let found = scan(&self.roots);
        let touched = std::mem::take(&mut self.touched);
        let mut files = found.files;
        let mut gone: Vec<PathBuf> =
            self.units.keys().filter(|dir| !found.folders.contains_key(*dir)).cloned().collect();
        self.wrong.retain(|dir, _| found.folders.contains_key(dir));
        let mut names = BTreeMap::new();
        for (dir, folder) in found.folders {
            let folder = folder.and_then(|folder| match names.insert(folder.label(), dir.clone()) {
                None => Ok(folder),
                // Each would deploy over the other.
                Some(other) => Err(Problem::usage(format!("another folder has the name \"{}\", too", folder.label()))
                    .why(format!("{} and {}", other.display(), dir.display()))
                    .next("Give one of them another \"name\" in manifest.yaml.")),
            });
            let files = files.remove(&dir).unwrap_or_default();
            match folder {
                Ok(folder) => {
                    self.wrong.remove(&dir);
                    let building = self.builder.builds(&dir);
                    match self.units.get_mut(&dir) {
                        Some(unit) => unit.see(folder, files, &touched, building),
                        None => drop(self.units.insert(dir, Unit::new(folder, files))),
                    }
                }
                Err(problem) => {
                    let text = describe(&problem);
                    if self.wrong.get(&dir) != Some(&text) {
                        self.fail("manifest", &folder_name(&dir), &problem);
                        self.wrong.insert(dir.clone(), text);
                    }
                }
            }
        }
        for dir in gone.drain(..) {
            self.builder.cancel(&dir);
            if let Some(unit) = self.units.remove(&dir) {
                let name = unit.folder.label();
                let text = format!("its folder is gone; what is deployed stays until SELECT fn_drop('{name}')");
                self.tell("gone", &name, &json!({"dir": dir}), paint(WARN, text));
            }
        }
        let environment = stamp(Path::new(".env"));
        if environment != self.environment {
            self.environment = environment;
            self.units.values_mut().for_each(|unit| unit.deploy_at = Some(Instant::now()));
        }
        self.doorbell.watch(found.dirs);
        // Large folders are looked at less often: looking takes a small share of one core at most.
        let took = begun.elapsed();
        let pause = match self.doorbell.broken {
            Some(_) => LOOK_WITHOUT_BELL.max(took * 5),
            None => LOOK_EVERY.max(took * 50),
        };
        self.look_at = Instant::now() + pause;
        if let Some(reason) = self.doorbell.broken.clone().filter(|_| !self.told_broken) {
            self.told_broken = true;
            let advice = "folders cannot all be watched and are looked at three times a second instead; raise fs.inotify.max_user_watches";
            self.terminal.note(paint(WARN, format!("{advice} ({reason})")));
        }
    }
}

fn folder_name(dir: &Path) -> String {
    dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
