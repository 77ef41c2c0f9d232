//! What becomes of jobs that failed.

use crate::support::dice::Dice;
use alyx_schedule::{Failure, JobSoFar, MAX_AGE_MS, Next, Reason, RetryPolicy, after_crash, after_failure, delay_ms};

const FIRST: JobSoFar = JobSoFar { attempt: 1, conflicts: 0, age_ms: 0 };
const TRAP: Failure<'static> =
    Failure { sqlstate: "38000", non_retryable: false, retry_after_ms: None, cancelled: false };

/// With the default policy and no spread.
fn next(job: JobSoFar, failure: Failure<'_>) -> Next {
    after_failure(&job, &failure, &RetryPolicy::default(), 0.5)
}

fn dead(reason: Reason) -> Next {
    Next::Dead { reason }
}

#[test]
fn delays_double_up_to_the_longest() {
    let policy = RetryPolicy::default();
    let delays: Vec<u64> = (1..=14).map(|attempt| delay_ms(&policy, attempt, 0.5)).collect();
    assert_eq!(
        delays,
        [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600].map(|seconds: u64| seconds * 1_000)
    );
    let constant = RetryPolicy { exponential: false, base_ms: 7_000, ..policy };
    assert_eq!((delay_ms(&constant, 1, 0.5), delay_ms(&constant, 9, 0.5)), (7_000, 7_000));
}

#[test]
fn delays_are_spread_by_a_fifth() {
    let policy = RetryPolicy { base_ms: 10_000, ..RetryPolicy::default() };
    let delays = [0.0, 0.25, 0.5, 1.0].map(|random| delay_ms(&policy, 1, random));
    assert_eq!(delays, [8_000, 9_000, 10_000, 12_000]);
    assert_eq!([-1.0, 2.0, f64::NAN].map(|random| delay_ms(&policy, 1, random)), [8_000, 12_000, 10_000]);
    let mut dice = Dice(1);
    let some: Vec<u64> = (0..1_000).map(|_| delay_ms(&policy, 1, dice.part())).collect();
    let mean = some.iter().sum::<u64>() / 1_000;
    assert!(some.iter().all(|delay| (8_000..=12_000).contains(delay)) && (9_800..=10_200).contains(&mean), "{mean}");
}

#[test]
fn absurd_policies_do_not_overflow() {
    let policy = RetryPolicy { attempts: u32::MAX, exponential: true, base_ms: u64::MAX, max_ms: u64::MAX };
    for attempt in [0, 1, 2, 64, u32::MAX] {
        for random in [0.0, 0.5, 1.0] {
            assert!(delay_ms(&policy, attempt, random) > u64::MAX / 2);
        }
    }
    assert_eq!(delay_ms(&RetryPolicy { base_ms: 0, ..policy }, 5, 1.0), 0);
}

#[test]
fn a_failed_attempt_is_followed_by_another_until_the_last() {
    for (attempt, expected) in [
        (1, Next::RetryAfter { ms: 1_000 }),
        (2, Next::RetryAfter { ms: 2_000 }),
        (9, Next::RetryAfter { ms: 256_000 }),
        (10, dead(Reason::AttemptsExhausted)),
        (11, dead(Reason::AttemptsExhausted)),
    ] {
        assert_eq!(next(JobSoFar { attempt, ..FIRST }, TRAP), expected, "attempt {attempt}");
    }
    for attempts in [0, 1] {
        let policy = RetryPolicy { attempts, ..RetryPolicy::default() };
        assert_eq!(after_failure(&FIRST, &TRAP, &policy, 0.5), dead(Reason::AttemptsExhausted));
    }
}

