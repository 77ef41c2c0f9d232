//! Processes of our own in the server, and nothing outside of it: one launcher; a manager for each database that has the
//! extension; workers that run jobs, each for one database and one role.
//!
//! The launcher starts managers. A manager claims jobs, hands them to workers, fires schedules and moves records into
//! tables. Between these stand words in shared memory (`queue::board`, `queue::slots`); the truth is in the tables.

mod crew;
mod dispatch;
mod drain;
mod flow;
mod lanes;
mod launcher;
mod manager;
mod retention;
mod runner;
mod upkeep;

/// Asks for the launcher. While preloading.
pub fn define() {
    launcher::define();
}
