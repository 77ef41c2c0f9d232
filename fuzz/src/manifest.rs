//! Manifests.
//!
//! What must hold: it ends; a refusal is one short line with a place in the text; what is accepted is in range, and
//! what has a canonical form is read back from it unchanged.

use alyx_manifest::{MAX_ENTRIES, Manifest, ManifestError, parse};

/// Takes the input as a manifest's text.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match parse(text) {
        Ok(manifest) => accepted(&manifest),
        Err(error) => refused(&error, text),
    }
}

fn refused(error: &ManifestError, text: &str) {
    assert!(!error.message.is_empty() && error.message.len() < 1_000, "{error:?}");
    for words in [Some(&error.message), error.hint.as_ref()].into_iter().flatten() {
        assert!(!words.contains(['\n', '\r', '\0']), "not one line: {error:?}");
    }
    // Line breaks of YAML; what is missing is missed behind the last line.
    let lines = text.split(['\n', '\r']).count();
    assert!((1..=lines + 1).contains(&error.line) && error.column >= 1, "{error:?} in {lines} lines");
}

fn accepted(manifest: &Manifest) {
    let json = serde_json::to_string(manifest).expect("a manifest is JSON");
    // The catalog keeps it as jsonb, which has no such character.
    assert!(!json.replace("\\\\", "").contains("\\u0000"), "{json}");
    assert!((1..=86_400_000).contains(&manifest.timeout_ms));
    assert!((64 << 10..=4 << 30).contains(&manifest.memory_bytes));
    assert!(manifest.env.len() <= MAX_ENTRIES && manifest.secrets.len() <= MAX_ENTRIES);
    assert!(manifest.hooks.len() <= MAX_ENTRIES && manifest.sql.len() <= MAX_ENTRIES);
    // JSON is YAML: what was made canonical stays as it is.
    let canonical = serde_json::json!({ "name": manifest.name, "allowed_hosts": manifest.allowed_hosts });
    let canonical = match manifest.name {
        Some(_) => canonical,
        None => serde_json::json!({ "allowed_hosts": manifest.allowed_hosts }),
    };
    let again = parse(&canonical.to_string());
    let again = again.unwrap_or_else(|error| panic!("{canonical} is refused: {error}"));
    assert_eq!((again.name, again.allowed_hosts), (manifest.name.clone(), manifest.allowed_hosts.clone()));
}
