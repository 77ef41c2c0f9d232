//! One build at a time, in a thread of its own; one that is outdated is ended with all its processes.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::event::Event;
use crate::problem::{Exit, Problem, Result};
use crate::project::{self, Folder, Running};
use crate::signals::end_group;

/// After this a build that was asked to end is made to.
const PATIENCE: Duration = Duration::from_secs(2);

/// The build that runs, if one does.
pub(crate) struct Builder {
    events: Sender<Event>,
    number: u64,
    current: Option<Current>,
}

struct Current {
    dir: PathBuf,
    number: u64,
    groups: mpsc::Receiver<u32>,
    group: Option<u32>,
    cancelled_at: Option<Instant>,
    killed: bool,
}

impl Builder {
    /// One that runs nothing.
    pub(crate) fn new(events: Sender<Event>) -> Self {
        Self { events, number: 0, current: None }
    }

    /// Whether nothing is built.
    pub(crate) fn is_idle(&self) -> bool {
        self.current.is_none()
    }

    /// Whether this folder is built now, and still wanted.
    pub(crate) fn builds(&self, dir: &Path) -> bool {
        self.current.as_ref().is_some_and(|current| current.dir == dir && current.cancelled_at.is_none())
    }

    /// Starts to build a folder; only while idle.
    pub(crate) fn start(&mut self, folder: &Folder) {
        self.number += 1;
        let (groups_in, groups) = mpsc::channel();
        let (number, dir) = (self.number, folder.dir.clone());
        self.current =
            Some(Current { dir: dir.clone(), number, groups, group: None, cancelled_at: None, killed: false });
        let (events, folder) = (self.events.clone(), folder.clone());
        #[allow(clippy::disallowed_methods, reason = "no backend: this is a process of its own")]
        thread::spawn(move || {
            let begun = Instant::now();
            let result = build(&folder, &events, &groups_in);
            let _ = events.send(Event::Built { dir, number, result, took: begun.elapsed() });
        });
    }

    /// Ends the build of a folder, if it is the one that runs.
    pub(crate) fn cancel(&mut self, dir: &Path) {
        let Some(current) =
            self.current.as_mut().filter(|current| current.dir == dir && current.cancelled_at.is_none())
        else {
            return;
        };
        current.cancelled_at = Some(Instant::now());
        self.pursue();
    }

    /// Sends signals to a build that was told to end: also to processes that it has started since.
    pub(crate) fn pursue(&mut self) {
        let Some(current) = &mut self.current else { return };
        let Some(at) = current.cancelled_at else { return };
        while let Ok(group) = current.groups.try_recv() {
            current.group = Some(group);
            end_group(group, "TERM");
        }
        if let Some(group) = current.group.filter(|_| at.elapsed() > PATIENCE && !current.killed) {
            end_group(group, "KILL");
            current.killed = true;
        }
    }

    /// Takes note of the end of a build; whether its result counts.
    pub(crate) fn ended(&mut self, number: u64) -> bool {
        let current = self.current.take_if(|current| current.number == number);
        current.is_some_and(|current| current.cancelled_at.is_none())
    }

    /// Whether somebody has to call `pursue` soon.
    pub(crate) fn is_ending(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.cancelled_at.is_some())
    }
}

fn build(folder: &Folder, events: &Sender<Event>, groups: &Sender<u32>) -> Result<()> {
    let (lines, output) = mpsc::channel::<String>();
    let (name, lines_to) = (folder.label(), events.clone());
    #[allow(clippy::disallowed_methods, reason = "no backend: this is a process of its own")]
    let printer = thread::spawn(move || {
        for text in output {
            let _ = lines_to.send(Event::Line { name: name.clone(), text });
        }
    });
    let follow = |running: Option<Running>| -> Result<()> {
        let Some(running) = running else { return Ok(()) };
        // Nobody listens any more when the whole is ending.
        groups.send(running.group()).map_err(|_| Problem::new(Exit::Build, "the build was given up"))?;
        running.wait()
    };
    let result = project::install_packages(folder, &lines)
        .and_then(follow)
        .and_then(|()| project::start(folder, &lines))
        .and_then(follow)
        .and_then(|()| project::check_output(folder));
    drop(lines);
    let _ = printer.join();
    result
}
