//! Runs Extism-ABI WebAssembly on wasmtime, with limits and an on-disk cache. Knows no Postgres.
//!
//! The road: bytes → [`Runtime::check`] → [`CheckedModule`] → [`Runtime::build`] → cache → [`Runtime::load`] →
//! [`Module`] → [`Module::instantiate`] → [`Instance::call`]. What the guest asks of the world goes through [`Host`].
//!
//! One thread uses a runtime and all that comes from it; only a [`Ticker`] may be used from elsewhere, signal
//! handlers included. No thread is started and no signal handler is installed.

mod check;
mod engine;
mod error;
mod failure;
mod host;
mod instance;
mod module;
mod runtime;
mod settings;
mod sha256;
mod summary;

pub use check::{CheckedModule, Policy};
pub use engine::Ticker;
pub use error::Error;
pub use failure::{Failure, Frame, Interrupt, LimitKind};
pub use host::{Host, HttpReply, LogLevel};
pub use instance::{Callable, Instance, Usage};
pub use module::Module;
pub use runtime::Runtime;
pub use settings::{Limits, Settings};
pub use sha256::Sha256;
pub use summary::{ExportSignature, Import, ValueType};
