//! `fn_check`: what a deploy would say, with nothing written.

use alyx_runtime::{CheckedModule, Sha256};
use serde_json::{Value, json};

use super::{hooks, parse_manifest, reply, require_language_usage};
use crate::error::Error;
use crate::invoke::{check_module, check_schemas};
use crate::pg::{Call, PgError, Reply, TypeId};

/// `_check(wasm bytea, manifest text)` → what was found, and a list of problems that is empty for a good module.
pub(super) fn check(call: &mut Call<'_>) -> Result<Reply, PgError> {
    require_language_usage()?;
    let mut wasm = Vec::new();
    if !call.bytes(0, TypeId::BYTEA, &mut wasm)? {
        return Ok(Reply::NULL);
    }
    let text = call.text(1)?;
    let mut problems = Vec::new();
    let mut note = |error: &PgError| {
        problems.push(json!({
            "code": error.sqlstate.to_string(), "message": error.message, "detail": error.detail, "hint": error.hint,
        }));
    };
    let manifest = parse_manifest(text.as_deref()).inspect_err(|error| note(error)).unwrap_or_default();
    let _ = check_schemas("(module)", &manifest).inspect_err(|error| note(error));
    let _ = hooks::check(&manifest).inspect_err(|error| note(error));
    let _ = hooks::check_schedules(&manifest).inspect_err(|error| note(error));
    let checked = check_module(&wasm, &manifest).inspect_err(|error| note(error)).ok();
    let export = match &checked {
        Some(checked) => super::deploy::entry_point("(module)", checked, &manifest).inspect_err(|e| note(e)).ok(),
        None => None,
    };
    if let Some(checked) = &checked {
        for function in &manifest.sql {
            if !checked.exports.iter().any(|export| export.name == function.export) {
                let callable = checked.exports.iter().map(|export| export.name.clone()).collect();
                let (name, export) = ("(module)".to_owned(), function.export.clone());
                note(&Error::UnknownExport { name, export, callable }.into());
            }
        }
    }
    let mut found = checked.as_ref().map_or_else(|| json!({}), describe);
    found["sha256"] = json!(Sha256::of(&wasm).to_string());
    found["bytes"] = json!(wasm.len());
    found["entrypoint"] = json!(export.flatten());
    found["ok"] = json!(problems.is_empty());
    found["problems"] = Value::Array(problems);
    reply(&found)
}

fn describe(checked: &CheckedModule) -> Value {
    let exports: Vec<Value> =
        checked.exports.iter().map(|export| json!({ "name": export.name, "type": export.to_string() })).collect();
    let imports: Vec<Value> =
        checked.imports.iter().map(|import| json!({ "module": import.module, "name": import.name })).collect();
    json!({
        "abi": if checked.uses_extism { "extism" } else { "core" },
        "wasi": checked.uses_wasi,
        "exports": exports,
        "imports": imports,
        "memory": { "min_bytes": checked.memory_min_bytes, "max_bytes": checked.memory_max_bytes },
    })
}
