//! Runs Extism-ABI WebAssembly on wasmtime, with limits and an on-disk cache. Knows no Postgres.
//!
//! The road: bytes → [`Runtime::check`] → [`CheckedModule`] → [`Runtime::build`] → cache → [`Runtime::load`] →
//! [`Module`] → [`Module::instantiate`] → [`Instance::call`]. What the guest asks of the world goes through [`Host`].
//!
//! One thread uses a runtime and all that comes from it; only a [`Ticker`] may be used from elsewhere, signal
//! handlers included. No thread is started and no signal handler is installed.
//!
//! | file | job |
//! |---|---|
//! | `check`, `imports`, `complexity`, `stateless`, `summary` | what a module is, before it is compiled |
//! | `engine`, `cache`, `entry`, `sweep`, `runtime` | compiled code: how it is made, kept and found |
//! | `module`, `link`, `instance`, `outcome` | sandboxes and calls |
//! | `state`, `meter`, `kernel`, `variables` | what one sandbox holds, counted |
//! | `extism`, `user`, `wasi` | what a guest may call |
//! | `trusted` | the only `unsafe` code |
#![deny(clippy::indexing_slicing)]

mod cache;
mod check;
mod complexity;
mod debug_info;
mod engine;
mod entry;
mod error;
mod event_flag;
mod extism;
mod failure;
mod host;
mod imports;
mod instance;
mod kernel;
mod link;
mod meter;
mod module;
mod outcome;
mod runtime;
mod settings;
mod sha256;
mod state;
mod stateless;
mod summary;
mod sweep;
mod transfer;
mod trusted;
mod user;
mod variables;
mod wasi;

pub use check::{CheckedModule, Policy};
pub use engine::Ticker;
pub use error::Error;
pub use failure::{Failure, Frame, Interrupt, LimitKind};
pub use host::{Host, HttpReply, LogLevel};
pub use instance::Instance;
pub use module::Module;
pub use runtime::{Elsewhere, Runtime};
pub use settings::{Limits, Settings, Shared, Verified};
pub use sha256::Sha256;
pub use state::Usage;
pub use summary::{ExportSignature, Import, ValueType};
pub use sweep::{Holdings, holdings, keep_below};
pub use trusted::Callable;
