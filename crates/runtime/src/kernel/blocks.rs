//! Where blocks lie: a bump allocator with free lists by size class.
//!
//! Each operation takes constant time, or logarithmic for finding a block, whatever was allocated before: a guest
//! cannot make its host slow by the order of its calls.

/// Smallest block.
const MIN_CAPACITY: usize = 16;
/// Classes of capacities: four per power of two from [`MIN_CAPACITY`] on.
const CLASSES: usize = 128;
/// A freed block serves requests down to half its size: this many classes.
const REUSE_CLASSES: usize = 4;
/// What a block costs besides its bytes.
const BLOCK_COST: u64 = 32;
/// Room for blocks that is kept for the next call.
const KEEP_BLOCKS: usize = 1 << 10;

/// No block: the end of a free list.
const NONE: u32 = u32::MAX;

/// A block's place; `length` is what was asked for, `capacity` what it occupies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) start: usize,
    pub(super) length: usize,
    capacity: usize,
    live: bool,
    next_free: u32,
}

/// All blocks of one kernel.
#[derive(Debug)]
pub(super) struct Blocks {
    /// In order of their starts.
    all: Vec<Block>,
    /// First free block of each class.
    free: [u32; CLASSES],
    /// One bit per class with a free block.
    free_classes: u128,
}

impl Default for Blocks {
    fn default() -> Self {
        Self { all: Vec::new(), free: [NONE; CLASSES], free_classes: 0 }
    }
}

impl Blocks {
    /// Bytes that the list itself holds.
    pub(super) fn held_bytes(&self) -> u64 {
        u64::try_from(self.all.len()).unwrap_or(u64::MAX).saturating_mul(BLOCK_COST)
    }

    /// Takes a freed block of a fitting class.
    pub(super) fn reuse(&mut self, length: usize) -> Option<usize> {
        let (class, _) = class_of(length);
        let fitting = self.free_classes.checked_shr(u32::try_from(class).ok()?)?;
        let class = class + usize::try_from(fitting.trailing_zeros()).ok().filter(|up| *up <= REUSE_CLASSES)?;
        let head = self.free.get_mut(class)?;
        let block = self.all.get_mut(usize::try_from(*head).ok()?)?;
        *head = block.next_free;
        if *head == NONE {
            self.free_classes &= !(1 << class);
        }
        block.live = true;
        block.length = length;
        Some(block.start)
    }

    /// Enters a new block at `start`, behind all others, within `room` bytes; gives its capacity.
    pub(super) fn append(&mut self, start: usize, length: usize, room: u64) -> Option<usize> {
        let (_, capacity) = class_of(length);
        let need = u64::try_from(capacity).ok()?.saturating_add(BLOCK_COST);
        let index = u32::try_from(self.all.len()).ok()?;
        if need > room || index == NONE {
            return None;
        }
        self.all.push(Block { start, length, capacity, live: true, next_free: NONE });
        Some(capacity)
    }

    /// Frees the block that starts at `start`; false when there is none.
    pub(super) fn free(&mut self, start: usize) -> bool {
        let Some(index) = self.index(start) else { return false };
        let Some(block) = self.all.get_mut(index) else { return false };
        let (class, _) = class_of(block.capacity);
        if let (Some(head), Ok(index)) = (self.free.get_mut(class), u32::try_from(index)) {
            block.live = false;
            block.next_free = std::mem::replace(head, index);
            self.free_classes |= 1 << class;
        }
        true
    }

    /// The block that starts at `start`.
    pub(super) fn find(&self, start: usize) -> Option<Block> {
        self.all.get(self.index(start)?).copied()
    }

    /// Forgets all blocks.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.all.shrink_to(KEEP_BLOCKS);
        if self.free_classes != 0 {
            self.free = [NONE; CLASSES];
            self.free_classes = 0;
        }
    }

    fn index(&self, start: usize) -> Option<usize> {
        let index = self.all.binary_search_by_key(&start, |block| block.start).ok()?;
        self.all.get(index).filter(|block| block.live).map(|_| index)
    }
}

/// The class of a length, and the capacity of that class: at most a quarter more, a multiple of eight.
fn class_of(length: usize) -> (usize, usize) {
    let length = length.max(MIN_CAPACITY).checked_next_multiple_of(8).unwrap_or(length);
    let step = 1_usize << (length.ilog2() - 2);
    let Some(capacity) = length.checked_next_multiple_of(step) else { return (CLASSES - 1, length) };
    let octave = capacity.ilog2();
    let quarter = (capacity >> (octave - 2)) & 3;
    let class = usize::try_from(octave).unwrap_or(0).saturating_sub(4) * 4 + quarter;
    (class.min(CLASSES - 1), capacity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_grow_with_lengths_and_waste_at_most_a_quarter() {
        let mut last = 0;
        for length in (1..5000).chain([1 << 20, (1 << 20) + 1, 100_000_000, 1 << 32, usize::MAX]) {
            let (class, capacity) = class_of(length);
            assert!(capacity >= length && class >= last, "{length}");
            if length > 32 {
                assert!(capacity <= length.saturating_add(length / 4).saturating_add(8), "{length}: {capacity}");
            }
            // A capacity is its own class, or a freed block would not be found again.
            assert_eq!(class_of(capacity), (class, capacity));
            last = class;
        }
    }

    #[test]
    fn a_freed_block_serves_what_is_not_much_smaller() {
        let mut blocks = Blocks::default();
        assert_eq!(blocks.append(80, 1000, 2000), Some(1024));
        assert!(blocks.free(80));
        assert_eq!(blocks.reuse(400), None);
        assert_eq!(blocks.reuse(1025), None);
        assert_eq!(blocks.reuse(600), Some(80));
        assert_eq!(blocks.find(80).map(|block| block.length), Some(600));
        assert_eq!(blocks.reuse(600), None);
        assert_eq!(blocks.append(1104, 1000, 1000), None);
    }
}
