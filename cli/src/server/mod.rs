//! The private PostgreSQL of `alyx dev`: found among the installed ones, made once below `.alyx/`, started and stopped.

mod account;
mod cluster;
mod programs;

pub(crate) use cluster::{Private, running};
pub(crate) use programs::Programs;
