//! The Gregorian calendar in whole days. Numbers are `i64` throughout, so that nothing here needs a cast.

/// Seconds of a local day. Local time is counted as if it were UTC, so every local day has as many.
pub(crate) const DAY_S: i64 = 86_400;

/// Days after which dates fall on the same weekdays again: 400 years, 20 871 weeks.
pub(crate) const CYCLE_DAYS: i64 = 146_097;

/// A date, with its number as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub number: i64,
    year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

impl Date {
    /// The date with this number. Years are counted from March, so that the leap day comes last and months follow a line.
    pub(crate) fn of(number: i64) -> Self {
        let since_march_0000 = number + 719_468;
        let (cycle, day_of_cycle) = (since_march_0000.div_euclid(CYCLE_DAYS), since_march_0000.rem_euclid(CYCLE_DAYS));
        let year_of_cycle =
            (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
        let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        Self { number, year: 400 * cycle + year_of_cycle + i64::from(month <= 2), month, day }
    }

    pub(crate) fn tomorrow(self) -> Self {
        if self.day < self.days_in_month() {
            Self { number: self.number + 1, day: self.day + 1, ..self }
        } else {
            self.next_month()
        }
    }

    /// The first day of the next month.
    pub(crate) fn next_month(self) -> Self {
        let number = self.number + self.days_in_month() - self.day + 1;
        let (year, month) = if self.month == 12 { (self.year + 1, 1) } else { (self.year, self.month + 1) };
        Self { number, year, month, day: 1 }
    }

    pub(crate) fn days_in_month(self) -> i64 {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        match self.month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// 0 is Sunday, 6 is Saturday. 1970-01-01 was a Thursday.
    pub(crate) fn weekday(self) -> i64 {
        (self.number + 4).rem_euclid(7)
    }
}
