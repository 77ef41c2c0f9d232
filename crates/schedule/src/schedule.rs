//! [`Schedule`]: the text of a schedule, checked, and the instants it stands for.

use alloc::format;

use crate::cron::Cron;
use crate::error::ScheduleError;
use crate::next;
use crate::period;
use crate::zone::Zone;

/// Longest text of a schedule, in bytes.
pub const MAX_TEXT_BYTES: usize = 256;

/// Instants further from 1970 than this, in seconds, are not computed with; PostgreSQL's timestamps end before.
const MAX_INSTANT_S: i64 = 10_000_000_000_000;

const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// When something is due: a cron expression, a period, or each start of the server. See the crate's page for the dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Rule);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Cron(Cron),
    /// Seconds.
    Every(i64),
    Reboot,
}

impl Schedule {
    /// Reads the text of a schedule.
    ///
    /// # Errors
    /// The text is not of the dialect, or can never fire.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(ScheduleError::new(format!("schedule is longer than {MAX_TEXT_BYTES} bytes")));
        }
        let text = text.trim_ascii();
        if !text.starts_with('@') {
            return Cron::parse(text).map(|cron| Self(Rule::Cron(cron)));
        }
        let (word, rest) = text.split_once(|letter: char| letter.is_ascii_whitespace()).unwrap_or((text, ""));
        if word.eq_ignore_ascii_case("@every") {
            return period::parse(rest.trim_ascii()).map(|period_s| Self(Rule::Every(period_s)));
        }
        if word.eq_ignore_ascii_case("@reboot") && rest.is_empty() {
            return Ok(Self(Rule::Reboot));
        }
        match NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            Some((_, fields)) => Cron::parse(fields).map(|cron| Self(Rule::Cron(cron))),
            None => Err(ScheduleError::new(format!("unknown schedule \"{text}\"")).hint(
                "Nicknames are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @reboot and @every.",
            )),
        }
    }

    /// The first instant after `unix_s` at which this is due, in Unix seconds; `None` for never.
    ///
    /// A period runs on the grid `anchor_unix_s + k × period` in both directions, so that it neither drifts nor waits for
    /// a clock that was put back behind its anchor; the zone is for cron expressions. Work is bounded whatever the
    /// expression and the zone are.
    #[must_use]
    pub fn next_after(&self, unix_s: i64, anchor_unix_s: i64, zone: &dyn Zone) -> Option<i64> {
        let sane = -MAX_INSTANT_S..=MAX_INSTANT_S;
        if !sane.contains(&unix_s) || !sane.contains(&anchor_unix_s) {
            return None;
        }
        match &self.0 {
            Rule::Cron(cron) => next::next_after(cron, unix_s, zone),
            Rule::Every(period_s) => Some(unix_s + period_s - (unix_s - anchor_unix_s).rem_euclid(*period_s)),
            Rule::Reboot => None,
        }
    }

    /// Whether this is a grid of equal distances (`@every`), which does not look at the calendar.
    #[must_use]
    pub fn is_grid(&self) -> bool {
        matches!(self.0, Rule::Every(_))
    }

    /// Whether this is due at each start of the server, and at no instant of its own.
    #[must_use]
    pub fn is_reboot(&self) -> bool {
        self.0 == Rule::Reboot
    }
}
