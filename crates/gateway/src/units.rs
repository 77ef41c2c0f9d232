//! Durations and sizes as people write them: `10s`, `8mb`; the same units as in manifests.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use alyx_manifest::{duration_ms, size_bytes};
use serde::Deserialize;

/// A duration: digits and `ms`, `s`, `m` or `h`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

/// A size in bytes: digits and nothing, `kb`, `mb` or `gb`, by 1024.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Size(pub usize);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no duration: write 500ms, 10s, 5m or 1h");
        let ms = duration_ms(text.trim()).ok_or_else(wrong)?;
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
        // A number alone is bytes.
        let bytes = text.trim().parse().ok().or_else(|| size_bytes(text.trim()));
        bytes.and_then(|bytes: u64| usize::try_from(bytes).ok()).map(Self).ok_or_else(wrong)
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
