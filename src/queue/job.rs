//! What a job is, from making to running.

use crate::pg::Role;
use crate::record::InvocationId;

/// What made a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `fn_enqueue`.
    Queue,
    /// An asynchronous trigger.
    Database,
    /// A schedule.
    Schedule,
    /// A delivery from another service.
    Webhook,
}

impl Source {
    /// As the table stores it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Database => "database",
            Self::Schedule => "schedule",
            Self::Webhook => "webhook",
        }
    }

    pub(super) fn from_word(word: &str) -> Self {
        match word {
            "database" => Self::Database,
            "schedule" => Self::Schedule,
            "webhook" => Self::Webhook,
            _ => Self::Queue,
        }
    }
}

/// A job to be made.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its id; a new one when absent.
    pub id: Option<InvocationId>,
    /// The function it calls.
    pub function_id: i64,
    /// What makes it.
    pub source: Source,
    /// The role whose rights it will have.
    pub role: Role,
    /// `request.jwt.claims` when it is made.
    pub claims: Option<String>,
    /// JSON: the input, the event's database block, or the input and the block of the schedule or request.
    pub payload: String,
    /// When it may run, in microseconds since 1970; now when absent.
    pub run_at_us: Option<i64>,
    /// Higher is earlier: a point is worth a minute of waiting.
    pub priority: i32,
    /// Jobs of one function and key run one at a time.
    pub ordering_key: Option<String>,
    /// While a job of this key waits or runs, no other is made.
    pub dedupe_key: Option<String>,
    /// The schedule that makes it.
    pub schedule_id: Option<i64>,
}

/// Where a job stands among those of its function: microseconds since 1970, less a minute per point of priority.
pub(super) fn rank(run_at_us: i64, priority: i32) -> i64 {
    run_at_us.saturating_sub(i64::from(priority).saturating_mul(60_000_000))
}

/// A job that is being run.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id, the same in every attempt.
    pub id: InvocationId,
    /// The function it calls.
    pub function_id: i64,
    /// What made it.
    pub source: Source,
    /// The role it was made by.
    pub role: Role,
    /// `request.jwt.claims` when it was made.
    pub claims: Option<String>,
    /// See [`NewJob::payload`].
    pub payload: String,
    /// How many jobs stand between it and a statement of a client.
    pub depth: i32,
    /// This attempt, from 1.
    pub attempt: i32,
    /// Attempts that were not counted, for they only met a conflict.
    pub conflicts: i32,
    /// Milliseconds since it was made.
    pub age_ms: i64,
    /// The key that it holds until it is done.
    pub dedupe_key: Option<String>,
}
