//! The WebAssembly imports and the one exported variable: Extism's kernel, whose blocks carry bytes in and out, and the host
//! functions of `extism:host/user`. The only file with `unsafe`; what the functions mean is told in `docs/reference.md`.
#![allow(unsafe_code, reason = "imports and the exported flag cannot be declared without it")]

use std::sync::atomic::{AtomicI32, Ordering};

/// 1 while the input is an event, which the host writes here before each call: see "alyx_event" in docs/reference.md.
// SAFETY: nobody else exports this name, which is the host's own word; the host writes an i32 at its address, and only while
// no code of the guest runs.
#[unsafe(export_name = "alyx_event")]
static ALYX_EVENT: AtomicI32 = AtomicI32::new(0);

/// Whether the input is an event of a trigger, a job or a request.
pub(crate) fn is_event() -> bool {
    ALYX_EVENT.load(Ordering::Relaxed) == 1
}

// SAFETY: names and types are those that the host checks at deploy. All take and return numbers that the host checks at each
// call, and touch no memory of the guest, so calling them is safe.
#[link(wasm_import_module = "extism:host/env")]
unsafe extern "C" {
    safe fn alloc(length: u64) -> u64;
    safe fn free(offset: u64);
    safe fn length(offset: u64) -> u64;
    safe fn input_length() -> u64;
    safe fn input_offset() -> u64;
    safe fn output_set(offset: u64, length: u64);
}

// These two do touch the guest's memory: a block's bytes are copied to it, or from it.
#[link(wasm_import_module = "alyx:host/memory")]
unsafe extern "C" {
    fn load(offset: u64, to: *mut u8, length: usize);
    fn store(offset: u64, from: *const u8, length: usize);
}

// SAFETY: as above.
#[link(wasm_import_module = "extism:host/user")]
unsafe extern "C" {
    pub(crate) safe fn context(request: u64) -> u64;
    pub(crate) safe fn db_batch(request: u64) -> u64;
    pub(crate) safe fn db_query(request: u64) -> u64;
    pub(crate) safe fn db_release(request: u64) -> u64;
    pub(crate) safe fn db_rollback(request: u64) -> u64;
    pub(crate) safe fn db_savepoint(request: u64) -> u64;
    pub(crate) safe fn env(request: u64) -> u64;
    pub(crate) safe fn fn_enqueue(request: u64) -> u64;
    pub(crate) safe fn fn_invoke(request: u64) -> u64;
    pub(crate) safe fn http_fetch(request: u64) -> u64;
    pub(crate) safe fn kv_delete(request: u64) -> u64;
    pub(crate) safe fn kv_get(request: u64) -> u64;
    pub(crate) safe fn kv_list(request: u64) -> u64;
    pub(crate) safe fn kv_set(request: u64) -> u64;
    pub(crate) safe fn log(request: u64) -> u64;
    pub(crate) safe fn raise(request: u64) -> u64;
}

/// A host function, referred to so that a module imports only those that it uses.
pub(crate) type Import = extern "C" fn(u64) -> u64;

/// The input of this invocation.
pub(crate) fn input() -> Vec<u8> {
    read(input_offset(), input_length())
}

/// Sets the output. Empty output is output too, and needs a block: null would leave it unset.
pub(crate) fn set_output(bytes: &[u8]) {
    output_set(write(bytes, 1), size(bytes));
}

/// Calls a host function with a request; its response.
pub(crate) fn call(import: Import, request: &[u8]) -> Vec<u8> {
    let block = write(request, 0);
    let answer = import(block);
    free(block);
    let response = read(answer, length(answer));
    free(answer);
    response
}

fn size(bytes: &[u8]) -> u64 {
    // A usize has 32 bits here.
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// A new block that holds `bytes`, of at least `least` bytes.
fn write(bytes: &[u8], least: u64) -> u64 {
    let block = alloc(size(bytes).max(least));
    // SAFETY: the host reads these bytes, which are ours, during the call.
    unsafe { store(block, bytes.as_ptr(), bytes.len()) };
    block
}

/// `length` bytes from `offset` on.
fn read(offset: u64, length: u64) -> Vec<u8> {
    let length = usize::try_from(length).unwrap_or(0);
    let mut bytes = Vec::with_capacity(length);
    // SAFETY: the host writes `length` bytes, for which there is room, or ends the guest.
    unsafe {
        load(offset, bytes.as_mut_ptr(), length);
        bytes.set_len(length);
    }
    bytes
}
