//! All that belongs to one instance besides wasm's own state.

use crate::failure::{Interrupt, LimitKind};
use crate::host::{Host, LogLevel};
use crate::kernel::{Full, PooledKernel};
use crate::meter::{Meter, Stopped};
use crate::settings::Limits;
use crate::variables::Variables;
use crate::wasi::Streams;

/// What the last call used (and what initialisation used, before the first call).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Most memory at one time: linear memory, blocks and variables.
    pub memory_peak_bytes: u64,
    /// Calls of `extism:host/user` functions.
    pub host_calls: u64,
    /// Calls of `http_request`.
    pub http_requests: u64,
    /// Log text that was kept, with [`LOG_MESSAGE_COST`] for each message.
    pub log_bytes: u64,
    /// Log text that was dropped.
    pub log_dropped_bytes: u64,
}

/// What a log message costs besides its text, so that empty messages are no way around the limit.
pub(crate) const LOG_MESSAGE_COST: u64 = 8;

/// Why the guest was stopped by us.
#[derive(Debug)]
pub(crate) enum Stop<E> {
    Host(E),
    Interrupted(Interrupt),
    Limit(LimitKind, u64),
    /// `proc_exit`.
    Exit(i32),
}

/// The data of a store.
pub(crate) struct State<H: Host> {
    pub(crate) host: H,
    pub(crate) kernel: PooledKernel,
    pub(crate) meter: Meter,
    pub(crate) limits: Limits,
    pub(crate) usage: Usage,
    pub(crate) variables: Variables,
    pub(crate) http_status: i32,
    pub(crate) http_headers: Option<Vec<u8>>,
    pub(crate) streams: Streams,
    pub(crate) environment: Option<Vec<Vec<u8>>>,
    pub(crate) stop: Option<Stop<H::Error>>,
    /// Whether time stands still.
    pub(crate) is_frozen: bool,
    /// The guest's memory, once the instance is there: looking it up by name takes longer than moving a message.
    pub(crate) memory: Option<wasmtime::Memory>,
}

impl<H: Host> State<H> {
    pub(crate) fn new(host: H, kernel: PooledKernel, limits: &Limits, declared_max: Option<u64>) -> Self {
        Self {
            host,
            kernel,
            meter: Meter::new(limits, declared_max),
            limits: limits.clone(),
            usage: Usage::default(),
            variables: Variables::default(),
            http_status: 0,
            http_headers: None,
            streams: Streams::default(),
            environment: None,
            stop: None,
            is_frozen: false,
            memory: None,
        }
    }

    /// Starts the accounts of a new call.
    pub(crate) fn begin(&mut self) {
        self.kernel.reset();
        self.meter.set_kernel(0);
        self.meter.begin();
        self.usage = Usage::default();
    }

    /// Ends the guest for the reason given.
    pub(crate) fn stop(&mut self, reason: Stop<H::Error>) -> wasmtime::Error {
        self.stop = Some(reason);
        wasmtime::Error::new(Stopped)
    }

    /// Ends the guest at a limit.
    pub(crate) fn over(&mut self, what: LimitKind, limit: u64) -> wasmtime::Error {
        self.stop(Stop::Limit(what, limit))
    }

    /// A kernel block of `length` bytes.
    pub(crate) fn alloc(&mut self, length: u64) -> wasmtime::Result<u64> {
        let block = self.kernel.alloc(length, self.meter.room());
        self.allocated(block)
    }

    /// A kernel block that holds `bytes`.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> wasmtime::Result<u64> {
        let block = self.kernel.put(bytes, self.meter.room());
        self.allocated(block)
    }

    /// Accounts for a new block, or ends the guest when there was no room for it.
    pub(crate) fn allocated(&mut self, block: Result<u64, Full>) -> wasmtime::Result<u64> {
        match block {
            Ok(offset) => {
                self.meter.set_kernel(self.kernel.held_bytes());
                Ok(offset)
            }
            Err(Full) => Err(self.over(LimitKind::Memory, self.limits.memory_bytes)),
        }
    }

    /// Checks one request or response against its limit.
    pub(crate) fn check_host_call(&mut self, bytes: usize) -> wasmtime::Result<()> {
        let limit = u64::from(self.limits.host_call_bytes);
        match u64::try_from(bytes) {
            Ok(bytes) if bytes <= limit => Ok(()),
            _ => Err(self.over(LimitKind::HostCall, limit)),
        }
    }

    /// Asks the host whether to go on; for host functions that work for long.
    pub(crate) fn check_interrupt(&mut self) -> wasmtime::Result<()> {
        match self.host.interrupt() {
            Some(why) => Err(self.stop(Stop::Interrupted(why))),
            None => Ok(()),
        }
    }

    /// Whether messages of this level are kept.
    pub(crate) fn logs(&self, level: LogLevel) -> bool {
        level >= self.host.log_level()
    }

    /// Hands a message to the host, cut to what is left of the budget.
    pub(crate) fn log(&mut self, level: LogLevel, message: &str) {
        if !self.logs(level) {
            return;
        }
        let length = u64::try_from(message.len()).unwrap_or(u64::MAX);
        let left = u64::from(self.limits.log_bytes).saturating_sub(self.usage.log_bytes);
        let Some(room) = left.checked_sub(LOG_MESSAGE_COST) else {
            self.usage.log_dropped_bytes = self.usage.log_dropped_bytes.saturating_add(length);
            return;
        };
        let cut = message.floor_char_boundary(usize::try_from(room).unwrap_or(usize::MAX).min(message.len()));
        let kept = message.get(..cut).unwrap_or_default();
        let kept_bytes = u64::try_from(kept.len()).unwrap_or(0);
        self.usage.log_bytes = self.usage.log_bytes.saturating_add(kept_bytes + LOG_MESSAGE_COST);
        self.usage.log_dropped_bytes = self.usage.log_dropped_bytes.saturating_add(length.saturating_sub(kept_bytes));
        if kept.is_empty() && !message.is_empty() {
            return;
        }
        self.host.log(level, kept);
    }
}
