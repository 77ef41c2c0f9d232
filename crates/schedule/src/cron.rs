//! A cron expression as a set of local times. It knows the calendar, no zones and no instants: "local seconds" here are
//! what a local clock shows, counted from 1970-01-01 00:00:00 as if there were no offset.

use alloc::format;
use alloc::vec::Vec;

use crate::bits::Bits;
use crate::calendar::{CYCLE_DAYS, DAY_S, Date};
use crate::days::Days;
use crate::error::ScheduleError;
use crate::field::{Field, HOUR, MINUTE, MONTH, SECOND};

/// The fields of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    seconds: Field,
    minutes: Field,
    hours: Field,
    months: Bits,
    days: Days,
}

impl Cron {
    pub(crate) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let (second, minute, hour, day, month, weekday) = match fields[..] {
            [minute, hour, day, month, weekday] => ("0", minute, hour, day, month, weekday),
            [second, minute, hour, day, month, weekday] => (second, minute, hour, day, month, weekday),
            _ => return Err(wrong_count(&fields)),
        };
        let cron = Self {
            seconds: Field::parse(&SECOND, second)?,
            minutes: Field::parse(&MINUTE, minute)?,
            hours: Field::parse(&HOUR, hour)?,
            months: Field::parse(&MONTH, month)?.values,
            days: Days::parse(day, weekday)?,
        };
        // The calendar repeats, so what is not found in one cycle is never found.
        if cron.day_from(0, CYCLE_DAYS).is_none() {
            return Err(ScheduleError::new(format!("cron expression \"{text}\" never fires"))
                .hint("No month that it names has such a day."));
        }
        Ok(cron)
    }

    /// Whether the expression names times of the day, as opposed to a rhythm: no field of the time begins with `*`.
    pub(crate) fn is_fixed_time(&self) -> bool {
        !(self.seconds.star || self.minutes.star || self.hours.star)
    }

    /// The first local second from `from` on and before `end` that the expression names.
    pub(crate) fn first_in(&self, from: i64, end: i64) -> Option<i64> {
        let last_day = (end - 1).div_euclid(DAY_S);
        let (mut day, mut time) = (from.div_euclid(DAY_S), from.rem_euclid(DAY_S));
        loop {
            let found = self.day_from(day, last_day + 1)?;
            if found > day {
                time = 0;
            }
            if let Some(time) = self.time_from(time) {
                let second = found * DAY_S + time;
                return (second < end).then_some(second);
            }
            (day, time) = (found + 1, 0);
        }
    }

    /// The number of the first day from day number `from` on and before `end` that the expression names.
    fn day_from(&self, from: i64, end: i64) -> Option<i64> {
        let mut date = Date::of(from);
        while date.number < end {
            if !self.months.contains(date.month) {
                date = date.next_month();
            } else if self.days.include(date) {
                return Some(date.number);
            } else {
                date = date.tomorrow();
            }
        }
        None
    }

    /// The first second of a day, from `from` on, that the expression names.
    fn time_from(&self, from: i64) -> Option<i64> {
        let (hour, minute, second) = (from / 3_600, from / 60 % 60, from % 60);
        let at = |hour: i64, minute: i64, second: i64| hour * 3_600 + minute * 60 + second;
        let (hours, minutes, seconds) = (self.hours.values, self.minutes.values, self.seconds.values);
        if hours.contains(hour) {
            if minutes.contains(minute)
                && let Some(second) = seconds.at_or_after(second)
            {
                return Some(at(hour, minute, second));
            }
            if let Some(minute) = minutes.at_or_after(minute + 1) {
                return Some(at(hour, minute, seconds.at_or_after(0)?));
            }
        }
        Some(at(hours.at_or_after(hour + 1)?, minutes.at_or_after(0)?, seconds.at_or_after(0)?))
    }
}

fn wrong_count(fields: &[&str]) -> ScheduleError {
    let hint = match fields {
        [] => "For a schedule that never fires, make none.",
        [_, unit] if unit.starts_with(['s', 'm', 'h', 'd']) => "Write a period as @every 30s.",
        [_, _, _, _, _, _, _] => "There is no field for the year.",
        _ => "The fields are minute, hour, day of month, month and weekday, with seconds before them if there are six.",
    };
    ScheduleError::new(format!("cron expression has {} fields, not 5 or 6", fields.len())).hint(hint)
}
