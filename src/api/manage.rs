//! What happens to a function after its first deploy: rollback, environment, drop; and what this installation is.

use serde_json::json;

use super::functions::Roles;
use super::{deploy, parse_manifest, reply, required};
use crate::catalog::{self, Transaction};
use crate::error::Error;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{Call, PgError, Reply, current_role};
use crate::queue;

/// `_rollback(name text, version int)` → `{function, version}`.
pub(super) fn rollback(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let name = required(call, 0, "name")?;
    catalog::require_owned(&name)?;
    let (transaction, deployed) = Transaction::begin(&name)?;
    let Some(deployed) = deployed else { return Err(Error::UnknownFunction(name).into()) };
    let version = match call.int4(1) {
        Some(version) => version,
        None => transaction
            .version_before(deployed.version)?
            .ok_or_else(|| Error::UnknownVersion { name: name.clone(), version: deployed.version - 1 })?,
    };
    let stored = transaction.version(version)?;
    if version != deployed.version {
        let manifest = parse_manifest(stored.manifest.as_deref())?;
        super::hooks::check(&manifest)?;
        let roles = Roles { owner: deployed.owner, deployer: current_role(), is_first: false };
        let schema = manifest.schema.clone().unwrap_or(deployed.schema);
        transaction.set_current(version, &schema)?;
        deploy::make_current(&name, &schema, &manifest, &stored, &roles, transaction)?;
    }
    reply(&json!({ "function": name, "version": version }))
}

/// `_drop(name text, cascade boolean)`: the SQL functions go as the caller, so dependencies speak for themselves.
pub(super) fn drop(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let name = required(call, 0, "name")?;
    let cascade = call.scalar(1, crate::pg::Scalar::Bool).is_some_and(|bits| bits != 0);
    let function = catalog::require_owned(&name)?;
    let (transaction, _) = Transaction::begin(&name)?;
    let rows = spi::query(include_str!("../../sql/queries/bound_functions.sql"), &[Param::Text(Some(&name))])?;
    let signatures: Vec<String> =
        rows.into_iter().filter_map(|row| row.into_iter().next().and_then(Cell::some)).collect();
    if !signatures.is_empty() {
        let how = if cascade { "CASCADE" } else { "RESTRICT" };
        spi::run(&format!("DROP ROUTINE {} {how}", signatures.join(", ")), &[]).map_err(|mut error| {
            if error.sqlstate == crate::pg::SqlState::new(b"2BP01") {
                error.hint = Some(format!("Use fn_drop('{name}', cascade => true) to drop the dependent objects too."));
            }
            error
        })?;
    }
    queue::bury_function(function.id, Some(&name))?;
    transaction.delete(function.id)?;
    transaction.announce()?;
    Ok(Reply::NULL)
}

/// `_set_env(name text, key text, value text)`.
pub(super) fn set_env(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let name = required(call, 0, "name")?;
    let key = required(call, 1, "key")?;
    let value = call.text(2)?;
    let is_good =
        key.bytes().enumerate().all(|(i, b)| b.is_ascii_alphabetic() || b == b'_' || i > 0 && b.is_ascii_digit());
    if key.is_empty() || !is_good {
        return Err(Error::InvalidArgument {
            message: format!("invalid environment key \"{key}\""),
            hint: Some("A key has letters, digits and \"_\", and does not start with a digit.".to_owned()),
        }
        .into());
    }
    catalog::require_owned(&name)?;
    let (transaction, _) = Transaction::begin(&name)?;
    transaction.set_env(&key, value.as_deref())?;
    transaction.announce()?;
    Ok(Reply::NULL)
}

/// `_version()` → `{extension, wasmtime, abi}`.
pub(super) fn version(_call: &mut Call<'_>) -> Result<Reply, PgError> {
    reply(&json!({
        "extension": env!("CARGO_PKG_VERSION"),
        "wasmtime": env!("ALYX_WASMTIME_VERSION"),
        "abi": "extism 1",
    }))
}

/// `_owned(name text)` → the name, or an error when it is not the caller's.
pub(super) fn owned(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let name = required(call, 0, "name")?;
    catalog::require_owned(&name)?;
    Reply::text(&name)
}
