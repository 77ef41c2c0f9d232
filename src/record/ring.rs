//! A ring of entries in shared words: any number of producers, none of which ever waits, and one consumer at a time.
//!
//! A producer reserves by moving `head`, writes its words, and publishes the entry by writing its first word last. The
//! consumer reads published entries from `tail`, clears what it has read and only then moves `tail`, so that a
//! reserved entry always begins with a zero word until it is published. Positions count words and never wrap; a
//! process that dies between the two steps takes the server through recovery, which clears the memory.
//!
//! It knows nothing of Postgres and of what the words mean.

use std::sync::atomic::{AtomicU64, Ordering};

/// One ring; a copy is another view of the same.
#[derive(Clone, Copy, Debug)]
pub struct Ring<'a> {
    /// Where the next entry goes.
    pub head: &'a AtomicU64,
    /// Where the oldest entry is.
    pub tail: &'a AtomicU64,
    /// The room for entries.
    pub words: &'a [AtomicU64],
}

/// Room for one entry, which must be published.
#[must_use]
pub struct Reserved<'a> {
    words: &'a [AtomicU64],
    first: usize,
    at: usize,
    length: u64,
}

impl<'a> Ring<'a> {
    /// Most words that one entry may have: an entry that could never find room would be worse than a cut one.
    pub fn longest_entry(&self) -> usize {
        self.words.len() / 4
    }

    /// Reserves room for `length` words of payload; `None` when there is not so much.
    #[inline]
    pub fn reserve(&self, length: usize) -> Option<Reserved<'a>> {
        let (length, capacity) = (u64::try_from(length).ok()? + 1, u64::try_from(self.words.len()).ok()?);
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // A tail that has overtaken our view of the head makes the exchange below fail.
            let used = head.saturating_sub(self.tail.load(Ordering::Acquire));
            if used + length > capacity {
                return None;
            }
            match self.head.compare_exchange_weak(head, head + length, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    let first = self.index(head);
                    return Some(Reserved { words: self.words, first, at: self.after(first), length });
                }
                Err(now) => head = now,
            }
        }
    }

    /// Where reading begins.
    pub fn begin(&self) -> u64 {
        self.tail.load(Ordering::Acquire)
    }

    /// Appends the payload of the entry at `position` to `out` and returns the position behind it; `None` when no
    /// published entry is there. For the consumer.
    pub fn read(&self, position: u64, out: &mut Vec<u64>) -> Option<u64> {
        if position >= self.head.load(Ordering::Acquire) {
            return None;
        }
        let mut at = self.index(position);
        let length = self.words.get(at)?.load(Ordering::Acquire);
        if length == 0 {
            return None;
        }
        for _ in 1..length {
            at = self.after(at);
            out.push(self.words.get(at)?.load(Ordering::Relaxed));
        }
        Some(position + length)
    }

    /// Gives the room of all entries before `position` back. For the consumer.
    pub fn release(&self, position: u64) {
        let tail = self.tail.load(Ordering::Relaxed);
        let mut at = self.index(tail);
        for _ in tail..position {
            if let Some(word) = self.words.get(at) {
                word.store(0, Ordering::Relaxed);
            }
            at = self.after(at);
        }
        self.tail.store(position, Ordering::Release);
    }

    #[inline]
    fn index(&self, position: u64) -> usize {
        let capacity = u64::try_from(self.words.len()).unwrap_or(u64::MAX);
        usize::try_from(position.checked_rem(capacity).unwrap_or(0)).unwrap_or(0)
    }

    #[inline]
    fn after(&self, index: usize) -> usize {
        if index + 1 == self.words.len() { 0 } else { index + 1 }
    }
}

impl Reserved<'_> {
    /// Writes the next words of the payload.
    #[inline]
    pub fn put(&mut self, payload: &[u64]) {
        for value in payload {
            if let Some(word) = self.words.get(self.at) {
                word.store(*value, Ordering::Relaxed);
            }
            self.at = if self.at + 1 == self.words.len() { 0 } else { self.at + 1 };
        }
    }

    /// Lets the consumer see the entry.
    #[inline]
    pub fn publish(self) {
        if let Some(word) = self.words.get(self.first) {
            word.store(self.length, Ordering::Release);
        }
    }
}
