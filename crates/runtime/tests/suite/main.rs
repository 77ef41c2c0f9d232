//! The runtime against an in-memory host: every row of the ABI, every limit, every way to fail.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of a test may give up, as the test itself may")]

mod abi;
mod cache;
mod calls;
mod check;
mod hostile;
mod interrupt;
mod limits;
mod stateless;
mod support;
mod wasi;
