//! One sandbox and the calls into it.

use crate::failure::Failure;
use crate::host::Host;

/// An exported function of one instance, found once.
#[derive(Debug, Clone, Copy)]
pub struct Callable(());

/// What the last call used (and what initialisation used, before the first call).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Most memory at one time: linear memory, blocks and variables.
    pub memory_peak_bytes: u64,
    /// Calls of `extism:host/user` functions.
    pub host_calls: u64,
    /// Calls of `http_request`.
    pub http_requests: u64,
    /// Log text that was kept.
    pub log_bytes: u64,
    /// Log text that was dropped.
    pub log_dropped_bytes: u64,
}

/// One sandbox.
pub struct Instance<H: Host> {
    host: H,
}

impl<H: Host> Instance<H> {
    /// The host of this instance.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// The host of this instance.
    pub fn host_mut(&mut self) -> &mut H {
        &mut self.host
    }

    /// Ends the instance and gives its host back.
    #[must_use]
    pub fn into_host(self) -> H {
        self.host
    }

    /// Finds an exported function; what it gives belongs to this instance.
    pub fn function(&mut self, _export: &str) -> Option<Callable> {
        None
    }

    /// Calls a function by the Extism convention; `None` when the guest set no output.
    ///
    /// # Errors
    /// Any [`Failure`]; after all but [`Failure::Guest`] without an exit the instance is unusable.
    pub fn call(&mut self, _function: Callable, _input: &[u8]) -> Result<Option<&[u8]>, Failure<H::Error>> {
        Err(Failure::Internal("not built yet".to_owned()))
    }

    /// Calls a function of numbers with raw bits (32-bit values zero-extended) and returns raw bits, 0 without result.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_scalar(&mut self, _function: Callable, _args: &[u64]) -> Result<u64, Failure<H::Error>> {
        Err(Failure::Internal("not built yet".to_owned()))
    }

    /// What the last call used.
    pub fn usage(&self) -> Usage {
        Usage::default()
    }

    /// False after a trap, a limit, an interrupt, an exit or a failed host function.
    pub fn is_usable(&self) -> bool {
        false
    }
}
