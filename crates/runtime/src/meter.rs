//! Counts what one instance holds and stops it at its limits.

use crate::failure::LimitKind;
use crate::settings::Limits;
use wasmtime::ResourceLimiter;

/// Ends the guest; the reason waits in the [`State`](crate::state::State).
#[derive(Debug)]
pub(crate) struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped by the host")
    }
}

impl std::error::Error for Stopped {}

/// Memory and tables of one instance, counted.
#[derive(Debug)]
pub(crate) struct Meter {
    memory_limit: u64,
    table_limit: u32,
    /// The module's own bound on its memory: growth past it fails in the guest and is no matter of ours.
    declared_max: Option<u64>,
    linear_bytes: u64,
    kernel_bytes: u64,
    variable_bytes: u64,
    table_elements: u64,
    peak_bytes: u64,
    host_peak_bytes: u64,
    exceeded: Option<LimitKind>,
}

impl Meter {
    pub(crate) fn new(limits: &Limits, declared_max: Option<u64>) -> Self {
        Self {
            memory_limit: limits.memory_bytes,
            table_limit: limits.table_elements,
            declared_max,
            linear_bytes: 0,
            kernel_bytes: 0,
            variable_bytes: 0,
            table_elements: 0,
            peak_bytes: 0,
            host_peak_bytes: 0,
            exceeded: None,
        }
    }

    /// Bytes that may still be taken.
    pub(crate) fn room(&self) -> u64 {
        self.memory_limit.saturating_sub(self.held())
    }

    /// Enters what the kernel holds now.
    pub(crate) fn set_kernel(&mut self, bytes: u64) {
        self.kernel_bytes = bytes;
        self.note_host_bytes();
    }

    /// Enters what the variables hold now.
    pub(crate) fn set_variables(&mut self, bytes: u64) {
        self.variable_bytes = bytes;
        self.note_host_bytes();
    }

    /// Most bytes held since [`begin`](Self::begin).
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Most bytes of blocks and variables held since [`begin`](Self::begin): what the process allocated for the guest.
    pub(crate) fn host_peak_bytes(&self) -> u64 {
        self.host_peak_bytes
    }

    /// Starts a new measurement.
    pub(crate) fn begin(&mut self) {
        self.peak_bytes = self.held();
        self.host_peak_bytes = self.kernel_bytes.saturating_add(self.variable_bytes);
    }

    fn note_host_bytes(&mut self) {
        self.peak_bytes = self.peak_bytes.max(self.held());
        self.host_peak_bytes = self.host_peak_bytes.max(self.kernel_bytes.saturating_add(self.variable_bytes));
    }

    /// The limit that the limiter refused to pass, with its value.
    pub(crate) fn exceeded(&self) -> Option<(LimitKind, u64)> {
        let limit = |kind| match kind {
            LimitKind::Table => self.table_limit.into(),
            _ => self.memory_limit,
        };
        self.exceeded.map(|kind| (kind, limit(kind)))
    }

    fn held(&self) -> u64 {
        self.linear_bytes.saturating_add(self.kernel_bytes).saturating_add(self.variable_bytes)
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let desired = u64::try_from(desired).unwrap_or(u64::MAX);
        if self.declared_max.is_some_and(|max| desired > max) {
            return Ok(false);
        }
        let more = desired.saturating_sub(u64::try_from(current).unwrap_or(0));
        if more > self.room() {
            self.exceeded = Some(LimitKind::Memory);
            return Err(wasmtime::Error::new(Stopped));
        }
        self.linear_bytes = self.linear_bytes.saturating_add(more);
        self.peak_bytes = self.peak_bytes.max(self.held());
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        // Allowed by us and refused by the system: the guest sees -1, but the count already has the growth. That errs
        // on the safe side; a guest that goes on after it is rare.
        tracing::debug!(%error, "memory could not grow");
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // wasmtime gives the pool's maximum where the module declares none; that one is above any limit of ours, so
        // only what lies below is the module's own word.
        let own_maximum =
            maximum.filter(|maximum| u64::try_from(*maximum).is_ok_and(|own| own <= self.table_limit.into()));
        if own_maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let more = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let total = self.table_elements.saturating_add(more);
        if total > self.table_limit.into() {
            self.exceeded = Some(LimitKind::Table);
            return Err(wasmtime::Error::new(Stopped));
        }
        self.table_elements = total;
        Ok(true)
    }
}
