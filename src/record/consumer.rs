//! The reading end of this database's ring. One process at a time has it.

use std::sync::atomic::Ordering;

use super::entry::Entry;
use super::layout::{DatabaseRing, ring};
use super::statistics::{self, Found};
use crate::pg::shmem;

/// The right to read this database's ring, until dropped.
pub struct Consumer {
    from: &'static DatabaseRing,
    /// Everything before this position has been read.
    position: u64,
    /// Whose entries have been read, to say whose are lost.
    functions: Vec<i64>,
}

impl Consumer {
    /// Takes the right; `None` while another process has it, and in a server without our shared memory.
    pub fn take() -> Option<Self> {
        let from = ring()?;
        let me = u64::from(shmem::process_id());
        let mut owner = 0;
        loop {
            match from.consumer.compare_exchange(owner, me, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(Self { from, position: from.ring.begin(), functions: Vec::new() }),
                // A process that ended without giving the right back.
                Err(other) if other != me && !u32::try_from(other).is_ok_and(shmem::is_backend) => owner = other,
                Err(_) => return None,
            }
        }
    }

    /// The next entries, at most `most`.
    pub fn read(&mut self, most: usize) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut words = Vec::new();
        while entries.len() < most
            && let Some(next) = self.from.ring.read(self.position, &mut words)
        {
            self.position = next;
            entries.extend(Entry::read(&words));
            words.clear();
        }
        self.functions.extend(entries.iter().map(|entry| entry.facts.function));
        entries
    }

    /// What was read is safe: its room is free again.
    pub fn confirm(self) {
        self.from.ring.release(self.position);
    }

    /// What was read could not be stored: its room is free again, and the loss is counted.
    pub fn lose(self) {
        for function in &self.functions {
            if let Some(slot) = statistics::slot_of(*function).and_then(Found::slot) {
                statistics::lose(slot);
            }
        }
        self.confirm();
    }
}

/// Whether an entry waits in this database's ring.
pub fn is_waiting() -> bool {
    ring().is_some_and(|mine| mine.ring.begin() < mine.ring.head.load(Ordering::Acquire))
}

/// Whether another process that lives reads this database's ring.
pub fn is_being_read() -> bool {
    let reader = ring().map_or(0, |ring| ring.consumer.load(Ordering::Relaxed));
    let is_other = reader != 0 && reader != u64::from(shmem::process_id());
    is_other && u32::try_from(reader).is_ok_and(shmem::is_backend)
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.from.consumer.store(0, Ordering::Release);
    }
}
