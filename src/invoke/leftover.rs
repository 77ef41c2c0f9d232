//! What large calls leave behind: blocks that were freed and that the allocator keeps, given back to the system.
//!
//! The C library raises its own bound on what it keeps to twice the largest block that was ever freed, up to 64 MB, so
//! that a session with one large call behind it would hold tens of megabytes for good.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::pg::backend;

/// Calls that held less leave nothing worth looking for.
const LARGE_BYTES: u64 = 1 << 20;

static IS_DUE: AtomicBool = AtomicBool::new(false);

/// Notes what this process held for a guest.
#[inline]
pub(super) fn note(host_peak_bytes: u64) {
    if host_peak_bytes >= LARGE_BYTES {
        IS_DUE.store(true, Ordering::Relaxed);
    }
}

/// Called when the backend's transaction ends.
pub(super) fn end_transaction() {
    if IS_DUE.swap(false, Ordering::Relaxed) {
        backend::give_back_memory();
    }
}
