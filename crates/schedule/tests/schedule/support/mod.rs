//! Time zones from a bundled tz database, and instants as text.

pub mod dice;
pub mod naive;

use alyx_schedule::Zone;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// A named zone, with its transitions read once: the tests ask for them millions of times.
pub struct Place {
    /// (first instant, offset) of each stretch, oldest first; instants before the first have its offset.
    stretches: Vec<(i64, i32)>,
}

impl Place {
    pub fn new(name: &str) -> Self {
        let zone = TimeZone::get(name).expect(name);
        let start = instant("2010-01-01 00:00:00");
        let end = instant("2130-01-01 00:00:00");
        let from = timestamp(start);
        let first = (start, zone.to_offset(from).seconds());
        let later = zone.following(from).map(|change| (change.timestamp().as_second(), change.offset().seconds()));
        Self { stretches: std::iter::once(first).chain(later.take_while(|(at, _)| *at < end)).collect() }
    }

    /// Instants at which the offset changes.
    pub fn transitions(&self) -> impl Iterator<Item = i64> + '_ {
        self.stretches.windows(2).filter(|pair| pair[0].1 != pair[1].1).map(|pair| pair[1].0)
    }
}

impl Zone for Place {
    fn offset_at(&self, unix_s: i64) -> i32 {
        let index = self.stretches.partition_point(|(start, _)| *start <= unix_s);
        self.stretches[index.saturating_sub(1)].1
    }

    fn next_transition(&self, after_unix_s: i64) -> Option<i64> {
        let index = self.stretches.partition_point(|(start, _)| *start <= after_unix_s);
        self.stretches.get(index).map(|(start, _)| *start)
    }
}

pub fn timestamp(unix_s: i64) -> Timestamp {
    Timestamp::from_second(unix_s).expect("an instant of jiff's range")
}

/// `2026-01-01 00:00:00` as UTC.
pub fn instant(utc: &str) -> i64 {
    let civil: DateTime = utc.parse().expect(utc);
    Offset::UTC.to_timestamp(civil).expect(utc).as_second()
}

/// What a clock in the zone shows at the instant.
pub fn clock(unix_s: i64, zone: &dyn Zone) -> DateTime {
    Offset::from_seconds(zone.offset_at(unix_s)).expect("an offset").to_datetime(timestamp(unix_s))
}

/// The same as text.
pub fn shown(unix_s: i64, zone: &dyn Zone) -> String {
    clock(unix_s, zone).strftime("%F %T").to_string()
}
