//! The two day fields, and the rule that joins them: day of month with `L`, `$` and `W`, weekday with `L` and `#`.

use alloc::format;

use crate::bits::Bits;
use crate::calendar::Date;
use crate::error::ScheduleError;
use crate::field::{DAY, WEEKDAY, begins_with_star, number};

/// Stands for the last day in a set of days of the month, which begin at 1.
const LAST: i64 = 0;

/// Which days an expression means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Days {
    of_month: DayOfMonth,
    of_week: Weekday,
    /// Whether a day must please both fields; else one is enough.
    both: bool,
}

impl Days {
    /// Vixie's rule: two restricted fields are alternatives. A field that begins with `*` restricts what the other allows,
    /// also as `*/2`. A `+` before the weekday asks for both in any case.
    pub(crate) fn parse(day: &str, weekday: &str) -> Result<Self, ScheduleError> {
        let (plus, weekday) = match weekday.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => (false, weekday),
        };
        let both = plus || begins_with_star(day) || begins_with_star(weekday);
        Ok(Self { of_month: DayOfMonth::parse(day)?, of_week: Weekday::parse(weekday)?, both })
    }

    pub(crate) fn include(&self, date: Date) -> bool {
        let of_month = self.of_month.includes(date);
        if self.both { of_month && self.of_week.includes(date) } else { of_month || self.of_week.includes(date) }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct DayOfMonth {
    /// 1 to 31 and [`LAST`].
    days: Bits,
    /// The same, each standing for the working day nearest to it.
    nearest: Bits,
}

impl DayOfMonth {
    fn parse(text: &str) -> Result<Self, ScheduleError> {
        let mut parsed = Self::default();
        for item in DAY.items(text)? {
            if let Some(day) = single_day(item) {
                parsed.days = parsed.days.union(Bits::range(day, day, 1));
            } else if let Some(body) = item.strip_suffix(['W', 'w']) {
                let day = single_day(body).ok_or_else(|| {
                    DAY.error(item, "W follows one day, such as 15W, or L").hint("It means the nearest working day.")
                })?;
                parsed.nearest = parsed.nearest.union(Bits::range(day, day, 1));
            } else {
                parsed.days = parsed.days.union(DAY.range(item)?);
            }
        }
        Ok(parsed)
    }

    fn includes(&self, date: Date) -> bool {
        let last = date.days_in_month();
        if self.days.contains(date.day) || date.day == last && self.days.contains(LAST) {
            return true;
        }
        if self.nearest.is_empty() {
            return false;
        }
        let means_today = |day: i64| nearest_working_day(day, date) == date.day;
        self.nearest.contains(LAST) && means_today(last)
            || (1..=last).any(|day| self.nearest.contains(day) && means_today(day))
    }
}

/// A day of the month, or the last one as `L` or `$`.
fn single_day(text: &str) -> Option<i64> {
    if matches!(text, "L" | "l" | "$") { Some(LAST) } else { DAY.value(text) }
}

/// The day from Monday to Friday that is nearest to `day` in the month of `date`, without leaving that month.
fn nearest_working_day(day: i64, date: Date) -> i64 {
    const SUNDAY: i64 = 0;
    const SATURDAY: i64 = 6;
    match (date.weekday() + day - date.day).rem_euclid(7) {
        SATURDAY if day == 1 => 3,
        SATURDAY => day - 1,
        SUNDAY if day == date.days_in_month() => day - 2,
        SUNDAY => day + 1,
        _ => day,
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Weekday {
    /// Weekdays, 0 to 6, of any week.
    any: Bits,
    /// Weekdays that count only when they are the last of the month.
    last: Bits,
    /// Weekdays that count only when they are the first … fifth of the month.
    nth: [Bits; 5],
}

impl Weekday {
    fn parse(text: &str) -> Result<Self, ScheduleError> {
        let mut parsed = Self::default();
        for item in WEEKDAY.items(text)? {
            let (set, values) = if let Some(day) = item.strip_suffix(['L', 'l']) {
                (&mut parsed.last, day_before(day, item, "L follows one weekday, such as 5L for the last Friday")?)
            } else if let Some((day, nth)) = item.split_once('#') {
                let day = day_before(day, item, "# follows one weekday, such as 5#2 for the second Friday")?;
                let nth = number(nth).and_then(|nth| usize::try_from(nth).ok()?.checked_sub(1));
                let set = nth.and_then(|nth| parsed.nth.get_mut(nth));
                (set.ok_or_else(|| WEEKDAY.error(item, "after # stands a number from 1 to 5"))?, day)
            } else {
                (&mut parsed.any, WEEKDAY.range(item)?)
            };
            *set = set.union(sunday_is_zero(values));
        }
        Ok(parsed)
    }

    fn includes(&self, date: Date) -> bool {
        let weekday = date.weekday();
        let week = usize::try_from((date.day - 1) / 7).unwrap_or_default();
        self.any.contains(weekday)
            || self.nth.get(week).is_some_and(|days| days.contains(weekday))
            || date.day + 7 > date.days_in_month() && self.last.contains(weekday)
    }
}

/// The one weekday before an `L` or `#`.
fn day_before(text: &str, item: &str, rule: &str) -> Result<Bits, ScheduleError> {
    let allowed = WEEKDAY.allowed();
    let day = WEEKDAY.value(text).ok_or_else(|| WEEKDAY.error(item, format!("{rule}; {allowed}")))?;
    Ok(Bits::range(day, day, 1))
}

fn sunday_is_zero(values: Bits) -> Bits {
    if values.contains(7) { values.union(Bits::range(0, 0, 1)) } else { values }
}
