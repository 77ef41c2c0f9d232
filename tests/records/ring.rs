//! The ring and the histogram without a server: they know nothing of one.

#[allow(dead_code, reason = "each half uses its part")]
#[path = "../../src/record/histogram.rs"]
mod histogram;
#[path = "../../src/record/ring.rs"]
mod words;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use words::Ring;

/// Lets the producers go when the consumer has ended, also by a failed assertion.
struct Closing<'a>(&'a AtomicU64);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.store(1, Ordering::Relaxed);
    }
}

#[test]
fn entries_come_out_whole_in_order_and_once() {
    // A prime: every entry wraps somewhere.
    let memory: Vec<AtomicU64> = (0..251).map(|_| AtomicU64::new(0)).collect();
    let (head, tail) = (AtomicU64::new(0), AtomicU64::new(0));
    let ring = Ring { head: &head, tail: &tail, words: &memory };
    let (refused, left, closed) = (AtomicU64::new(0), AtomicU64::new(4), AtomicU64::new(0));
    let mut taken = vec![0u64; 4];
    thread::scope(|scope| {
        for producer in 0..4u64 {
            let (refused, left, closed) = (&refused, &left, &closed);
            scope.spawn(move || {
                for number in 1..=50_000u64 {
                    let body = vec![producer << 32 | number; usize::try_from(number % 9).unwrap_or(0) + 1];
                    // Every other one insists.
                    let reserved = loop {
                        let reserved = ring.reserve(body.len());
                        if reserved.is_some() || number % 2 == 0 || closed.load(Ordering::Relaxed) == 1 {
                            break reserved;
                        }
                        thread::yield_now();
                    };
                    match reserved {
                        Some(mut entry) => {
                            entry.put(&body);
                            entry.publish();
                        }
                        None => {
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
                left.fetch_sub(1, Ordering::Release);
            });
        }
        let _closing = Closing(&closed);
        let mut last = [0u64; 4];
        loop {
            let is_over = left.load(Ordering::Acquire) == 0;
            let mut position = ring.begin();
            let mut words = Vec::new();
            while let Some(next) = ring.read(position, &mut words) {
                let (producer, number) = (words[0] >> 32, words[0] & 0xFFFF_FFFF);
                assert!(words.iter().all(|word| *word == words[0]), "torn: {words:?}");
                assert_eq!(words.len() as u64, number % 9 + 1);
                let producer = usize::try_from(producer).unwrap_or(0);
                assert!(number > last[producer], "{number} after {}", last[producer]);
                last[producer] = number;
                taken[producer] += 1;
                position = next;
                words.clear();
            }
            ring.release(position);
            if is_over && ring.begin() == head.load(Ordering::Acquire) {
                break;
            }
        }
    });
    assert_eq!(taken.iter().sum::<u64>() + refused.load(Ordering::Relaxed), 200_000);
    assert!(taken.iter().all(|count| *count >= 25_000), "{taken:?}");
    assert!(memory.iter().all(|word| word.load(Ordering::Relaxed) == 0), "what was read is cleared");
}

#[test]
fn an_entry_that_does_not_fit_is_refused() {
    let memory: Vec<AtomicU64> = (0..16).map(|_| AtomicU64::new(0)).collect();
    let (head, tail) = (AtomicU64::new(0), AtomicU64::new(0));
    let ring = Ring { head: &head, tail: &tail, words: &memory };
    assert_eq!(ring.longest_entry(), 4);
    let mut entry = ring.reserve(9).expect("ten of sixteen words");
    entry.put(&[1; 9]);
    assert!(ring.read(0, &mut Vec::new()).is_none(), "not yet published");
    entry.publish();
    assert!(ring.reserve(6).is_none());
    ring.reserve(5).expect("six of the six that are left").publish();
    assert!(ring.reserve(0).is_none());
    ring.release(10);
    assert!(ring.reserve(0).is_some());
}

#[test]
fn durations_come_back_within_six_percent() {
    let hour_ns = 3_600_000_000_000u64;
    let mut duration_ns = 1_000u64;
    while duration_ns <= hour_ns {
        let mut counts = [0u64; histogram::BUCKETS];
        counts[histogram::bucket(duration_ns)] += 1;
        let got = histogram::quantile_ns(&counts, 0.5).expect("one was counted");
        let off = (got / duration_ns as f64 - 1.0).abs();
        assert!(
            off <= 0.06 + 128.0 / duration_ns as f64 / 2.0 * f64::from(u8::from(duration_ns < 1024)),
            "{duration_ns} → {got}"
        );
        duration_ns += duration_ns / 37 + 1;
    }
    let buckets: Vec<usize> =
        (0..70).map(|bits| histogram::bucket(1u64.checked_shl(bits).unwrap_or(u64::MAX))).collect();
    assert!(buckets.is_sorted() && buckets.last() == Some(&(histogram::BUCKETS - 1)), "{buckets:?}");
    assert_eq!(histogram::quantile_ns(&[0; histogram::BUCKETS], 0.5), None);
    let mut counts = [0u64; histogram::BUCKETS];
    (counts[10], counts[100]) = (99, 1);
    assert_eq!(histogram::quantile_ns(&counts, 0.99), histogram::quantile_ns(&counts, 0.5));
    assert!(histogram::quantile_ns(&counts, 0.995) > histogram::quantile_ns(&counts, 0.99));
}
