//! Kernel buffers that outlive their instances, so that a fresh instance allocates nothing big.

use super::Kernel;
use std::cell::RefCell;
use std::rc::Rc;

/// Buffers kept for the next instances.
const KEEP_BUFFERS: usize = 4;

/// Kernels that wait for the next instance.
#[derive(Debug, Clone, Default)]
pub(crate) struct KernelPool(Rc<RefCell<Vec<Kernel>>>);

impl KernelPool {
    /// An empty kernel, with a used buffer where there is one.
    pub(crate) fn take(&self) -> PooledKernel {
        PooledKernel { kernel: self.0.borrow_mut().pop().unwrap_or_default(), pool: self.clone() }
    }
}

/// A kernel that returns to its pool.
#[derive(Debug)]
pub(crate) struct PooledKernel {
    kernel: Kernel,
    pool: KernelPool,
}

impl Drop for PooledKernel {
    fn drop(&mut self) {
        if !self.kernel.has_buffer() {
            return;
        }
        let mut kernel = std::mem::take(&mut self.kernel);
        kernel.reset();
        let mut waiting = self.pool.0.borrow_mut();
        if waiting.len() < KEEP_BUFFERS {
            waiting.push(kernel);
        }
    }
}

impl std::ops::Deref for PooledKernel {
    type Target = Kernel;

    #[inline]
    fn deref(&self) -> &Kernel {
        &self.kernel
    }
}

impl std::ops::DerefMut for PooledKernel {
    #[inline]
    fn deref_mut(&mut self) -> &mut Kernel {
        &mut self.kernel
    }
}
