//! `fn_schedule`, `fn_unschedule`, `fn_cron_next`, and the schedules of a manifest.

use alyx_manifest::{Hook, Manifest, ScheduleHook};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::hooks::require_workers;
use super::{reply, required};
use crate::catalog;
use crate::error::Error;
use crate::invoke::check_input;
use crate::pg::{Call, PgError, Reply, Role, TypeId, current_role};
use crate::queue::{self, NewSchedule};

/// Most instants that a preview shows.
const MAX_PREVIEW: i32 = 10_000;

/// `_schedule(name text, cron text, timezone text, options jsonb)` → `{id}`.
pub(super) fn schedule(call: &mut Call<'_>) -> Result<Reply, PgError> {
    #[derive(Deserialize)]
    struct Options<'a> {
        #[serde(borrow)]
        input: &'a RawValue,
        overlap: Option<String>,
        missed: Option<String>,
    }
    let (name, cron) = (required(call, 0, "name")?, required(call, 1, "cron")?);
    let timezone = required(call, 2, "timezone")?;
    let mut options = Vec::new();
    call.bytes(3, TypeId::JSONB, &mut options)?;
    let options: Options<'_> = serde_json::from_slice(&options)
        .map_err(|error| Error::InvalidArgument { message: error.to_string(), hint: None })?;
    let function = catalog::require_owned(&name)?;
    require_workers("schedules")?;
    check_input(&function, options.input.get().as_bytes())?;
    let id = queue::add_schedule(&NewSchedule {
        function_id: function.id,
        role: current_role(),
        hook: None,
        cron: &cron,
        timezone: &timezone,
        input: options.input.get(),
        overlap: options.overlap.as_deref().unwrap_or("skip"),
        missed: options.missed.as_deref().unwrap_or("once"),
    })?;
    reply(&json!({ "id": id }))
}

/// `_unschedule(id bigint)` → `{dropped}`.
pub(super) fn unschedule(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let Some(id) = call.int8(0) else { return reply(&json!({ "dropped": 0 })) };
    let Some((owner, name)) = queue::schedule_owner(id)? else { return reply(&json!({ "dropped": 0 })) };
    if !current_role().has_rights_of(owner) {
        return Err(Error::NotAllowed {
            message: format!("must be owner of function \"{name}\""),
            hint: Some(format!("It belongs to role \"{}\".", owner.name())),
        }
        .into());
    }
    queue::remove_schedule(id)?;
    reply(&json!({ "dropped": 1 }))
}

/// `_cron_next(cron text, timezone text, after timestamptz, count int)` → seconds since 1970.
pub(super) fn cron_next(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let (cron, timezone) = (required(call, 0, "cron")?, required(call, 1, "timezone")?);
    let Some(after_s) = call.int8(2) else {
        return Err(
            Error::InvalidArgument { message: "argument \"after\" must be a time".to_owned(), hint: None }.into()
        );
    };
    let count = call.int4(3).unwrap_or(5);
    if !(0..=MAX_PREVIEW).contains(&count) {
        return Err(Error::InvalidArgument {
            message: format!("argument \"count\" must be from 0 to {MAX_PREVIEW}"),
            hint: None,
        }
        .into());
    }
    let times = queue::preview(&cron, &timezone, after_s, usize::try_from(count).unwrap_or(0))?;
    reply(&Value::from(times))
}

/// Makes a function's schedules those of its manifest, with the current role's rights: its owner's.
pub(super) fn reconcile(function_id: i64, manifest: &Manifest, role: Role) -> Result<(), PgError> {
    let wanted: Vec<(usize, &ScheduleHook, String)> = manifest
        .hooks
        .iter()
        .enumerate()
        .filter_map(|(at, hook)| match hook {
            Hook::Schedule(hook) => Some((at, hook, hook.input.to_string())),
            _ => None,
        })
        .collect();
    let wanted: Vec<NewSchedule<'_>> = wanted
        .iter()
        .map(|(at, hook, input)| NewSchedule {
            function_id,
            role,
            hook: i32::try_from(at + 1).ok(),
            cron: &hook.cron,
            timezone: &hook.timezone,
            input,
            overlap: match hook.overlap {
                alyx_manifest::Overlap::Skip => "skip",
                alyx_manifest::Overlap::Queue => "queue",
                alyx_manifest::Overlap::Allow => "allow",
            },
            missed: match hook.missed {
                alyx_manifest::Missed::Once => "once",
                alyx_manifest::Missed::Skip => "skip",
                alyx_manifest::Missed::All => "all",
            },
        })
        .collect();
    queue::reconcile_schedules(function_id, &wanted)
}
