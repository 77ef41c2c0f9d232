//! Durations and sizes as people write them: `10s`, `8mb`; the same units as in manifests.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// A duration: digits and `ms`, `s`, `m` or `h`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

/// A size in bytes: digits and nothing, `kb`, `mb` or `gb`, by 1024.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Size(pub usize);

fn split(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no duration: write 500ms, 10s, 5m or 1h");
        let (digits, unit) = split(text.trim());
        let ms_per_unit: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        let ms = digits.parse().ok().and_then(|count: u64| count.checked_mul(ms_per_unit)).ok_or_else(wrong)?;
        if (1..=7 * 24 * 3_600_000).contains(&ms) {
            Ok(Self(Duration::from_millis(ms)))
        } else {
            Err(format!("\"{text}\" is not between 1ms and a week"))
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no size: write 1000, 64kb, 8mb or 1gb");
        let (digits, unit) = split(text.trim());
        let bytes_per_unit: usize = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kb" => 1 << 10,
            "mb" => 1 << 20,
            "gb" => 1 << 30,
            _ => return Err(wrong()),
        };
        digits.parse().ok().and_then(|count: usize| count.checked_mul(bytes_per_unit)).map(Self).ok_or_else(wrong)
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::{Size, Span};

    #[test]
    fn units_are_those_of_manifests() {
        let ms = |text: &str| text.parse::<Span>().map(|span| span.0.as_millis());
        assert_eq!((ms("500ms"), ms("10s"), ms("5m"), ms("1h")), (Ok(500), Ok(10_000), Ok(300_000), Ok(3_600_000)));
        let bytes = |text: &str| text.parse::<Size>().map(|size| size.0);
        assert_eq!(
            (bytes("12"), bytes("64kb"), bytes("8MB"), bytes("1gb")),
            (Ok(12), Ok(65_536), Ok(8 << 20), Ok(1 << 30))
        );
        for wrong in ["", "10", "s", "-1s", "0s", "1.5s", "9999999999999999999s", "8d", "169h"] {
            assert!(ms(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "mb", "-1", "1tb", "99999999999999999999", "9999999999gb1"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
