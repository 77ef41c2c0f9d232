//! Processes of our own in the server, and nothing outside of it: one launcher; a manager for each database that has the
//! extension; workers that run jobs, each for one database and one role.
//!
//! The launcher starts managers. A manager claims jobs, hands them to workers, fires schedules and moves records into
//! tables. Between these stand words in shared memory (`queue::board`, `slots`); the truth is in the tables.

mod crew;
mod dispatch;
mod drain;
mod flow;
mod launcher;
mod manager;
mod retention;
mod runner;
mod slots;

use crate::pg::background;
use crate::record::InvocationId;

/// Stops the worker that runs this job now; `false` when none does.
pub fn cancel(database: u32, id: &InvocationId) -> bool {
    let slot = slots::Slot::cancel(id).filter(|slot| slot.database() == database);
    slot.inspect(|slot| background::cancel(slot.pid())).is_some()
}

/// Asks for shared memory and for the launcher. While preloading.
pub fn define() {
    slots::define();
    launcher::define();
}
