//! Durable jobs: made by the transaction that causes them, claimed by the manager of the database, done by its workers.
//!
//! A job is a row of `alyx._job` (it may run now, or does), `alyx._deferred` (its time has not come) or `alyx._dead`.
//! This room writes those rows and says so to the manager. Which job runs when is decided in `worker`; what becomes of
//! one that failed, in `crates/schedule`. It must not know how a function is called.

mod board;
mod claim;
mod firing;
mod home;
mod job;
mod operate;
mod outbox;
mod settle;
mod slots;
mod tables;
mod timetable;

/// Asks for shared memory. While preloading.
pub fn define() {
    board::define();
    slots::define();
}

pub use board::{Bell, Database, fair_share, forget_others, is_another_starving, launcher, poke, starve, take_pokes};
pub use claim::{
    Claimed, Cursor, OrderedClaim, claim, claim_ordered, claim_suspect, discover, next_deferred, promote, recover,
    release_leases,
};
pub use firing::fire_due;
pub use home::{is_being_restored, settle_in, waiting};
pub use job::{Job, NewJob, Source};
pub use operate::{Replay, bury_function, cancel, discard, find, replay};
pub use outbox::{announce_time, enqueue, poke_at_commit, running_job};
pub use settle::{Failed, finish, settle, take};
pub use slots::{Assigned, QUEUE, Slot, max_workers, stop_running};
pub use timetable::{
    NewSchedule, add as add_schedule, clock_set_back, next_due, owner_of as schedule_owner, parse as parse_schedule,
    preview, reconcile as reconcile_schedules, remove as remove_schedule, start as start_timetable,
};
