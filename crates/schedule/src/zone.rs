//! Time zones as the crate sees them: a function from instants to offsets. Where the data comes from is the caller's business.

/// The local time of one place. The extension answers from PostgreSQL's tz data, so that a schedule agrees with
/// `AT TIME ZONE`.
///
/// Answers must not change between two calls on one value.
pub trait Zone {
    /// Seconds that local time is ahead of UTC at `unix_s`; east is positive.
    fn offset_at(&self, unix_s: i64) -> i32;

    /// The first instant after `after_unix_s` from which another offset may hold, `None` if there is none. It may name an
    /// instant where the offset stays (PostgreSQL also reports changes of the daylight flag alone), never skip a change.
    fn next_transition(&self, after_unix_s: i64) -> Option<i64>;
}

/// Coordinated universal time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Utc;

impl Zone for Utc {
    fn offset_at(&self, _unix_s: i64) -> i32 {
        0
    }

    fn next_transition(&self, _after_unix_s: i64) -> Option<i64> {
        None
    }
}
