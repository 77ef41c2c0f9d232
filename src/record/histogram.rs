//! Durations in buckets: eight to each power of two, so that what comes out is at most 6 % off what went in.
//!
//! The unit is 128 ns. Buckets 0 to 7 hold one unit each; from there on eight buckets double the range. The last ones
//! reach beyond an hour and hold everything longer.

/// How many buckets there are.
pub const BUCKETS: usize = 264;

const UNIT_BITS: u32 = 7;

/// The bucket of a duration.
#[inline]
pub fn bucket(duration_ns: u64) -> usize {
    let units = duration_ns >> UNIT_BITS;
    let index = match units.checked_ilog2() {
        None | Some(0..3) => units,
        Some(octave) => {
            let step = octave - 3;
            u64::from(step + 1) * 8 + ((units >> step) & 7)
        }
    };
    usize::try_from(index).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The duration that stands for a bucket: the harmonic mean of its bounds is equally far from both, in proportion.
fn middle_ns(bucket: usize) -> f64 {
    let bucket = u32::try_from(bucket).unwrap_or(u32::MAX);
    let (low, width) = match bucket / 8 {
        0 => (f64::from(bucket), 1.0),
        octave => {
            let step = 2f64.powi(i32::try_from(octave - 1).unwrap_or(0));
            (f64::from(8 + bucket % 8) * step, step)
        }
    };
    let high = low + width;
    let middle = if low == 0.0 { high / 2.0 } else { 2.0 * low * high / (low + high) };
    middle * f64::from(1 << UNIT_BITS)
}

/// The duration in nanoseconds that `share` (0 to 1) of the counted ones do not exceed; `None` when there are none.
pub fn quantile_ns(counts: &[u64], share: f64) -> Option<f64> {
    let total: u64 = counts.iter().sum();
    #[allow(clippy::cast_precision_loss, reason = "a rank that is one off among 2^53 changes nothing")]
    let rank = (total as f64 * share).ceil().max(1.0);
    let mut seen = 0u64;
    for (bucket, count) in counts.iter().enumerate() {
        seen += count;
        #[allow(clippy::cast_precision_loss, reason = "as above")]
        if *count > 0 && seen as f64 >= rank {
            return Some(middle_ns(bucket));
        }
    }
    None
}
