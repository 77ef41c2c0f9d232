//! Extism's kernel memory: the blocks through which host and guest exchange bytes.
//!
//! Extism runs its kernel as a second wasm module; here the same semantics are plain Rust. A handle is the offset of a
//! block, 0 is null, and all offsets are the guest's to forge: each access is checked.

mod blocks;
mod pool;

pub(crate) use pool::{KernelPool, PooledKernel};

use blocks::{Block, Blocks};

/// Offset of the first block; 0 has to stay null.
const FIRST: usize = 80;
/// An error message is cut here.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// Buffers larger than this are given back to the allocator.
const KEEP_BYTES: usize = 256 << 10;

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
#[derive(Debug, Default)]
pub(crate) struct Kernel {
    data: Vec<u8>,
    blocks: Blocks,
    input: Span,
    output: Option<Span>,
    error: u64,
}

impl Kernel {
    /// Bytes that count against the instance's memory.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.memory_bytes().saturating_add(self.blocks.held_bytes())
    }

    /// Bytes of addressable kernel memory.
    pub(crate) fn memory_bytes(&self) -> u64 {
        u64::try_from(self.data.len()).unwrap_or(u64::MAX)
    }

    /// Makes a block of `length` bytes within `room` more bytes; null for 0. A new block is zeroed, one that was freed
    /// keeps what the same call had stored in it.
    pub(crate) fn alloc(&mut self, length: u64, room: u64) -> Result<u64, Full> {
        let length = usize::try_from(length).map_err(|_| Full)?;
        if length == 0 {
            return Ok(0);
        }
        let start = match self.blocks.reuse(length) {
            Some(start) => start,
            None => self.append(length, &[], room)?,
        };
        u64::try_from(start).map_err(|_| Full)
    }

    /// Makes a block that holds `bytes`; null when there are none.
    pub(crate) fn put(&mut self, bytes: &[u8], room: u64) -> Result<u64, Full> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let start = match self.blocks.reuse(bytes.len()) {
            Some(start) => {
                let target = self.data.get_mut(start..).and_then(|rest| rest.get_mut(..bytes.len()));
                target.ok_or(Full)?.copy_from_slice(bytes);
                start
            }
            None => self.append(bytes.len(), bytes, room)?,
        };
        u64::try_from(start).map_err(|_| Full)
    }

    /// Frees a block; anything else is ignored.
    pub(crate) fn free(&mut self, offset: u64) {
        let freed = usize::try_from(offset).is_ok_and(|start| self.blocks.free(start));
        if freed && offset == self.input.offset {
            self.input.length = 0;
        }
    }

    /// Length of the block that starts at `offset`, else 0.
    pub(crate) fn length(&self, offset: u64) -> u64 {
        self.find(offset).and_then(|block| u64::try_from(block.length).ok()).unwrap_or(0)
    }

    /// Bytes of the block that starts at `offset`; null is empty, any other offset is `None`.
    pub(crate) fn block(&self, offset: u64) -> Option<&[u8]> {
        if offset == 0 {
            return Some(&[]);
        }
        let block = self.find(offset)?;
        self.data.get(block.start..)?.get(..block.length)
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
        let cut = bytes.get(..MAX_ERROR_BYTES).unwrap_or(bytes);
        Some(String::from_utf8_lossy(cut).into_owned())
    }

    /// Forgets all blocks, input, output and error.
    pub(crate) fn reset(&mut self) {
        // Memory grows by zeroes again: nothing of this call is left for the next.
        self.data.clear();
        self.data.shrink_to(KEEP_BYTES);
        self.blocks.clear();
        self.input = Span::default();
        self.output = None;
        self.error = 0;
    }

    fn has_buffer(&self) -> bool {
        self.data.capacity() > 0
    }

    /// Makes a new block behind all others: `bytes`, then zeroes up to its capacity.
    fn append(&mut self, length: usize, bytes: &[u8], room: u64) -> Result<usize, Full> {
        let start = self.data.len().max(FIRST);
        // What lies before the first block counts, too.
        let before = u64::try_from(start - self.data.len()).map_err(|_| Full)?;
        let capacity = self.blocks.append(start, length, room.saturating_sub(before)).ok_or(Full)?;
        // Running out of memory is the guest's failure, not the process' end.
        self.data.try_reserve(start - self.data.len() + capacity).map_err(|_| Full)?;
        self.data.resize(start, 0);
        self.data.extend_from_slice(bytes);
        self.data.resize(start + capacity, 0);
        Ok(start)
    }

    fn find(&self, offset: u64) -> Option<Block> {
        self.blocks.find(usize::try_from(offset).ok()?)
    }

    /// A range of memory; `None` when it does not all lie inside. What lies below the first block is memory, too.
    pub(crate) fn range_mut(&mut self, offset: u64, length: usize) -> Option<&mut [u8]> {
        let start = usize::try_from(offset).ok()?;
        self.data.get_mut(start..start.checked_add(length)?)
    }
}
