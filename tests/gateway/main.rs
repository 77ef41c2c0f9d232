//! `alyx serve`: the gateway as a process, in front of a server of its own, spoken to over sockets.

mod admin;
mod calls;
mod client;
mod deliveries;
mod endings;
mod floods;
mod house;
mod idempotency;
mod operations;
mod properties;
mod readme;
mod surroundings;
mod tokens;
