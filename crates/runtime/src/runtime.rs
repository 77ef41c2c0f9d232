//! The entrance: checks, builds and loads modules.

use crate::check::{CheckedModule, Policy};
use crate::engine::{self, Ticker};
use crate::error::Error;
use crate::host::Host;
use crate::module::Module;
use crate::settings::Settings;
use crate::sha256::Sha256;
use std::marker::PhantomData;
use std::rc::Rc;
use wasmtime::Engine;

/// One per process and thread.
pub struct Runtime<H: Host> {
    engine: Engine,
    host: PhantomData<H>,
}

impl<H: Host> Runtime<H> {
    /// Makes the engine; nothing is compiled or read.
    ///
    /// # Errors
    /// [`Error::Internal`] when the address space cannot be reserved.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        Ok(Self { engine: engine::engine(settings)?, host: PhantomData })
    }

    /// The handle that makes running guests ask for interrupts.
    #[must_use]
    pub fn ticker(&self) -> Ticker {
        Ticker::new(&self.engine)
    }

    /// Validates `wasm` and its imports; stores and compiles nothing.
    ///
    /// # Errors
    /// All of [`Error`] that speak about a module.
    pub fn check(&self, _wasm: &[u8], _policy: &Policy) -> Result<CheckedModule, Error> {
        Err(Error::Internal("not built yet".to_owned()))
    }

    /// Compiles a module into the cache, unless it is there.
    ///
    /// # Errors
    /// [`Error::Cache`] when it could not be stored: [`load`](Self::load) will compile it in memory.
    pub fn build(&self, _module: &CheckedModule) -> Result<(), Error> {
        Err(Error::Internal("not built yet".to_owned()))
    }

    /// Finds a module in memory, then in the cache; else asks for its bytes and builds it.
    ///
    /// # Errors
    /// Those of `wasm`, of [`check`](Self::check), and [`Error::Internal`]; never [`Error::Cache`].
    pub fn load<E: From<Error>>(
        &self,
        _sha256: &Sha256,
        _wasm: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Rc<Module<H>>, E> {
        Err(Error::Internal("not built yet".to_owned()).into())
    }

    /// Removes a module from memory and from the cache; instances that live go on.
    pub fn forget(&self, _sha256: &Sha256) {}
}
