//! What the current role could call over HTTP, with the schemas of inputs and outputs: what `/openapi.json` is made of.

use alyx_manifest::{Auth, Hook, Shape};
use serde_json::{Value, json};

use super::caller::word;
use crate::api::reply;
use crate::catalog::{self, Function, as_owner};
use crate::pg::{Call, PgError, Reply, current_role, interrupt, spi};

/// Most functions that are listed.
const MOST: usize = 10_000;

/// `_http_functions()` → `[{"name", "description", "input", "output", "ways": [{"path", "methods", "auth"}]}]`.
pub(in crate::api) fn list(_call: &mut Call<'_>) -> Result<Reply, PgError> {
    let names = as_owner(|| spi::query("SELECT f.name FROM alyx._function f ORDER BY f.name", &[]))?;
    let mut listed = Vec::new();
    for name in names.into_iter().flatten().filter_map(spi::Cell::some) {
        if let Some(error) = interrupt::raise_pending() {
            return Err(error);
        }
        // Dropped in the meantime, or of a release that wrote other manifests: not there.
        let Ok(function) = catalog::find(&name) else { continue };
        let is_callable = function.export.is_some() && function.may_be_called_by(current_role())?;
        listed.extend(describe(&function, is_callable));
        if listed.len() == MOST {
            break;
        }
    }
    reply(&Value::Array(listed))
}

fn describe(function: &Function, is_callable: bool) -> Option<Value> {
    let mut ways = Vec::new();
    for hook in &function.manifest.hooks {
        let Hook::Http(hook) = hook else { continue };
        if is_callable || hook.auth != Auth::Required {
            let methods: Vec<&str> = hook.methods.iter().map(|method| word(*method)).collect();
            ways.push(json!({ "path": hook.path, "methods": methods, "auth": hook.auth }));
        }
    }
    if is_callable {
        ways.push(json!({ "path": null, "methods": ["POST"], "auth": "required" }));
    }
    (!ways.is_empty()).then(|| {
        json!({
            "name": function.name,
            "description": function.manifest.description,
            "input": function.manifest.input.as_ref().map(schema),
            "output": function.manifest.output.as_ref().map(schema),
            "ways": ways,
        })
    })
}

fn schema(shape: &Shape) -> Option<Value> {
    alyx_validate::json_schema(&shape.schema).ok()
}
