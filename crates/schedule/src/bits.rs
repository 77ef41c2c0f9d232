//! A set of small numbers: the values that one field of an expression allows.

/// Numbers from 0 to 63.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bits(u64);

impl Bits {
    /// Every `step`-th number from `low` to `high`, both inclusive; numbers outside 0 to 63 are left out.
    pub(crate) fn range(low: i64, high: i64, step: usize) -> Self {
        Self((low.max(0)..=high.min(63)).step_by(step.max(1)).fold(0, |bits, number| bits | 1 << number))
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn contains(self, number: i64) -> bool {
        (0..64).contains(&number) && self.0 >> number & 1 == 1
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The smallest number of the set that is `number` or greater.
    pub(crate) fn at_or_after(self, number: i64) -> Option<i64> {
        let rest = if (0..64).contains(&number) { self.0 >> number } else { 0 };
        (rest != 0).then(|| number + i64::from(rest.trailing_zeros()))
    }
}
