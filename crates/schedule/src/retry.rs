//! What becomes of a job after an attempt that did not succeed.

/// How often and how fast attempts follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; 0 means the same as 1.
    pub attempts: u32,
    /// Whether the delay doubles with each attempt; else it stays at `base_ms`.
    pub exponential: bool,
    /// Delay after the first attempt.
    pub base_ms: u64,
    /// Longest delay, before it is spread.
    pub max_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 10, exponential: true, base_ms: 1_000, max_ms: 3_600_000 }
    }
}

/// Uncounted retries that a job gets after conflicts with other transactions.
pub const MAX_CONFLICTS: u32 = 5;

/// Age at which a job is given up: three days.
pub const MAX_AGE_MS: u64 = 3 * 86_400_000;

/// Delay after the second attempt that ended with the server.
pub const CRASH_DELAY_MS: u64 = 60_000;

/// Attempts that may end with the server before the job is given up.
pub const MAX_CRASHES: u32 = 3;

/// The delay after attempt number `attempt`, counted from 1: `base_ms` doubled each time, at most `max_ms`, then spread
/// by up to 20 % either way, so that jobs which failed together do not come back together. `random` is from 0 to 1.
#[must_use]
pub fn delay_ms(policy: &RetryPolicy, attempt: u32, random: f64) -> u64 {
    let doublings = if policy.exponential { attempt.saturating_sub(1) } else { 0 };
    let delay_ms = policy.base_ms.saturating_mul(2_u64.saturating_pow(doublings)).min(policy.max_ms);
    let fifth = delay_ms / 5;
    (delay_ms - fifth).saturating_add(part_of(fifth.saturating_mul(2), random))
}

/// `random` times `whole`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the factor is clamped to 0..=1 and floats saturate, so the product lies between 0 and u64::MAX"
)]
fn part_of(whole: u64, random: f64) -> u64 {
    let factor = if random.is_nan() { 0.5 } else { random.clamp(0.0, 1.0) };
    (whole as f64 * factor) as u64
}

/// How an attempt failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failure<'a> {
    /// The error's SQLSTATE.
    pub sqlstate: &'a str,
    /// Whether the function said that another attempt is of no use.
    pub non_retryable: bool,
    /// The delay that the function, or a service it called, asked for.
    pub retry_after_ms: Option<u64>,
    /// Whether somebody cancelled the job.
    pub cancelled: bool,
}

/// The attempts that a job has behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSoFar {
    /// Number of the attempt that just failed, from 1.
    pub attempt: u32,
    /// Uncounted retries so far.
    pub conflicts: u32,
    /// Time since the job first could run.
    pub age_ms: u64,
}

/// What happens to a job next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The same attempt again, at once: it met another transaction and is not to blame.
    RetryNow,
    /// Another attempt, later.
    RetryAfter {
        /// Delay from now.
        ms: u64,
    },
    /// None; the job is kept among the dead.
    Dead {
        /// Why.
        reason: Reason,
    },
}

/// Why a job is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The last attempt of its policy failed.
    AttemptsExhausted,
    /// The function, or what it said, cannot succeed later either.
    NonRetryable,
    /// Somebody cancelled it.
    Cancelled,
    /// Its next attempt would begin after [`MAX_AGE_MS`].
    TooOld,
    /// The server went down with it [`MAX_CRASHES`] times.
    Crashed,
    /// Its role lacks a right.
    NotAllowed,
}

impl Reason {
    /// The reason as the catalog keeps it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::NonRetryable => "non_retryable",
            Self::Cancelled => "cancelled",
            Self::TooOld => "too_old",
            Self::Crashed => "crashed",
            Self::NotAllowed => "not_allowed",
        }
    }
}

/// What a SQLSTATE says about trying again.
fn verdict(sqlstate: &str) -> Verdict {
    match sqlstate {
        // serialization_failure, deadlock_detected, lock_not_available
        "40001" | "40P01" | "55P03" => Verdict::Conflict,
        // undefined_function
        "42883" => Verdict::Hopeless(Reason::NonRetryable),
        // insufficient_privilege
        "42501" => Verdict::Hopeless(Reason::NotAllowed),
        _ => Verdict::Retryable,
    }
}

enum Verdict {
    Conflict,
    Hopeless(Reason),
    Retryable,
}

/// Decides what becomes of a job whose attempt failed. `random` is from 0 to 1.
#[must_use]
pub fn after_failure(job: &JobSoFar, failure: &Failure<'_>, policy: &RetryPolicy, random: f64) -> Next {
    let dead = |reason| Next::Dead { reason };
    if failure.cancelled {
        return dead(Reason::Cancelled);
    }
    match verdict(failure.sqlstate) {
        Verdict::Hopeless(reason) => return dead(reason),
        _ if failure.non_retryable => return dead(Reason::NonRetryable),
        Verdict::Conflict if job.conflicts < MAX_CONFLICTS => return Next::RetryNow,
        Verdict::Conflict | Verdict::Retryable => {}
    }
    if job.attempt >= policy.attempts {
        return dead(Reason::AttemptsExhausted);
    }
    let ms = failure.retry_after_ms.unwrap_or_else(|| delay_ms(policy, job.attempt, random));
    if job.age_ms.saturating_add(ms) > MAX_AGE_MS { dead(Reason::TooOld) } else { Next::RetryAfter { ms } }
}

/// Decides what becomes of a job that was running when the server went down, for the `crashes`-th time, counted from 1.
#[must_use]
pub fn after_crash(crashes: u32) -> Next {
    match crashes {
        0 | 1 => Next::RetryAfter { ms: 0 },
        MAX_CRASHES.. => Next::Dead { reason: Reason::Crashed },
        _ => Next::RetryAfter { ms: CRASH_DELAY_MS },
    }
}
