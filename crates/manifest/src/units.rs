//! Numbers with a unit: durations, sizes, rates and shares. Text in, number out.
//! It must not know which key a value came from, nor what is a sensible amount.

use crate::{LogPolicy, RateLimit};

/// Largest count of anything: what PostgreSQL's `integer` holds.
pub(crate) const MAX_COUNT: u32 = i32::MAX.unsigned_abs();

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Milliseconds of `250ms`, `10s`, `5m` or `1h`.
#[must_use]
pub fn duration_ms(text: &str) -> Option<u64> {
    let (count, unit) = split(text)?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => SECOND_MS,
        "m" => MINUTE_MS,
        "h" => HOUR_MS,
        _ => return None,
    };
    count.checked_mul(unit_ms)
}

/// Bytes of `65536b`, `64kb`, `128MB` or `4gb`; 1kb is 1024 bytes.
#[must_use]
pub fn size_bytes(text: &str) -> Option<u64> {
    let (count, unit) = split(text)?;
    let unit_bytes = match unit.to_ascii_lowercase().as_str() {
        "b" => 1,
        "kb" => 1 << 10,
        "mb" => 1 << 20,
        "gb" => 1 << 30,
        _ => return None,
    };
    count.checked_mul(unit_bytes)
}

/// `100/s`, `30/m` or `5/h`; the count is 1 to [`MAX_COUNT`].
pub(crate) fn rate(text: &str) -> Option<RateLimit> {
    let (count, per) = text.split_once('/')?;
    let per_ms = match per {
        "s" => SECOND_MS,
        "m" => MINUTE_MS,
        "h" => HOUR_MS,
        _ => return None,
    };
    let count = u32::try_from(digits(count)?).ok().filter(|count| (1..=MAX_COUNT).contains(count))?;
    Some(RateLimit { count, per_ms })
}

/// `all`, `errors`, `off`, or `sample:` and a share from 0 to 1.
pub(crate) fn log_policy(text: &str) -> Option<LogPolicy> {
    match text {
        "all" => Some(LogPolicy::All),
        "errors" => Some(LogPolicy::Errors),
        "off" => Some(LogPolicy::Off),
        _ => share(text.strip_prefix("sample:")?).map(LogPolicy::Sample),
    }
}

/// A decimal fraction from 0 to 1, without sign or exponent, which `f64` would take too.
fn share(text: &str) -> Option<f64> {
    let plain = text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let share: f64 = if plain { text.parse().ok()? } else { return None };
    (0.0..=1.0).contains(&share).then_some(share)
}

/// The number in front and the letters after it.
fn split(text: &str) -> Option<(u64, &str)> {
    let (count, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    Some((digits(count)?, unit))
}

/// Digits and nothing else; `parse` alone would take `+5`.
fn digits(text: &str) -> Option<u64> {
    let all = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::{duration_ms, log_policy, rate, size_bytes};
    use crate::{LogPolicy, RateLimit};

    #[test]
    fn durations() {
        for (text, ms) in
            [("250ms", 250), ("10s", 10_000), ("5m", 300_000), ("24h", 86_400_000), ("0s", 0), ("007s", 7_000)]
        {
            assert_eq!(duration_ms(text), Some(ms), "{text}");
        }
        for text in ["", "s", "10", "10 s", "1.5s", "-1s", "+1s", "1d", "1S", "10sec", "99999999999999999999s", "1é"] {
            assert_eq!(duration_ms(text), None, "{text}");
        }
        assert_eq!(duration_ms(&format!("{}h", u64::MAX)), None);
    }

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("65536b", 65_536), ("64kb", 65_536), ("128MB", 128 << 20), ("4Gb", 4 << 30), ("1mB", 1 << 20)]
        {
            assert_eq!(size_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "mb", "128", "128m", "128mib", "1.5gb", "-1b", "1 kb", "18446744073709551615gb"] {
            assert_eq!(size_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("100/s"), Some(RateLimit { count: 100, per_ms: 1_000 }));
        assert_eq!(rate("1/m"), Some(RateLimit { count: 1, per_ms: 60_000 }));
        assert_eq!(rate("5/h"), Some(RateLimit { count: 5, per_ms: 3_600_000 }));
        for text in ["", "100", "0/s", "/s", "100/", "100/d", "1.5/s", "-1/s", "2147483648/s", "4294967297/s", "1/s/s"]
        {
            assert_eq!(rate(text), None, "{text}");
        }
    }

    #[test]
    fn log_policies() {
        assert_eq!(log_policy("sample:0.1"), Some(LogPolicy::Sample(0.1)));
        assert_eq!(log_policy("sample:1"), Some(LogPolicy::Sample(1.0)));
        assert_eq!(log_policy("off"), Some(LogPolicy::Off));
        for text in ["", "none", "sample", "sample:", "sample:1.1", "sample:-0.1", "sample:nan", "sample:1e-1", "ALL"] {
            assert_eq!(log_policy(text), None, "{text}");
        }
    }
}
