//! How often, how many at once, how again, and what is written down: `log`, `concurrency`, `rate_limit`, `retry`.

use crate::field::Field;
use crate::fields::Fields;
use crate::{Backoff, Manifest, ManifestError, Retry, units};

/// Hint of every duration.
pub(super) const DURATIONS: &str = "Write a whole number with a unit: ms, s, m or h, as in 10s.";

const BACKOFF: &[(&str, Backoff)] = &[("exponential", Backoff::Exponential), ("fixed", Backoff::Fixed)];
const LONGEST_DELAY_MS: u64 = 7 * 86_400_000;

/// Fills in the job policies that the manifest gives.
pub(super) fn read(fields: &mut Fields, manifest: &mut Manifest) -> Result<(), ManifestError> {
    if let Some(field) = fields.take("log") {
        const VALID: &str =
            "Valid values are all, errors, off, and sample: with a share from 0 to 1, as in sample:0.1.";
        manifest.log = field.parsed(units::log_policy, VALID)?;
    }
    manifest.concurrency = fields.take("concurrency").map(|field| field.integer(1..=units::MAX_COUNT)).transpose()?;
    if let Some(field) = fields.take("rate_limit") {
        const VALID: &str = "Write a count of at least 1 per s, m or h, as in 100/s.";
        manifest.rate_limit = Some(field.parsed(units::rate, VALID)?);
    }
    manifest.retry = fields.take("retry").map(retry).transpose()?;
    Ok(())
}

fn retry(field: Field) -> Result<Retry, ManifestError> {
    let mut fields = field.fields("retry")?;
    fields.check_keys(&["attempts", "backoff", "base", "max"], |_| None)?;
    let mut retry = Retry::default();
    if let Some(field) = fields.take("attempts") {
        retry.attempts = field.integer(1..=1_000)?;
    }
    if let Some(field) = fields.take("backoff") {
        retry.backoff = field.choice(BACKOFF)?;
    }
    let base = fields.take("base");
    let max = fields.take("max");
    let last = max.as_ref().or(base.as_ref()).map_or(fields.at, |field| field.at);
    if let Some(field) = base {
        retry.base_ms = delay_ms(field)?;
    }
    match max {
        Some(field) => retry.max_ms = delay_ms(field)?,
        // A base above the default ceiling says that longer delays are wanted.
        None => retry.max_ms = retry.max_ms.max(retry.base_ms),
    }
    if retry.max_ms < retry.base_ms {
        return Err(last.error("\"max\" of retry must not be shorter than \"base\""));
    }
    Ok(retry)
}

fn delay_ms(field: Field) -> Result<u64, ManifestError> {
    field.quantity(units::duration_ms, 1..=LONGEST_DELAY_MS, "between 1ms and 168h", DURATIONS)
}
