//! `fn_enqueue`, `fn_cancel`, `fn_replay`, `fn_discard`, `fn_pause`, `fn_resume`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{reply, required};
use crate::catalog::{self, Transaction};
use crate::error::Error;
use crate::invoke;
use crate::pg::{Call, PgError, Reply, Role, Scalar, TypeId, backend, current_role, shmem};
use crate::queue::{self, Replay};
use crate::record::InvocationId;

/// `_enqueue(name text, input jsonb, options jsonb)` → `{id}`.
pub(super) fn enqueue(call: &mut Call<'_>) -> Result<Reply, PgError> {
    #[derive(Deserialize)]
    struct Options {
        run_at_us: Option<i64>,
        is_endless: Option<bool>,
        priority: Option<i32>,
        ordering_key: Option<String>,
        dedupe_key: Option<String>,
    }
    let name = required(call, 0, "name")?;
    let mut input = Vec::new();
    if !call.bytes(1, TypeId::JSONB, &mut input)? {
        input.extend_from_slice(b"null");
    }
    let mut options = Vec::new();
    call.bytes(2, TypeId::JSONB, &mut options)?;
    let options: Options = serde_json::from_slice(&options)
        .map_err(|error| Error::InvalidArgument { message: error.to_string(), hint: None })?;
    if options.is_endless == Some(true) {
        return Err(
            Error::InvalidArgument { message: "argument \"run_at\" must be finite".to_owned(), hint: None }.into()
        );
    }
    let order = invoke::Order {
        run_at_us: options.run_at_us,
        priority: options.priority.unwrap_or(0),
        ordering_key: options.ordering_key,
        dedupe_key: options.dedupe_key,
    };
    let id = invoke::enqueue(&name, &String::from_utf8_lossy(&input), order, current_role())?;
    reply(&json!({ "id": id.to_string() }))
}

/// `_job(action text, job text, since timestamptz)` → `{count}`.
pub(super) fn job(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let action = required(call, 0, "action")?;
    let job = required(call, 1, "job")?;
    let count = match action.as_str() {
        "cancel" => usize::from(cancel(&job)?),
        "discard" => usize::from(discard(&job)?),
        _ => replay(call, &job)?,
    };
    reply(&json!({ "count": count }))
}

fn parse(job: &str) -> Result<InvocationId, PgError> {
    job.parse().map_err(|()| {
        Error::InvalidArgument { message: format!("\"{job}\" is not the id of a job"), hint: None }.into()
    })
}

/// Refuses everyone but the owner of the job's function and, where `also` is given, that role.
fn require(owner: Option<Role>, also: Option<Role>) -> Result<(), PgError> {
    let role = current_role();
    let is_allowed = [owner, also].into_iter().flatten().any(|allowed| role.has_rights_of(allowed));
    if is_allowed || owner.is_none() && role.is_superuser() {
        return Ok(());
    }
    Err(Error::NotAllowed {
        message: "must be owner of the job's function".to_owned(),
        hint: owner.map(|owner| format!("It belongs to role \"{}\".", owner.name())),
    }
    .into())
}

fn cancel(job: &str) -> Result<bool, PgError> {
    let id = parse(job)?;
    let Some(found) = queue::find(&id)? else { return Ok(false) };
    require(found.owner, Some(found.role))?;
    if found.is_dead {
        return Ok(false);
    }
    // Running: its worker stops it and writes what became of it. Else the row goes, also when a worker has yet to begin.
    // Between the two looks it may have been begun, or have gone to another worker.
    for _ in 0..5 {
        if queue::stop_running(shmem::database_id(), &id) || queue::cancel(&id)? {
            return Ok(true);
        }
        if queue::find(&id)?.is_none_or(|found| found.is_dead) {
            break;
        }
    }
    Ok(false)
}

fn discard(job: &str) -> Result<bool, PgError> {
    let id = parse(job)?;
    match queue::find(&id)? {
        Some(found) if found.is_dead => {
            require(found.owner, None)?;
            queue::discard(&id)
        }
        _ => Ok(false),
    }
}

fn replay(call: &Call<'_>, job: &str) -> Result<usize, PgError> {
    if let Some(id) = job.parse::<InvocationId>().ok().filter(|_| catalog::find(job).is_err()) {
        return match queue::find(&id)? {
            Some(found) if found.is_dead => {
                require(found.owner, None)?;
                queue::replay(Replay::Job(&id))
            }
            _ => Ok(0),
        };
    }
    let function = catalog::require_owned(job)?;
    let since = call.text(2)?.unwrap_or_else(|| "-infinity".to_owned());
    queue::replay(Replay::Function(function.id, &since))
}

/// `_as_jsonb(text)` → jsonb: one job whose input jsonb cannot hold (`\u0000`, a number out of range) must not hide all others.
pub(super) fn as_jsonb(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let text = call.text(0)?.unwrap_or_default();
    Reply::json(text.as_bytes(), TypeId::JSONB).or_else(|_| reply(&Value::String(text)))
}

/// `_pause(name text, paused boolean)`.
pub(super) fn pause(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let name = required(call, 0, "name")?;
    let paused = call.scalar(1, Scalar::Bool).is_some_and(|bits| bits != 0);
    catalog::require_owned(&name)?;
    let (transaction, _) = Transaction::begin(&name)?;
    transaction.set_paused(paused)?;
    transaction.announce()?;
    queue::announce_time();
    reply(&Value::Null)
}

/// `_installed()`: at the end of CREATE EXTENSION and of every update.
pub(super) fn installed(_call: &mut Call<'_>) -> Result<Reply, PgError> {
    queue::poke_at_commit(backend::restores_dump());
    Ok(Reply::NULL)
}

/// `_adopt_copy()` → whether this was a copy, whose jobs and schedules run here from now on. Who may is said by EXECUTE.
pub(super) fn adopt_copy(_call: &mut Call<'_>) -> Result<Reply, PgError> {
    let found = queue::waiting()?;
    queue::settle_in(true, 0)?;
    queue::announce_time();
    Ok(Reply::boolean(found.is_some()))
}
