//! `@every` periods: `30s`, `5m`, `1h30m`, `1d`.

use alloc::format;

use crate::error::ScheduleError;

/// Longest period, in days.
const MAX_DAYS: i64 = 3_650;

/// Units from long to short, in seconds.
const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Seconds of a period: numbers with units, longer units first.
pub(crate) fn parse(text: &str) -> Result<i64, ScheduleError> {
    let refuse = |why: &str| {
        ScheduleError::new(format!("invalid period \"{text}\" after @every: {why}"))
            .hint("Write it as 30s, 5m, 1h30m or 1d.")
    };
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut period_s: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit_on) = rest.split_at(digits);
        let number: i64 = number.parse().map_err(|_| refuse("a number with a unit is expected"))?;
        let unit = unit_on.chars().next().map(|letter| letter.to_ascii_lowercase());
        let unit_s = units.find(|(letter, _)| Some(*letter) == unit).map(|(_, unit_s)| *unit_s);
        let unit_s = unit_s.ok_or_else(|| refuse("units are d, h, m and s, each at most once and in this order"))?;
        period_s = period_s.saturating_add(number.saturating_mul(unit_s));
        // A unit was found, so the first letter is one byte long.
        rest = unit_on.get(1..).unwrap_or_default();
    }
    if !(1..=MAX_DAYS * 86_400).contains(&period_s) {
        return Err(refuse(&format!("a period lasts between 1 second and {MAX_DAYS} days")));
    }
    Ok(period_s)
}
