//! What `pg_stat_activity` says a process waits for. From PostgreSQL 17 on an extension has names of its own there; before,
//! all of its waits are called "Extension".

use std::sync::atomic::{AtomicU32, Ordering};

use pgrx::pg_sys;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitEvent {
    /// The launcher, for something to do.
    LauncherMain,
    /// A manager, for something to do.
    ManagerMain,
    /// A worker, for its next job.
    WorkerMain,
    /// A session, for the processes of a database to leave it.
    Leave,
    /// A session, for a module to be compiled by its child.
    Compile,
    /// A guest, for a server on the web.
    Http,
}

/// Their numbers, by position; 0 for one that has none yet.
static NUMBERS: [AtomicU32; 6] = [const { AtomicU32::new(0) }; 6];

impl WaitEvent {
    /// The number under which it is reported; it is given out when it is first needed, never before shared memory is there.
    pub(super) fn number(self) -> u32 {
        let Some(known) = NUMBERS.get(self as usize) else { return pg_sys::PG_WAIT_EXTENSION };
        match known.load(Ordering::Relaxed) {
            0 => {
                let number = self.register();
                known.store(number, Ordering::Relaxed);
                number
            }
            number => number,
        }
    }

    #[cfg(any(feature = "pg17", feature = "pg18"))]
    fn register(self) -> u32 {
        let name = match self {
            Self::LauncherMain => c"AlyxLauncherMain",
            Self::ManagerMain => c"AlyxManagerMain",
            Self::WorkerMain => c"AlyxWorkerMain",
            Self::Leave => c"AlyxLeave",
            Self::Compile => c"AlyxCompile",
            Self::Http => c"AlyxHttp",
        };
        // SAFETY: the name is copied. It fails where a server has given out all of its 128 names: the wait is then an unnamed one.
        let number = unsafe { super::catch::catch(|| super::raw::WaitEventExtensionNew(name.as_ptr())) };
        number.unwrap_or_else(|_| {
            // SAFETY: it failed with the lock of the names held, and nothing of ours holds another one where it waits.
            unsafe { super::raw::LWLockReleaseAll() };
            pg_sys::PG_WAIT_EXTENSION
        })
    }

    #[cfg(not(any(feature = "pg17", feature = "pg18")))]
    fn register(self) -> u32 {
        pg_sys::PG_WAIT_EXTENSION
    }
}

/// Shows the wait while it lives.
pub struct WaitScope(u32);

impl WaitScope {
    /// Begins the wait.
    pub fn begin(event: WaitEvent) -> Self {
        Self(exchange(event.number()))
    }
}

impl Drop for WaitScope {
    fn drop(&mut self) {
        exchange(self.0);
    }
}

fn exchange(number: u32) -> u32 {
    // SAFETY: it points to this process's own entry, or to a place that stands in for it; others only read it.
    unsafe {
        let shown = pg_sys::my_wait_event_info;
        let before = shown.read_volatile();
        shown.write_volatile(number);
        before
    }
}
