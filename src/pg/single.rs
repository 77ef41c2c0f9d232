//! A variable of the process's one thread: what `thread_local!` would be if it did not cost a call of the loader each time.

use std::cell::RefCell;

/// A value that only the thread of the backend ever touches.
pub struct Single<T>(RefCell<T>);

// SAFETY: ours is the only thread of a backend that runs code of this library (ARCHITECTURE.md, "No thread"); signal
// handlers of ours touch atomics only. The cell refuses a second look while the first one lasts.
unsafe impl<T> Sync for Single<T> {}

impl<T> Single<T> {
    /// Holds `value`.
    pub const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// Lets `work` have the value; `None` while somebody else has it.
    #[inline]
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.0.try_borrow_mut().ok().map(|mut value| work(&mut value))
    }
}
