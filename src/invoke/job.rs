//! The entrance of jobs: a row of the queue becomes an event, and whatever comes out is nobody's.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Entrance, Event, Input, Scope, Target, bytes};
use crate::catalog::Function;
use crate::error::Error;
use crate::pg::PgError;
use crate::queue::{Job, Source};
use crate::record::{Occasion, Trigger};

/// The payload of a job that a schedule or a webhook made.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    input: &'a RawValue,
    #[serde(borrow, alias = "schedule", alias = "http")]
    block: &'a RawValue,
}

/// Runs a job as the current role.
///
/// # Errors
/// What the invocation ends with.
pub fn job(function: &Rc<Function>, job: &Job) -> Result<(), PgError> {
    let target = Target::of_function(function)?;
    let attempt = u16::try_from(job.attempt).unwrap_or(u16::MAX);
    let (trigger, input, block) = match job.source {
        Source::Queue => (Trigger::Queue, job.payload.as_str(), ""),
        Source::Database => (Trigger::Database, "null", job.payload.as_str()),
        Source::Schedule | Source::Webhook => {
            let parts: Parts<'_> = serde_json::from_str(&job.payload)
                .map_err(|error| Error::Internal(format!("payload of a job: {error}")))?;
            let trigger = if job.source == Source::Schedule { Trigger::Schedule } else { Trigger::Webhook };
            (trigger, parts.input.get(), parts.block.get())
        }
    };
    let mut event = Vec::with_capacity(512 + job.payload.len());
    let writer = Event { id: job.id, function, trigger, role: job.role, input, attempt };
    writer.write(&mut event, |out| {
        out.extend_from_slice(block.as_bytes());
        Ok(())
    })?;
    let occasion = Occasion { trigger, id: Some(job.id), attempt };
    let given = match job.source {
        Source::Database => Input::Change(&event),
        Source::Queue | Source::Schedule | Source::Webhook => Input::Event { event: &event, input: input.as_bytes() },
    };
    bytes(&target, given, Entrance { scope: Scope::default(), occasion, is_kept: true }, |_| Ok(()))
}
