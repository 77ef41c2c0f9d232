//! The dialect a second time, as slowly and plainly as it can be said: questions about one clock reading, answered from the
//! text of the expression. It shares nothing with the crate.

use jiff::civil::{Date, DateTime, Weekday};

/// A cron expression with every question about a time of the day answered beforehand.
pub struct Naive {
    seconds: [bool; 60],
    minutes: [bool; 60],
    hours: [bool; 24],
    day: String,
    month: String,
    weekday: String,
    pub fixed_time: bool,
    /// The date asked for last, and the answer.
    date: (Date, bool),
}

impl Naive {
    pub fn new(text: &str) -> Self {
        let mut fields: Vec<String> = text.to_ascii_uppercase().split(' ').map(str::to_owned).collect();
        if fields.len() == 5 {
            fields.insert(0, "0".to_owned());
        }
        let [second, minute, hour, day, month, weekday] = fields.try_into().expect("5 or 6 fields");
        let fixed_time = ![&second, &minute, &hour].iter().any(|field| field.starts_with('*'));
        let mut naive = Self {
            seconds: answers(&second),
            minutes: answers(&minute),
            hours: answers(&hour),
            day,
            month,
            weekday,
            fixed_time,
            date: (Date::ZERO, false),
        };
        naive.date.1 = naive.names_date(Date::ZERO);
        naive
    }

    /// Whether the expression names what the clock shows.
    pub fn names(&mut self, clock: DateTime) -> bool {
        let at = |value: i8| value as usize;
        if !(self.minutes[at(clock.minute())] && self.hours[at(clock.hour())] && self.seconds[at(clock.second())]) {
            return false;
        }
        if self.date.0 != clock.date() {
            self.date = (clock.date(), self.names_date(clock.date()));
        }
        self.date.1
    }

    fn names_date(&self, date: Date) -> bool {
        let weekday = self.weekday.trim_start_matches('+');
        let by_day = self.day.split(',').any(|item| day_item(item, date));
        let by_weekday = weekday.split(',').any(|item| weekday_item(item, date));
        let and = weekday != self.weekday || self.day.starts_with('*') || weekday.starts_with('*');
        let day = if and { by_day && by_weekday } else { by_day || by_weekday };
        day && names(&self.month, 1, i64::from(date.month()))
    }
}

/// What a field says about each value of 0 to `COUNT`.
fn answers<const COUNT: usize>(field: &str) -> [bool; COUNT] {
    std::array::from_fn(|value| names(field, 0, value as i64))
}

fn word(text: &str) -> i64 {
    const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    let month = MONTHS.iter().zip(1..).find(|(name, _)| **name == text);
    let day = DAYS.iter().zip(0..).find(|(name, _)| **name == text);
    month.or(day).map_or_else(|| text.parse().unwrap_or_else(|_| panic!("{text} is no value")), |(_, value)| value)
}

/// Whether a field of plain items, whose smallest value is `low`, names `value`.
fn names(field: &str, low: i64, value: i64) -> bool {
    field.split(',').any(|item| {
        let (body, step) = item.split_once('/').unwrap_or((item, "1"));
        let (from, to) = match body.split_once('-') {
            Some((from, to)) => (word(from), word(to)),
            None if body == "*" => (low, i64::MAX),
            None => (word(body), word(body)),
        };
        from <= value && value <= to && (value - from) % word(step) == 0
    })
}

fn is_last(date: Date) -> bool {
    date.tomorrow().expect("a date").month() != date.month()
}

fn day_item(item: &str, date: Date) -> bool {
    let working = |date: &Date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
    match item.strip_suffix('W') {
        None if item == "L" || item == "$" => is_last(date),
        None => names(item, 1, i64::from(date.day())),
        Some(meant) => {
            let month: Vec<Date> =
                date.first_of_month().series(jiff::Span::new().days(1)).take(date.days_in_month() as usize).collect();
            let meant = month
                .iter()
                .find(|day| if meant == "L" { is_last(**day) } else { i64::from(day.day()) == word(meant) });
            meant.is_some_and(|meant| {
                let nearest = month.iter().filter(|day| working(day)).min_by_key(|day| (day.day() - meant.day()).abs());
                nearest == Some(&date)
            })
        }
    }
}

fn weekday_item(item: &str, date: Date) -> bool {
    let number = i64::from(date.weekday().to_sunday_zero_offset());
    let is = |meant: &str| names(meant, 0, number) || number == 0 && names(meant, 0, 7);
    if let Some(meant) = item.strip_suffix('L') {
        let in_a_week = date.checked_add(jiff::Span::new().days(7)).expect("a date");
        is(meant) && in_a_week.month() != date.month()
    } else if let Some((meant, nth)) = item.split_once('#') {
        is(meant) && i64::from((date.day() + 6) / 7) == word(nth)
    } else {
        is(item)
    }
}
