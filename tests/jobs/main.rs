//! Jobs and schedules: what is asked for in one transaction and happens in another.
//!
//! A server of its own that preloads the library, shared by all tests here but those that stop, crash or fill it. Its
//! slow poll is set to a minute: whatever relies on the poll instead of on a wake-up fails here.

mod attacks;
mod copies;
mod cron;
mod databases;
mod endings;
mod enqueue;
mod hooks;
mod house;
mod identity;
mod limits;
mod once;
mod operate;
mod order;
mod pg_upgrade;
mod places;
mod processes;
mod retries;
mod schedules;
mod schemas;
mod standby;
mod stops;
mod surroundings;