#[test]
fn the_kind_of_failure_decides() {
    let later = Next::RetryAfter { ms: 1_000 };
    let hopeless = Failure { non_retryable: true, ..TRAP };
    let asked = Failure { retry_after_ms: Some(90_000), ..TRAP };
    for (what, failure, expected) in [
        ("a trap", TRAP, later),
        ("a timeout", Failure { sqlstate: "57014", ..TRAP }, later),
        ("a unique violation", Failure { sqlstate: "23505", ..TRAP }, later),
        ("a serialization failure", Failure { sqlstate: "40001", ..TRAP }, Next::RetryNow),
        ("a deadlock", Failure { sqlstate: "40P01", ..TRAP }, Next::RetryNow),
        ("a lock that was not to be had", Failure { sqlstate: "55P03", ..TRAP }, Next::RetryNow),
        ("another error of class 40", Failure { sqlstate: "40002", ..TRAP }, later),
        ("no such function", Failure { sqlstate: "42883", ..TRAP }, dead(Reason::NonRetryable)),
        ("not allowed", Failure { sqlstate: "42501", ..TRAP }, dead(Reason::NotAllowed)),
        ("the function gave up", hopeless, dead(Reason::NonRetryable)),
        ("the function gave up in a conflict", Failure { sqlstate: "40001", ..hopeless }, dead(Reason::NonRetryable)),
        ("a service is busy", asked, Next::RetryAfter { ms: 90_000 }),
        ("a service is busy, in a conflict", Failure { sqlstate: "40001", ..asked }, Next::RetryNow),
        ("cancelled", Failure { sqlstate: "57014", cancelled: true, ..TRAP }, dead(Reason::Cancelled)),
        ("cancelled, in a conflict", Failure { sqlstate: "40001", cancelled: true, ..asked }, dead(Reason::Cancelled)),
    ] {
        assert_eq!(next(FIRST, failure), expected, "{what}");
    }
}

#[test]
fn conflicts_are_free_five_times() {
    let conflict = Failure { sqlstate: "40001", ..TRAP };
    for conflicts in 0..5 {
        assert_eq!(next(JobSoFar { attempt: 10, conflicts, age_ms: 0 }, conflict), Next::RetryNow);
    }
    assert_eq!(next(JobSoFar { attempt: 3, conflicts: 5, age_ms: 0 }, conflict), Next::RetryAfter { ms: 4_000 });
    assert_eq!(next(JobSoFar { attempt: 10, conflicts: 5, age_ms: 0 }, conflict), dead(Reason::AttemptsExhausted));
}

#[test]
fn no_attempt_begins_after_three_days() {
    let at = |age_ms| next(JobSoFar { age_ms, ..FIRST }, TRAP);
    assert_eq!(at(MAX_AGE_MS - 1_000), Next::RetryAfter { ms: 1_000 });
    assert_eq!(at(MAX_AGE_MS - 999), dead(Reason::TooOld));
    assert_eq!(at(u64::MAX), dead(Reason::TooOld));
    assert_eq!(next(FIRST, Failure { retry_after_ms: Some(u64::MAX), ..TRAP }), dead(Reason::TooOld));
}

#[test]
fn the_third_crash_is_the_last() {
    let later = |ms| Next::RetryAfter { ms };
    let expected = [later(0), later(0), later(60_000), dead(Reason::Crashed), dead(Reason::Crashed)];
    assert_eq!([0, 1, 2, 3, u32::MAX].map(after_crash), expected);
}

#[test]
fn reasons_are_words_of_the_catalog() {
    let reasons = [
        (Reason::AttemptsExhausted, "attempts_exhausted"),
        (Reason::NonRetryable, "non_retryable"),
        (Reason::Cancelled, "cancelled"),
        (Reason::TooOld, "too_old"),
        (Reason::Crashed, "crashed"),
        (Reason::NotAllowed, "not_allowed"),
    ];
    assert!(reasons.iter().all(|(reason, word)| reason.as_str() == *word));
}

/// A job that always fails ends, whatever the failures are, within a bounded number of attempts.
#[test]
fn every_job_ends() {
    let states = ["40001", "40P01", "55P03", "38000", "57014", "23505"];
    let policy = RetryPolicy::default();
    for seed in 0..1_000 {
        let mut dice = Dice(seed);
        let mut job = FIRST;
        let mut tries = 1;
        loop {
            let sqlstate = states[usize::try_from(dice.below(6)).expect("small")];
            match after_failure(&job, &Failure { sqlstate, ..TRAP }, &policy, dice.part()) {
                Next::RetryNow => job.conflicts += 1,
                Next::RetryAfter { ms } => job = JobSoFar { attempt: job.attempt + 1, age_ms: job.age_ms + ms, ..job },
                Next::Dead { reason } => break assert_eq!(reason, Reason::AttemptsExhausted),
            }
            tries += 1;
        }
        assert!((10..=15).contains(&tries), "{tries}");
    }
}
