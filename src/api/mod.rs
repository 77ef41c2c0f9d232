//! The SQL entry points, one file per noun. They read arguments, ask whether the role may, and hand over; the public
//! functions in sql/api.sql wrap them.

mod attach;
mod check;
mod deploy;
mod doctor;
mod functions;
mod hooks;
mod http;
mod invoke;
mod jobs;
mod manage;
mod records;
mod schedules;
mod secrets;

use alyx_manifest::Manifest;
use serde_json::Value;

use crate::error::Error;
use crate::pg::{Call, PgError, Reply, TypeId, spi};

crate::entry!(alyx_deploy, pg_finfo_alyx_deploy, deploy::deploy);
crate::entry!(alyx_check, pg_finfo_alyx_check, check::check);
crate::entry!(alyx_rollback, pg_finfo_alyx_rollback, manage::rollback);
crate::entry!(alyx_drop, pg_finfo_alyx_drop, manage::drop);
crate::entry!(alyx_set_env, pg_finfo_alyx_set_env, manage::set_env);
crate::entry!(alyx_surroundings, pg_finfo_alyx_surroundings, doctor::surroundings);
crate::entry!(alyx_version, pg_finfo_alyx_version, manage::version);
crate::entry!(alyx_owned, pg_finfo_alyx_owned, manage::owned);
crate::entry!(alyx_attach, pg_finfo_alyx_attach, attach::attach);
crate::entry!(alyx_detach, pg_finfo_alyx_detach, attach::detach);
crate::entry!(alyx_enqueue, pg_finfo_alyx_enqueue, jobs::enqueue);
crate::entry!(alyx_job, pg_finfo_alyx_job, jobs::job);
crate::entry!(alyx_as_jsonb, pg_finfo_alyx_as_jsonb, jobs::as_jsonb);
crate::entry!(alyx_pause, pg_finfo_alyx_pause, jobs::pause);
crate::entry!(alyx_adopt_copy, pg_finfo_alyx_adopt_copy, jobs::adopt_copy);
crate::entry!(alyx_installed, pg_finfo_alyx_installed, jobs::installed);
crate::entry!(alyx_schedule, pg_finfo_alyx_schedule, schedules::schedule);
crate::entry!(alyx_unschedule, pg_finfo_alyx_unschedule, schedules::unschedule);
crate::entry!(alyx_cron_next, pg_finfo_alyx_cron_next, schedules::cron_next);
crate::entry!(alyx_invoke, pg_finfo_alyx_invoke, invoke::invoke);
crate::entry!(alyx_set_secret, pg_finfo_alyx_set_secret, secrets::set);
crate::entry!(alyx_grant_secret, pg_finfo_alyx_grant_secret, secrets::grant);
crate::entry!(alyx_rotate_secret_key, pg_finfo_alyx_rotate_secret_key, secrets::rotate);
crate::entry!(alyx_http_call, pg_finfo_alyx_http_call, http::call);
crate::entry!(alyx_http_assume, pg_finfo_alyx_http_assume, http::assume);
crate::entry!(alyx_http_deliver, pg_finfo_alyx_http_deliver, http::deliver);
crate::entry!(alyx_http_functions, pg_finfo_alyx_http_functions, http::list);
crate::entry!(alyx_read_statistics, pg_finfo_alyx_read_statistics, records::statistics);
crate::entry!(alyx_read_minutes, pg_finfo_alyx_read_minutes, records::minutes);

/// A result as jsonb.
fn reply(value: &Value) -> Result<Reply, PgError> {
    Reply::json(value.to_string().as_bytes(), TypeId::JSONB)
}

/// An argument that must not be NULL.
fn required(call: &Call<'_>, index: usize, name: &str) -> Result<String, PgError> {
    call.text(index)?.ok_or_else(|| {
        Error::InvalidArgument { message: format!("argument \"{name}\" must not be null"), hint: None }.into()
    })
}

/// Refuses roles that may not spend the server's resources on modules.
fn require_language_usage() -> Result<(), PgError> {
    let rows = spi::query(include_str!("../../sql/queries/may_deploy.sql"), &[])?;
    if rows.first().and_then(|row| row.first()).is_some_and(spi::Cell::is_true) {
        return Ok(());
    }
    Err(Error::NotAllowed {
        message: "permission denied for language wasm".to_owned(),
        hint: Some("Deploying takes GRANT USAGE ON LANGUAGE wasm, from the owner of the extension.".to_owned()),
    }
    .into())
}

fn parse_manifest(text: Option<&str>) -> Result<Manifest, PgError> {
    match text {
        Some(text) => Ok(alyx_manifest::parse(text).map_err(Error::from)?),
        None => Ok(Manifest::default()),
    }
}
