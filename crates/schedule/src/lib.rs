//! When a schedule is due, what becomes of a job that failed, and whether this is where they run: pure functions.
//!
//! It must not know Postgres or wasm, and has neither clock nor dice (without `std` there are none): instants and random
//! numbers are arguments, time zones come through the trait [`Zone`]. Text goes in by [`Schedule::parse`];
//! [`Schedule::next_after`] and [`fire()`] say when and what to fire, [`after_failure`] and [`after_crash`] what follows a
//! failure.
//!
//! # Dialect
//!
//! Five fields as in Vixie cron, `minute hour day-of-month month weekday`, or six with seconds before them.
//!
//! | written | means |
//! |---|---|
//! | `*` · `5` · `1-5` · `1,5,9-12` | any · one · a range · a list |
//! | `*/15` · `8-18/2` | every 15th, from the smallest value on · every second of the range |
//! | `JAN`–`DEC`, `SUN`–`SAT` | months 1–12, weekdays 0–6; any case; 7 is Sunday as well |
//! | `L` or `$` · `15W` · `LW` in day of month | last day · working day nearest to the 15th, in the same month · last working day |
//! | `5L` · `5#2` in weekday | last Friday of the month · second Friday |
//! | `0 0 13 * 5` | the 13th **or** a Friday: two restricted day fields are alternatives |
//! | `0 0 13 * +5` · `0 0 */2 * 5` | **and**: asked for by `+`, or because a day field begins with `*` |
//! | `@yearly` `@annually` `@monthly` `@weekly` `@daily` `@midnight` `@hourly` | at the first second of it |
//! | `@every 1h30m` | a period of `d`, `h`, `m`, `s` on a fixed grid, from 1 second to 3 650 days |
//! | `@reboot` | at each start of the server |
//!
//! Refused when parsed: what runs backwards (`FRI-MON`), steps without a range (`5/15`) or longer than it (`*/61`), empty
//! fields and items, days that no year has (`0 0 30 2 *`), long texts and lists.
//!
//! | elsewhere | here |
//! |---|---|
//! | pg_cron `30 seconds` | `@every 30s` |
//! | pg_cron `0 0 $ * *` | the same, or `0 0 L * *` |
//! | pg_cron's one zone for all (`cron.timezone`) | the schedule's own zone |
//! | Quartz weekdays 1–7 from Sunday, `2-6`, `6L`, `6#3` | weekdays 0–6 from Sunday, `1-5`, `5L`, `5#3`; names need no change |
//! | Quartz `?` | `*` |
//! | Quartz `5/15` in minutes | `5-59/15` |
//! | Quartz field for the year, `L-3` | none |
//!
//! # Clocks that change
//!
//! An expression whose second, minute and hour do not begin with `*` names times of the day, and each of them happens
//! once: in a gap, at the first instant after it (several times in one gap: one run); in an overlap, in its first pass.
//! All others are rhythms, and fire whenever the clock shows a time that they name: nothing in a gap, twice in an overlap.
//!
//! # Why not the crate `cron`
//!
//! `cron` 0.17 walks instants of `chrono`, and goes wrong where a zone's clocks are put back. What it offers without
//! instants is one set of numbers for each field, from a Quartz text that would have to be written first by a parser of
//! this dialect, which has those sets then already; the star rule, `+`, `L`, `W` and `#` it lacks. A set of numbers below
//! 64 is one machine word (`bits.rs`), in place of a dozen dependencies.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bits;
mod calendar;
mod cron;
mod days;
mod error;
mod field;
mod fire;
mod home;
mod next;
mod period;
mod retry;
mod schedule;
mod zone;

pub use error::ScheduleError;
pub use fire::{DEFAULT_GRACE_S, Firing, MAX_CATCH_UP, MAX_COUNTED, Missed, ON_TIME_S, Overlap, Run, fire};
pub use home::{Place, Waiting, copy_of};
pub use retry::{
    CRASH_DELAY_MS, Failure, JobSoFar, MAX_AGE_MS, MAX_CONFLICTS, MAX_CRASHES, Next, Reason, RetryPolicy, after_crash,
    after_failure, delay_ms,
};
pub use schedule::{MAX_TEXT_BYTES, Schedule};
pub use zone::{Utc, Zone};
