//! One field of a cron expression: `*`, values, ranges, steps and lists, as text → the set of values.
//! What only the day fields have (`L`, `W`, `#`) is in `days`, which asks here for the rest.

use alloc::format;
use alloc::string::String;

use crate::bits::Bits;
use crate::error::ScheduleError;

/// Most items of a list. A list of every minute has as many.
const MAX_ITEMS: usize = 60;

/// What a field is called and which values it takes.
#[derive(Debug)]
pub(crate) struct Kind {
    name: &'static str,
    low: i64,
    high: i64,
    /// Words for the values from `low` on.
    words: &'static [&'static str],
}

pub(crate) const SECOND: Kind = Kind { name: "second", low: 0, high: 59, words: &[] };
pub(crate) const MINUTE: Kind = Kind { name: "minute", low: 0, high: 59, words: &[] };
pub(crate) const HOUR: Kind = Kind { name: "hour", low: 0, high: 23, words: &[] };
pub(crate) const DAY: Kind = Kind { name: "day of month", low: 1, high: 31, words: &[] };
pub(crate) const MONTH: Kind = Kind {
    name: "month",
    low: 1,
    high: 12,
    words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
/// 0 and 7 are both Sunday; `days` folds them together.
pub(crate) const WEEKDAY: Kind =
    Kind { name: "weekday", low: 0, high: 7, words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };

/// A parsed field of plain values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    pub values: Bits,
    /// Whether the text begins with `*`, which is what Vixie cron's rules ask.
    pub star: bool,
}

impl Field {
    pub(crate) fn parse(kind: &Kind, text: &str) -> Result<Self, ScheduleError> {
        let mut values = Bits::default();
        for item in kind.items(text)? {
            values = values.union(kind.range(item)?);
        }
        Ok(Self { values, star: begins_with_star(text) })
    }
}

pub(crate) fn begins_with_star(text: &str) -> bool {
    text.starts_with('*')
}

impl Kind {
    /// The items of a list, none of them empty.
    pub(crate) fn items<'a>(&self, text: &'a str) -> Result<impl Iterator<Item = &'a str>, ScheduleError> {
        if text.split(',').any(str::is_empty) {
            return Err(self.error(text, "a list has no empty items"));
        }
        if text.split(',').count() > MAX_ITEMS {
            let message = format!("{} of cron expression is a list of more than {MAX_ITEMS} items", self.name);
            return Err(ScheduleError::new(message).hint("Write it with ranges and steps."));
        }
        Ok(text.split(','))
    }

    /// The values of one item: `*`, `a`, `a-b`, `*/n` or `a-b/n`.
    pub(crate) fn range(&self, item: &str) -> Result<Bits, ScheduleError> {
        let (body, step) = match item.split_once('/') {
            Some((body, step)) => (body, Some(step)),
            None => (item, None),
        };
        let (low, high) = if body == "*" {
            (self.low, self.high)
        } else if let Some((low, high)) = body.split_once('-') {
            let (low, high) = (self.value_in(low, item)?, self.value_in(high, item)?);
            if low > high {
                let (from, to) = (self.low, self.high);
                let hint = format!("Write two ranges: {low}-{to},{from}-{high}.");
                return Err(self.error(item, "the range runs backwards").hint(hint));
            }
            (low, high)
        } else {
            let value = self.value_in(body, item)?;
            if let Some(step) = step {
                let hint = format!("Write {value}-{}/{step}.", self.high);
                return Err(self.error(item, "a step needs a range or *").hint(hint));
            }
            (value, value)
        };
        let Some(step) = step else { return Ok(Bits::range(low, high, 1)) };
        let width = high - low + 1;
        match number(step) {
            Some(step) if (1..=width).contains(&step) => {
                Ok(Bits::range(low, high, usize::try_from(step).unwrap_or(usize::MAX)))
            }
            _ => Err(self.error(item, format!("the step must be between 1 and {width}"))),
        }
    }

    /// One value, a number or a word.
    pub(crate) fn value(&self, text: &str) -> Option<i64> {
        match number(text) {
            Some(value) => (self.low..=self.high).contains(&value).then_some(value),
            None => {
                (self.low..).zip(self.words).find(|(_, word)| word.eq_ignore_ascii_case(text)).map(|(value, _)| value)
            }
        }
    }

    fn value_in(&self, text: &str, item: &str) -> Result<i64, ScheduleError> {
        self.value(text).ok_or_else(|| self.error(item, self.allowed()))
    }

    /// The values a message names as allowed.
    pub(crate) fn allowed(&self) -> String {
        match (self.words.first(), self.words.last()) {
            (Some(first), Some(last)) => format!("allowed are {} to {} and {first} to {last}", self.low, self.high),
            _ => format!("allowed are {} to {}", self.low, self.high),
        }
    }

    pub(crate) fn error(&self, value: &str, why: impl AsRef<str>) -> ScheduleError {
        let error =
            ScheduleError::new(format!("invalid {} \"{value}\" in cron expression: {}", self.name, why.as_ref()));
        if value.contains('?') { error.hint("Write * where any value will do.") } else { error }
    }
}

/// A number of one to three digits; more are never in range.
pub(crate) fn number(text: &str) -> Option<i64> {
    let plain = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
