//! Extism's kernel memory: the blocks through which host and guest exchange bytes.
//!
//! Extism runs its kernel as a second wasm module; here the same semantics are plain Rust. A handle is the offset of a
//! block, 0 is null, and all offsets are the guest's to forge: each access is checked, and each operation takes
//! constant or logarithmic time, whatever the guest has allocated before.

use std::cell::RefCell;
use std::rc::Rc;

/// Offset of the first block; 0 has to stay null.
const FIRST: usize = 80;
/// Smallest block.
const MIN_CAPACITY: usize = 16;
/// What a block costs besides its bytes.
const BLOCK_COST: u64 = 32;
/// Classes of capacities: four per power of two from [`MIN_CAPACITY`] on.
const CLASSES: usize = 128;
/// A freed block is used again for a block of up to this many classes less, half its size.
const REUSE_CLASSES: usize = 4;
/// Buffers larger than this are given back to the allocator.
const KEEP_BYTES: usize = 1 << 20;
/// Buffers kept for the next instances.
const KEEP_BUFFERS: usize = 16;

/// No block: the end of a free list.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Block {
    start: usize,
    capacity: usize,
    length: usize,
    live: bool,
    next_free: u32,
}

/// A range of kernel memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// The allocation does not fit into the room given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Kernel memory of one instance.
#[derive(Debug)]
pub(crate) struct Kernel {
    data: Vec<u8>,
    /// In order of their offsets.
    blocks: Vec<Block>,
    free: [u32; CLASSES],
    /// One bit per class with a free block.
    free_classes: u128,
    input: Span,
    output: Option<Span>,
    error: u64,
}

impl Default for Kernel {
    fn default() -> Self {
        Self {
            data: Vec::new(),
            blocks: Vec::new(),
            free: [NONE; CLASSES],
            free_classes: 0,
            input: Span::default(),
            output: None,
            error: 0,
        }
    }
}

impl Kernel {
    /// Bytes that count against the instance's memory.
    pub(crate) fn held_bytes(&self) -> u64 {
        let blocks = u64::try_from(self.blocks.len()).unwrap_or(u64::MAX);
        self.memory_bytes().saturating_add(blocks.saturating_mul(BLOCK_COST))
    }

    /// Bytes of addressable kernel memory.
    pub(crate) fn memory_bytes(&self) -> u64 {
        u64::try_from(self.data.len()).unwrap_or(u64::MAX)
    }

    /// Makes a block of `length` bytes within `room` more bytes; null for 0.
    pub(crate) fn alloc(&mut self, length: u64, room: u64) -> Result<u64, Full> {
        let length = usize::try_from(length).map_err(|_| Full)?;
        if length == 0 {
            return Ok(0);
        }
        if let Some(offset) = self.reuse(length) {
            return Ok(offset);
        }
        let start = self.place(length, room)?;
        let end = self.data.len().checked_add(class_of(length).1).ok_or(Full)?;
        self.data.resize(end, 0);
        Ok(start)
    }

