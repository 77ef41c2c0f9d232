//! Backups, copies and replicas: what each carries, and that what was restored works and repeats nothing.
//!
//! Servers of their own: some are restored into, some recovered to a point in time, some subscribe to others.

mod artefacts;
mod dumpall;
mod formats;
mod house;
mod leases;
mod parts;
mod recovery;
mod replication;
mod restoring;
mod subscriber;
