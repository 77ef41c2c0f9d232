//! Sizes that bound the process ([`Settings`]) and one instance ([`Limits`]).

use std::path::PathBuf;

/// Fixed for the life of a [`Runtime`](crate::Runtime).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Folder of compiled modules, created with mode 0700; `None` compiles in memory.
    pub cache_dir: Option<PathBuf>,
    /// Largest module that is accepted.
    pub max_module_bytes: usize,
    /// Largest linear memory of any instance; address space is reserved, not memory. At most 4 GiB.
    pub max_memory_bytes: u64,
    /// Native stack that wasm may use, per activation.
    pub max_stack_bytes: usize,
    /// Instances that may live at once.
    pub instance_slots: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache_dir: None,
            max_module_bytes: 64 << 20,
            max_memory_bytes: 1 << 30,
            max_stack_bytes: 1 << 20,
            instance_slots: 64,
        }
    }
}

/// What one instance may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, Extism blocks and variables together.
    pub memory_bytes: u64,
    /// Elements of all tables together.
    pub table_elements: u32,
    /// Output of one call.
    pub output_bytes: u32,
    /// One request or response of a host function, HTTP included.
    pub host_call_bytes: u32,
    /// Log text of one call; what exceeds it is dropped and counted.
    pub log_bytes: u32,
    /// All Extism variables of the instance, keys included.
    pub var_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            table_elements: 100_000,
            output_bytes: 64 << 20,
            host_call_bytes: 16 << 20,
            log_bytes: 64 << 10,
            var_bytes: 1 << 20,
        }
    }
}
