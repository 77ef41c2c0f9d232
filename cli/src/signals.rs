//! Ctrl-C and its relatives: whatever the command was doing, the processes that it started end with it.
//!
//! Builds run in process groups of their own, so that the terminal's Ctrl-C does not reach them and a whole tree of
//! compilers can be ended at once. The list of groups is here; a signal ends them and then the process, or, where a command
//! has something to put in order (`alyx dev`), tells it to stop. A second signal does not wait.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::problem::{Problem, Result};

static GROUPS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
/// The signal that ends this process; 0 while there was none.
static ENDING: AtomicI32 = AtomicI32::new(0);
static STOP: Mutex<Option<Box<dyn Fn() + Send>>> = Mutex::new(None);

/// Starts to listen.
///
/// # Errors
/// The system takes no handlers.
pub(crate) fn watch() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Problem::failed("cannot listen for signals").why(error))?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let mut told = false;
            for signal in &mut signals {
                ENDING.store(signal, Ordering::SeqCst);
                end_groups(if told { "KILL" } else { "TERM" });
                let stop = STOP.lock().unwrap_or_else(PoisonError::into_inner);
                match stop.as_ref() {
                    Some(stop) if !told => stop(),
                    // 128 and the signal's number is what shells report for a process that a signal ended.
                    _ => std::process::exit(128 + signal),
                }
                told = true;
            }
        })
        .map_err(|error| Problem::failed("cannot start a thread").why(error))?;
    Ok(())
}

/// How the process ends when a signal is why its command failed: builds that were ended by it are no failures to tell of.
pub(crate) fn exit_code() -> Option<u8> {
    let signal = ENDING.load(Ordering::SeqCst);
    u8::try_from(128 + signal).ok().filter(|_| signal != 0)
}

/// From now on a first signal sends `event` instead of ending the process.
pub(crate) fn notify<T: Send + Clone + 'static>(sender: Sender<T>, event: T) {
    let stop = move || drop(sender.send(event.clone()));
    *STOP.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(stop));
}

/// A process group that ends when this process is told to; forgotten when dropped.
pub(crate) struct Group(u32);

impl Group {
    /// Starts a process that leads a group of its own.
    ///
    /// # Errors
    /// The system does not start it.
    pub(crate) fn start(command: &mut Command) -> std::io::Result<(Child, Self)> {
        // Locked before it starts: a signal that comes while it does waits, and finds it on the list.
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.process_group(0).spawn()?;
        groups.insert(child.id());
        let group = Self(child.id());
        Ok((child, group))
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.0
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        GROUPS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Ends one group, compilers and their children.
pub(crate) fn end_group(id: u32, signal: &str) {
    // The shell's own `kill` takes negative numbers everywhere, and needs no unsafe call here.
    let script = "kill -s \"$0\" -- \"-$1\"";
    let mut kill = Command::new("/bin/sh");
    // In a group of its own: what ends all of ours (timeout -s INT) must not end it first.
    kill.args(["-c", script, signal, &id.to_string()]).process_group(0);
    let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

fn end_groups(signal: &str) {
    let groups: Vec<u32> = GROUPS.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
    for id in groups {
        end_group(id, signal);
    }
}
