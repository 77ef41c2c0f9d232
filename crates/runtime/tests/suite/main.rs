//! The runtime against an in-memory host: every row of the ABI, every limit, every way to fail.

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
