//! `fn_deploy`: one transaction that checks, compiles, stores a version, makes SQL functions and reconciles hooks.

use alyx_manifest::Manifest;
use alyx_runtime::{CheckedModule, Sha256};
use serde_json::json;

use super::functions::Roles;
use super::{functions, hooks, parse_manifest, reply, require_language_usage, required, secrets};
use crate::catalog::{Deployed, Stored, Transaction};
use crate::error::Error;
use crate::invoke::{check_module, check_schemas, prepare_artefact};
use crate::pg::{Call, PgError, Reply, RoleScope, TypeId, current_role, spi};

/// `_deploy(name text, wasm bytea, manifest text)` → `{function, version, sha256, changed, hooks}`.
pub(super) fn deploy(call: &mut Call<'_>) -> Result<Reply, PgError> {
    require_language_usage()?;
    let name = required(call, 0, "name")?;
    check_name(&name)?;
    let mut wasm = Vec::new();
    if !call.bytes(1, TypeId::BYTEA, &mut wasm)? {
        return Err(Error::InvalidArgument { message: "argument \"wasm\" must not be null".into(), hint: None }.into());
    }
    let text = call.text(2)?;
    let manifest = parse_manifest(text.as_deref())?;
    check_same_name(&name, &manifest)?;
    check_schema(&manifest)?;
    hooks::check(&manifest)?;
    hooks::check_schedules(&manifest)?;
    check_schemas(&name, &manifest)?;

    let (transaction, deployed) = match Transaction::begin(&name)? {
        (transaction, Some(deployed)) => (transaction, deployed),
        (_, None) => Transaction::begin_new(&name, &schema_for(&manifest)?)?,
    };
    require_owner(&name, &deployed)?;
    if deployed.version > 0 {
        let current = transaction.version(deployed.version)?;
        if current.sha256 == Sha256::of(&wasm) && current.manifest == text {
            return answer(&name, deployed.version, &current.sha256, false, &manifest);
        }
    }
    let checked = check_module(&wasm, &manifest)?;
    let export = entry_point(&name, &checked, &manifest)?;
    prepare_artefact(&checked)?;

    let schema = manifest.schema.clone().unwrap_or(deployed.schema);
    let stored = Stored { sha256: checked.sha256, manifest: text, export };
    let version = transaction.add_version(&wasm, &stored)?;
    transaction.set_current(version, &schema)?;
    let roles = Roles { owner: deployed.owner, deployer: current_role(), is_first: deployed.version == 0 };
    make_current(&name, &schema, &manifest, &stored, &roles, transaction)?;
    answer(&name, version, &stored.sha256, true, &manifest)
}

/// Brings what lives outside of the catalog in line with a version that has just become current.
pub(super) fn make_current(
    name: &str,
    schema: &str,
    manifest: &Manifest,
    stored: &Stored,
    roles: &Roles,
    transaction: Transaction<'_>,
) -> Result<(), PgError> {
    // The validator of the SQL functions reads the new version, so it must be visible first.
    crate::pg::inval::announce_change()?;
    {
        // The manifest is the owner's text. It runs as the owner, also when a stronger role deploys or rolls back.
        let _owner = RoleScope::guest(roles.owner);
        functions::reconcile(name, schema, manifest, roles, stored.export.is_some())?;
        hooks::reconcile(name, schema, manifest, &transaction)?;
    }
    let needed: Vec<String> = manifest.secrets.iter().chain(manifest.webhook_secrets()).cloned().collect();
    secrets::settle(name, &needed, roles.is_first)?;
    transaction.announce()
}

fn answer(name: &str, version: i32, sha256: &Sha256, changed: bool, manifest: &Manifest) -> Result<Reply, PgError> {
    reply(&json!({
        "function": name,
        "version": version,
        "sha256": sha256.to_string(),
        "changed": changed,
        "hooks": manifest.hooks,
    }))
}

/// The export that events go to: the manifest's, else `handler`, else the single callable one, else none.
pub(super) fn entry_point(name: &str, checked: &CheckedModule, manifest: &Manifest) -> Result<Option<String>, PgError> {
    match checked.entrypoint(manifest.entrypoint.as_deref()) {
        Ok(export) => Ok(export.map(str::to_owned)),
        Err(error) => Err(match Error::from(error) {
            Error::UnknownExport { export, callable, .. } => {
                Error::UnknownExport { name: name.to_owned(), export, callable }.into()
            }
            other => other.into(),
        }),
    }
}

pub(super) fn check_name(name: &str) -> Result<(), PgError> {
    let mut bytes = name.bytes();
    let is_good = name.len() <= 63
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    if is_good {
        return Ok(());
    }
    Err(Error::InvalidArgument {
        message: format!("invalid function name \"{name}\""),
        hint: Some(
            "A name has up to 63 characters: a lower-case letter, then lower-case letters, digits, \"_\" and \"-\"."
                .to_owned(),
        ),
    }
    .into())
}

fn check_same_name(name: &str, manifest: &Manifest) -> Result<(), PgError> {
    match &manifest.name {
        Some(written) if written != name => Err(Error::InvalidArgument {
            message: format!("manifest is of function \"{written}\", not of \"{name}\""),
            hint: Some("Deploy under the manifest's name, or leave \"name\" out of the manifest.".to_owned()),
        }
        .into()),
        _ => Ok(()),
    }
}

fn check_schema(manifest: &Manifest) -> Result<(), PgError> {
    match &manifest.schema {
        Some(schema) if schema.starts_with("pg_") => Err(Error::InvalidArgument {
            message: format!("functions cannot be deployed into schema \"{schema}\""),
            hint: Some(
                "Schemas whose names begin with \"pg_\" belong to PostgreSQL or end with the session.".to_owned(),
            ),
        }
        .into()),
        _ => Ok(()),
    }
}

fn require_owner(name: &str, deployed: &Deployed) -> Result<(), PgError> {
    if current_role().has_rights_of(deployed.owner) {
        return Ok(());
    }
    Err(Error::NotAllowed {
        message: format!("must be owner of function \"{name}\""),
        hint: Some(format!("It belongs to role \"{}\"; deploy under another name.", deployed.owner.name())),
    }
    .into())
}

/// The schema of a new function: the manifest's, else the current one.
fn schema_for(manifest: &Manifest) -> Result<String, PgError> {
    if let Some(schema) = &manifest.schema {
        return Ok(schema.clone());
    }
    let rows = spi::query("SELECT pg_catalog.current_schema()", &[])?;
    rows.into_iter().next().and_then(|row| row.into_iter().next()).and_then(spi::Cell::some).ok_or_else(|| {
        PgError::new(crate::pg::SqlState::new(b"3F000"), "no schema has been selected to create functions in")
    })
}
