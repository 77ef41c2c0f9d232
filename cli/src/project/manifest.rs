//! The text of a folder's manifest: read, merged with what the source says of itself, and its errors with their place.

use std::fs;
use std::path::Path;

use alyx_manifest::{Manifest, ManifestError};
use serde_json::{Value, json};

use super::{section, yaml};
use crate::problem::{Exit, OnPath, Problem, Result};

/// What the manifest says of name and build, without needing values for its variables.
pub(super) fn own_words(path: &Path) -> Result<Manifest> {
    let text = read_text(path)?;
    let error = match alyx_manifest::parse(&text) {
        Ok(manifest) => return Ok(manifest),
        Err(error) => error,
    };
    // A variable where a number must stand is no error yet: only the values of these two keys count here.
    let tree = yaml::json(&text).filter(|_| text.contains("${"));
    let part = tree.as_ref().map(|tree| json!({"name": tree["name"], "build": tree["build"]}));
    let part = part.map(|mut part| {
        if let Value::Object(keys) = &mut part {
            keys.retain(|_, value| !value.is_null());
        }
        part.to_string()
    });
    part.and_then(|part| alyx_manifest::parse(&part).ok()).ok_or_else(|| wrong_manifest(path, &error))
}

pub(super) fn read_text(path: &Path) -> Result<String> {
    let found = fs::metadata(path).on("read", path)?;
    if usize::try_from(found.len()).map_or(true, |bytes| bytes > alyx_manifest::MAX_TEXT_BYTES) {
        return Err(Problem::usage(format!("{} is too long", path.display())).why(format!(
            "{} bytes; a manifest has at most {}",
            found.len(),
            alyx_manifest::MAX_TEXT_BYTES
        )));
    }
    let bytes = fs::read(path).on("read", path)?;
    String::from_utf8(bytes).map_err(|error| {
        Problem::usage(format!("{} is not UTF-8", path.display())).why(error).next("Save it with the encoding UTF-8.")
    })
}

/// The config that the source exports, as keys and values.
pub(super) fn config(bytes: &[u8], path: &Path) -> Result<serde_json::Map<String, Value>> {
    serde_json::from_slice(bytes).map_err(|error| {
        Problem::new(
            Exit::Build,
            format!("the section {} of {} is not a JSON object", section::MANIFEST, path.display()),
        )
        .why(error)
        .next("Build the module again with this version of the kit.")
    })
}

/// One text: the manifest's own, and behind it the keys that only the source's config has, one line each. JSON is YAML.
pub(super) fn merged(own: Option<String>, config: Option<serde_json::Map<String, Value>>) -> String {
    let Some(config) = config else { return own.unwrap_or_default() };
    let Some(own) = own else { return Value::Object(config).to_string() };
    let Some(known) = yaml::top_keys(&own) else { return own };
    let rest: Vec<_> = config.into_iter().filter(|(key, _)| !known.contains(key)).collect();
    if rest.is_empty() {
        return own;
    }
    if yaml::is_flow(&own) {
        let mut all: serde_json::Map<String, Value> = rest.into_iter().collect();
        if let Some(Value::Object(own)) = yaml::json(&own) {
            all.extend(own);
        }
        return Value::Object(all).to_string();
    }
    let mut text = own;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for (key, value) in rest {
        text.push_str(&format!("{}: {value}\n", Value::String(key)));
    }
    text
}

pub(super) fn wrong_manifest(path: &Path, error: &ManifestError) -> Problem {
    let place = format!("{}:{}:{}", path.display(), error.line, error.column);
    let problem = Problem::usage(format!("{place}: the manifest is wrong")).why(&error.message);
    match &error.hint {
        Some(hint) => problem.next(hint.clone()),
        None => problem,
    }
}
