//! Names of invocations: UUID version 7, strictly increasing within a process.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::clock::Moment;

/// Bits of the counter below the millisecond: more ids than a process can use up in one.
const COUNTER_BITS: u32 = 22;

/// The name of one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InvocationId(pub [u8; 16]);

/// Milliseconds and counter of the last id.
static LAST: AtomicU64 = AtomicU64::new(0);

impl InvocationId {
    /// A new one.
    pub fn new() -> Self {
        Self::at(Moment::now().wall_us())
    }

    /// A new one for an invocation that began now, `now_us` microseconds after 1970.
    ///
    /// RFC 9562 §6.2, method 1: the counter fills `rand_a` and the first ten bits of `rand_b`, starts again each
    /// millisecond and carries over into the time when it is used up or the clock goes back.
    #[inline]
    pub(super) fn at(now_us: u64) -> Self {
        let first = (now_us / 1000) << COUNTER_BITS;
        let next = first.max(LAST.load(Ordering::Relaxed) + 1);
        // One thread makes ids: nothing came in between.
        LAST.store(next, Ordering::Relaxed);
        let ms = u128::from(next >> COUNTER_BITS);
        let counter = u128::from(next & ((1 << COUNTER_BITS) - 1));
        let process = u128::from(process_bits() & 0xF_FFFF_FFFF_FFFF);
        let id = (ms & 0xFFFF_FFFF_FFFF) << 80
            | 7 << 76
            | (counter >> 10) << 64
            | 0b10 << 62
            | (counter & 0x3FF) << 52
            | process;
        Self(id.to_be_bytes())
    }

    /// Appends the text form.
    pub fn write(self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for (i, byte) in self.0.into_iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                out.push(b'-');
            }
            out.extend([byte >> 4, byte & 15].map(|digit| DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0')));
        }
    }
}

impl std::fmt::Display for InvocationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = Vec::with_capacity(36);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl std::str::FromStr for InvocationId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits: String = text.chars().filter(|letter| *letter != '-').collect();
        if digits.len() != 32 {
            return Err(());
        }
        u128::from_str_radix(&digits, 16).map(|id| Self(id.to_be_bytes())).map_err(|_| ())
    }
}

/// What tells this process from all others, also from one that had its number before.
pub(super) fn process_bits() -> u64 {
    static BITS: OnceLock<u64> = OnceLock::new();
    // RandomState is seeded by the system; a fork after that is told apart by the rest.
    *BITS.get_or_init(|| RandomState::new().hash_one((std::process::id(), SystemTime::now())))
}