    /// Makes a block that holds `bytes`; null when there are none.
    pub(crate) fn put(&mut self, bytes: &[u8], room: u64) -> Result<u64, Full> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if let Some(offset) = self.reuse(bytes.len()) {
            if let Some(target) = self.range_mut(offset, bytes.len()) {
                target.copy_from_slice(bytes);
            }
            return Ok(offset);
        }
        let start = self.place(bytes.len(), room)?;
        let end = self.data.len().checked_add(class_of(bytes.len()).1).ok_or(Full)?;
        self.data.extend_from_slice(bytes);
        self.data.resize(end, 0);
        Ok(start)
    }

    /// Frees a block; anything else is ignored.
    pub(crate) fn free(&mut self, offset: u64) {
        let Some(index) = self.find(offset) else { return };
        let Some(block) = self.blocks.get_mut(index) else { return };
        let (class, _) = class_of(block.capacity);
        if let (Some(head), Ok(index)) = (self.free.get_mut(class), u32::try_from(index)) {
            block.live = false;
            block.next_free = std::mem::replace(head, index);
            self.free_classes |= 1 << class;
        }
        if offset == self.input.offset {
            self.input.length = 0;
        }
    }

    /// Length of the block that starts at `offset`, else 0.
    pub(crate) fn length(&self, offset: u64) -> u64 {
        let length = self.find(offset).and_then(|index| self.blocks.get(index)).map_or(0, |block| block.length);
        u64::try_from(length).unwrap_or(0)
    }

    /// Bytes of the block that starts at `offset`; null is empty, any other offset is `None`.
    pub(crate) fn block(&self, offset: u64) -> Option<&[u8]> {
        if offset == 0 {
            return Some(&[]);
        }
        let block = self.blocks.get(self.find(offset)?)?;
        self.data.get(block.start..block.start.checked_add(block.length)?)
    }

    /// One byte; 0 outside of memory.
    pub(crate) fn load_u8(&self, offset: u64) -> u8 {
        usize::try_from(offset).ok().and_then(|at| self.data.get(at)).copied().unwrap_or(0)
    }

    /// Eight bytes, little endian; 0 when they are not all inside of memory.
    pub(crate) fn load_u64(&self, offset: u64) -> u64 {
        let at = usize::try_from(offset).ok();
        at.and_then(|at| self.data.get(at..)?.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// Stores `bytes`; ignored when they do not all lie inside of memory.
    pub(crate) fn store(&mut self, offset: u64, bytes: &[u8]) {
        if let Some(target) = self.range_mut(offset, bytes.len()) {
            target.copy_from_slice(bytes);
        }
    }

    /// The input range.
    pub(crate) fn input(&self) -> Span {
        self.input
    }

    /// Sets the input range; ignored outside of memory.
    pub(crate) fn set_input(&mut self, offset: u64, length: u64) {
        if self.contains(offset, length) {
            self.input = Span { offset, length };
        }
    }

    /// One byte of the input; 0 past its end.
    pub(crate) fn input_u8(&self, at: u64) -> u8 {
        if at < self.input.length { self.load_u8(self.input.offset.saturating_add(at)) } else { 0 }
    }

    /// Eight bytes of the input; 0 when they are not all inside of it.
    pub(crate) fn input_u64(&self, at: u64) -> u64 {
        match at.checked_add(8) {
            Some(end) if end <= self.input.length => self.load_u64(self.input.offset.saturating_add(at)),
            _ => 0,
        }
    }

    /// The output range; empty at 0 when none was set.
    pub(crate) fn output(&self) -> Span {
        self.output.unwrap_or_default()
    }

    /// Bytes of the output; `None` when none was set.
    pub(crate) fn output_bytes(&self) -> Option<&[u8]> {
        let span = self.output?;
        let start = usize::try_from(span.offset).ok()?;
        self.data.get(start..start.checked_add(usize::try_from(span.length).ok()?)?)
    }

    /// Whether a range lies inside of memory; null never does.
    pub(crate) fn contains(&self, offset: u64, length: u64) -> bool {
        offset != 0 && offset.checked_add(length).is_some_and(|end| end <= self.memory_bytes())
    }

    /// Sets the output range; ignored outside of memory.
    pub(crate) fn set_output(&mut self, offset: u64, length: u64) {
        if self.contains(offset, length) {
            self.output = Some(Span { offset, length });
        }
    }

    /// The block of the error message; null when there is none.
    pub(crate) fn error(&self) -> u64 {
        self.error
    }

    /// Names the block of the error message; null clears it.
    pub(crate) fn set_error(&mut self, offset: u64) {
        self.error = offset;
    }

    /// Text of the error; `None` when it is empty or not a block.
    pub(crate) fn error_text(&self) -> Option<String> {
        let bytes = self.block(self.error).filter(|bytes| !bytes.is_empty())?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Forgets all blocks, input, output and error.
    pub(crate) fn reset(&mut self) {
        // Memory grows by zeroes again: nothing of this call is left for the next.
        self.data.clear();
        self.data.shrink_to(KEEP_BYTES);
        self.blocks.clear();
        self.blocks.shrink_to(KEEP_BYTES / size_of::<Block>());
        if self.free_classes != 0 {
            self.free = [NONE; CLASSES];
            self.free_classes = 0;
        }
        self.input = Span::default();
        self.output = None;
        self.error = 0;
    }

    /// Takes a freed block of a fitting class.
    fn reuse(&mut self, length: usize) -> Option<u64> {
        let (class, _) = class_of(length);
        let fitting = self.free_classes.checked_shr(u32::try_from(class).ok()?)?;
        let class = class + usize::try_from(fitting.trailing_zeros()).ok().filter(|up| *up <= REUSE_CLASSES)?;
        let head = self.free.get_mut(class)?;
        let block = self.blocks.get_mut(usize::try_from(*head).ok()?)?;
        *head = block.next_free;
        if *head == NONE {
            self.free_classes &= !(1 << class);
        }
        block.live = true;
        block.length = length;
        u64::try_from(block.start).ok()
    }

    /// Enters a new block at the end, whose bytes the caller appends.
    fn place(&mut self, length: usize, room: u64) -> Result<u64, Full> {
        if self.data.is_empty() {
            self.data.resize(FIRST, 0);
        }
        let (_, capacity) = class_of(length);
        let need = u64::try_from(capacity).map_err(|_| Full)?.saturating_add(BLOCK_COST);
        let blocks = u32::try_from(self.blocks.len()).unwrap_or(NONE);
        if need > room || blocks >= NONE - 1 || self.data.try_reserve(capacity).is_err() {
            return Err(Full);
        }
        let start = self.data.len();
        self.blocks.push(Block { start, capacity, length, live: true, next_free: NONE });
        u64::try_from(start).map_err(|_| Full)
    }

    fn find(&self, offset: u64) -> Option<usize> {
        let offset = usize::try_from(offset).ok()?;
        let index = self.blocks.binary_search_by_key(&offset, |block| block.start).ok()?;
        self.blocks.get(index).filter(|block| block.live).map(|_| index)
    }

    fn range_mut(&mut self, offset: u64, length: usize) -> Option<&mut [u8]> {
        let start = usize::try_from(offset).ok()?;
        self.data.get_mut(start..start.checked_add(length)?)
    }
}

/// The class of a length, and the capacity of that class: at most a quarter more, a multiple of eight.
fn class_of(length: usize) -> (usize, usize) {
    let length = length.max(MIN_CAPACITY).checked_next_multiple_of(8).unwrap_or(length);
    let step_bits = length.ilog2() - 2;
    let step = 1_usize << step_bits;
    let Some(capacity) = length.checked_next_multiple_of(step) else { return (CLASSES - 1, length) };
    let octave = capacity.ilog2();
    let quarter = (capacity >> (octave - 2)) & 3;
    let class = usize::try_from(octave).unwrap_or(0).saturating_sub(4) * 4 + quarter;
    (class.min(CLASSES - 1), capacity)
}

/// Kernel buffers that wait for the next instance.
#[derive(Debug, Clone, Default)]
pub(crate) struct KernelPool(Rc<RefCell<Vec<Kernel>>>);

/// A kernel that returns to its pool.
#[derive(Debug)]
pub(crate) struct PooledKernel {
    kernel: Kernel,
    pool: KernelPool,
}

impl KernelPool {
    /// An empty kernel, with a used buffer where there is one.
    pub(crate) fn take(&self) -> PooledKernel {
        PooledKernel { kernel: self.0.borrow_mut().pop().unwrap_or_default(), pool: self.clone() }
    }
}

impl Drop for PooledKernel {
    fn drop(&mut self) {
        let mut kernel = std::mem::take(&mut self.kernel);
        if kernel.data.capacity() == 0 {
            return;
        }
        kernel.reset();
        let mut waiting = self.pool.0.borrow_mut();
        if waiting.len() < KEEP_BUFFERS {
            waiting.push(kernel);
        }
    }
}

impl std::ops::Deref for PooledKernel {
    type Target = Kernel;

    fn deref(&self) -> &Kernel {
        &self.kernel
    }
}

impl std::ops::DerefMut for PooledKernel {
    fn deref_mut(&mut self) -> &mut Kernel {
        &mut self.kernel
    }
}
