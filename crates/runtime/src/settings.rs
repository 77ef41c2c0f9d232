//! Sizes that bound the process ([`Settings`]) and one instance ([`Limits`]).

use crate::sha256::Sha256;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// A module whose memory and functions others import instead of carrying them: compiled once, mapped once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// What others import it as; it names these very bytes.
    pub name: String,
    /// Their hash.
    pub sha256: Sha256,
    /// Its bytes. It exports its memory as `memory`.
    pub wasm: &'static [u8],
    /// Functions that may be imported: name, parameters, result, a letter per value (`i` is i32, `I` is i64).
    pub functions: &'static [(&'static str, &'static str, &'static str)],
}

/// What processes that share this memory have verified: reading a file of megabytes again in each of them would be most of
/// a first call. Words of any value, zero when none is known.
#[derive(Debug, Clone, Copy)]
pub struct Verified(pub &'static [AtomicU64]);

impl Verified {
    fn word(self, stamp: u64) -> Option<&'static AtomicU64> {
        let at = stamp.checked_rem(u64::try_from(self.0.len()).ok()?)?;
        self.0.get(usize::try_from(at).ok()?)
    }

    /// Whether the file of this stamp was verified.
    pub(crate) fn knows(self, stamp: u64) -> bool {
        self.word(stamp).is_some_and(|word| word.load(Ordering::Relaxed) == stamp)
    }

    /// The file of this stamp was verified.
    pub(crate) fn remember(self, stamp: u64) {
        if let Some(word) = self.word(stamp) {
            word.store(stamp, Ordering::Relaxed);
        }
    }
}

/// Fixed for the life of a [`Runtime`](crate::Runtime).
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of compiled modules, created with mode 0700; `None` compiles in memory.
    pub cache_dir: Option<PathBuf>,
    /// Most bytes in that folder; what was used longest ago is deleted.
    pub cache_bytes: u64,
    /// Memory that processes with the same folder share; `None` verifies each file once in each process.
    pub verified: Option<Verified>,
    /// Largest module that is accepted.
    pub max_module_bytes: usize,
    /// Largest linear memory of any instance; address space is reserved, not memory. At most 4 GiB.
    pub max_memory_bytes: u64,
    /// Native stack that wasm may use, per activation.
    pub max_stack_bytes: usize,
    /// Instances that may live at once.
    pub instance_slots: u32,
    /// Modules that stay loaded; the one that was used longest ago goes.
    pub loaded_modules: NonZeroUsize,
    /// The module that others may import.
    pub shared: Option<Shared>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache_dir: None,
            cache_bytes: 1 << 30,
            verified: None,
            max_module_bytes: 64 << 20,
            max_memory_bytes: 1 << 30,
            max_stack_bytes: 1 << 20,
            instance_slots: 64,
            loaded_modules: NonZeroUsize::new(128).unwrap_or(NonZeroUsize::MIN),
            shared: None,
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
