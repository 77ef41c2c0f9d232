//! Work that nobody can interrupt, in a child of this process: the parent waits, looks at the interrupts of Postgres,
//! and ends the child when it must. What crashes there, or eats all memory, is the child.
//!
//! The child is a copy of a backend and must not act as one: it calls nothing of Postgres, has default signal handlers,
//! leaves by `_exit`, and goes with its parent.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::interrupt::{self, Stop};
use super::wait_event::{WaitEvent, WaitScope};

/// How often the waiting parent looks up, in milliseconds.
const TICK_MS: i32 = 10;
/// First byte of what a child that succeeded writes.
const DONE: u8 = 0;

/// How a child's work ended.
#[derive(Debug)]
pub enum Ended {
    /// With a result.
    Done(Vec<u8>),
    /// With a reason why there is none.
    Failed(String),
    /// It crashed, or ran out of its memory.
    Crashed,
    /// It was ended, because this process has to stop.
    Stopped(Stop),
    /// It could not be begun.
    NotBegun(std::io::Error),
}

/// Runs `work` in a child that may take `memory_bytes` more than this process has now.
pub fn run(memory_bytes: u64, work: impl FnOnce() -> Result<Vec<u8>, String>) -> Ended {
    let (mut from_child, to_parent) = match pipe() {
        Ok(ends) => ends,
        Err(error) => return Ended::NotBegun(error),
    };
    // SAFETY: signals are blocked around fork(2), so that no handler of Postgres runs in the child. A backend has one
    // thread, hence the child's memory is consistent.
    let pid = unsafe {
        let mut all = std::mem::zeroed();
        let mut before = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &all, &mut before);
        let parent = libc::getpid();
        let pid = libc::fork();
        if pid == 0 {
            become_child(parent, memory_bytes);
            drop(from_child);
            libc::_exit(act(to_parent, work));
        }
        let error = std::io::Error::last_os_error();
        libc::sigprocmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        if pid < 0 {
            return Ended::NotBegun(error);
        }
        pid
    };
    drop(to_parent);
    let mut child = Child(Some(pid));
    let mut said = Vec::new();
    let _wait = WaitScope::begin(WaitEvent::Compile);
    if let Some(stop) = listen(&mut from_child, &mut said) {
        return Ended::Stopped(stop);
    }
    let exited_well = child.wait();
    match said.split_first() {
        Some((&DONE, result)) if exited_well => Ended::Done(result.to_vec()),
        Some((_, reason)) if exited_well => Ended::Failed(String::from_utf8_lossy(reason).into_owned()),
        // What stops this process may have stopped the child as well.
        _ => interrupt::poll().map_or(Ended::Crashed, Ended::Stopped),
    }
}

/// Reads to the end, or until this process has to stop.
fn listen(from_child: &mut File, said: &mut Vec<u8>) -> Option<Stop> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        if let Some(stop) = interrupt::poll() {
            return Some(stop);
        }
        let mut waited = libc::pollfd { fd: from_child.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, of a file that is open.
        if unsafe { libc::poll(&mut waited, 1, TICK_MS) } <= 0 {
            continue;
        }
        match from_child.read(&mut buffer) {
            Ok(0) => return None,
            Ok(count) => said.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// A child that has not been waited for; ended when dropped.
struct Child(Option<libc::pid_t>);

impl Child {
    /// Waits for its end; whether that was a good one.
    fn wait(&mut self) -> bool {
        let Some(pid) = self.0.take() else { return false };
        let mut status = 0;
        loop {
            // SAFETY: a child of ours that nobody else waits for.
            let waited = unsafe { libc::waitpid(pid, &mut status, 0) };
            if waited == pid {
                return libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
            }
            if waited < 0 && std::io::Error::last_os_error().kind() != ErrorKind::Interrupted {
                return false;
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // SAFETY: it has not been waited for, so the number is still its own.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            self.wait();
        }
    }
}

fn pipe() -> std::io::Result<(File, File)> {
    let mut ends = [0; 2];
    // SAFETY: both descriptors are new and owned by the files that are made of them.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) < 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok((File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1])))
    }
}

/// # Safety
/// Right after fork(2), in the child, with all signals blocked.
unsafe fn become_child(parent: libc::pid_t, memory_bytes: u64) {
    // SAFETY: system calls on this process alone.
    unsafe {
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL);
        }
        // A group of its own: what is sent to the parent's is for the parent to decide.
        libc::setpgid(0, 0);
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != parent {
            libc::_exit(1);
        }
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        let most = data_bytes().saturating_add(memory_bytes);
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        libc::setrlimit(libc::RLIMIT_DATA, &limit);
        let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &no_core);
    }
    // When memory runs out for all, this process goes first.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

/// Writable private memory of this process, as RLIMIT_DATA counts it.
fn data_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse().ok());
    kilobytes.map_or(u64::MAX, |kilobytes: u64| kilobytes.saturating_mul(1024))
}

/// Does the work and tells the parent; the exit code.
fn act(mut to_parent: File, work: impl FnOnce() -> Result<Vec<u8>, String>) -> i32 {
    let said = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(result)) => to_parent.write_all(&[DONE]).and_then(|()| to_parent.write_all(&result)),
        Ok(Err(reason)) => to_parent.write_all(&[1]).and_then(|()| to_parent.write_all(reason.as_bytes())),
        Err(_) => return 2,
    };
    i32::from(said.is_err())
}
