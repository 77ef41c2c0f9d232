//! The one engine of a process, and the ticker that interrupts guests.

use crate::error::Error;
use crate::settings::Settings;
use wasmparser::WasmFeatures;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

/// The WebAssembly that guests may use: 2.0 and tail calls; one memory of 32 bits, no threads, no garbage collection.
///
/// Each of these is deterministic or as good as (NaN bits apart) and needs nothing of the host.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::EXTENDED_CONST);

/// Tables of one module; a module with more is refused.
pub(crate) const MAX_TABLES: u32 = 4;
/// Elements that one table can ever have; [`Limits`](crate::Limits) narrow it.
pub(crate) const MAX_TABLE_ELEMENTS: u32 = 1 << 20;
/// Address space per linear memory. It is part of the compiled code's identity, so it does not follow a setting: one
/// cache serves backends with different `max_memory_bytes`.
const MEMORY_RESERVATION: u64 = 1 << 32;
/// Memory of a slot that is cleared by copying instead of by unmapping.
const KEEP_RESIDENT_BYTES: usize = 256 << 10;
/// Modules whose memory image stays mapped while none of their instances lives; each may hold the bytes above.
const WARM_SLOTS: u32 = 16;
/// Frames that a trap's backtrace names.
const BACKTRACE_FRAMES: std::num::NonZeroUsize = match std::num::NonZeroUsize::new(16) {
    Some(frames) => frames,
    None => std::num::NonZeroUsize::MIN,
};

/// Advances time for the guests of one [`Runtime`](crate::Runtime).
///
/// Each [`tick`](Self::tick) makes every running guest ask [`Host::interrupt`](crate::Host::interrupt) at its next loop
/// iteration or call.
#[derive(Clone)]
pub struct Ticker(Engine);

impl Ticker {
    pub(crate) fn new(engine: &Engine) -> Self {
        Self(engine.clone())
    }

    /// One atomic addition: safe in a signal handler and on any thread.
    pub fn tick(&self) {
        self.0.increment_epoch();
    }
}

impl std::fmt::Debug for Ticker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticker")
    }
}

/// Makes the engine. Address space is reserved here; memory is not.
pub(crate) fn engine(settings: &Settings) -> Result<Engine, Error> {
    let mut config = Config::new();
    config
        .wasm_features(WasmFeatures::all().difference(FEATURES), false)
        .wasm_features(FEATURES, true)
        // Postgres owns the process' signal handlers: traps are explicit checks in the code. wasmtime then also turns
        // off its Spectre guards, which work by faulting.
        .signals_based_traps(false)
        .epoch_interruption(true)
        .max_wasm_stack(settings.max_stack_bytes)
        .memory_reservation(MEMORY_RESERVATION)
        .memory_guard_size(0)
        .guard_before_linear_memory(false)
        // A memory that never moves lets the compiler keep its base address in a register.
        .memory_may_move(false)
        .memory_init_cow(true)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(false)
        // Backtraces walk frame pointers; system unwinders never see guest frames.
        .native_unwind_info(false)
        .wasm_backtrace_max_frames(Some(BACKTRACE_FRAMES))
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(settings)));
    Engine::new(&config).map_err(|error| Error::Internal(format!("{error:#}")))
}

fn pool(settings: &Settings) -> PoolingAllocationConfig {
    let slots = settings.instance_slots.max(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(slots)
        .total_memories(slots)
        .total_tables(slots.saturating_mul(MAX_TABLES))
        .max_memories_per_module(1)
        .max_tables_per_module(MAX_TABLES)
        .table_elements(usize::try_from(MAX_TABLE_ELEMENTS).unwrap_or(usize::MAX))
        .max_memory_size(usize::try_from(settings.max_memory_bytes.min(MEMORY_RESERVATION)).unwrap_or(usize::MAX))
        .max_core_instance_size(16 << 20)
        .max_unused_warm_slots(WARM_SLOTS.min(slots))
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto);
    pool
}
