//! What a deploy would change in a function's settings: key by key, in the manifest's own words.

use alyx_manifest::Manifest;
use serde_json::Value;

/// One key that is not the same any more; `None` is a key that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Path of the key, as in `env.APP_URL`.
    pub(crate) key: String,
    /// What it was.
    pub(crate) old: Option<String>,
    /// What it becomes.
    pub(crate) new: Option<String>,
}

/// Changed keys, in the order of their names. Hooks are compared as whole entries.
pub(crate) fn changes(old: &Manifest, new: &Manifest) -> Vec<Change> {
    let (old, new) = (flat(old), flat(new));
    let mut keys: Vec<&String> = old.iter().chain(&new).map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    let find =
        |list: &[(String, String)], key: &str| list.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone());
    let change = |key: &String| Change { key: key.clone(), old: find(&old, key), new: find(&new, key) };
    keys.into_iter().map(change).filter(|change| change.old != change.new).collect()
}

fn flat(manifest: &Manifest) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let tree = serde_json::to_value(manifest).unwrap_or_default();
    if let Value::Object(keys) = tree {
        for (key, value) in keys {
            match (key.as_str(), value) {
                // For the command line only, and the name cannot change: another one is another function.
                ("build" | "name", _) | (_, Value::Null) => {}
                ("hooks" | "sql", Value::Array(entries)) => {
                    for entry in entries {
                        pairs.push((format!("{key}: {}", entry_text(&entry)), "yes".to_owned()));
                    }
                }
                (_, value) => walk(&key, &value, &mut pairs),
            }
        }
    }
    pairs
}

fn walk(path: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(keys) => keys.iter().for_each(|(key, value)| walk(&format!("{path}.{key}"), value, pairs)),
        Value::Array(list) if list.is_empty() => {}
        Value::Null => {}
        _ => {
            let (key, text) = in_units(path, value);
            pairs.push((key, text));
        }
    }
}

/// `timeout_ms: 5000` as `timeout: 5s`.
fn in_units(path: &str, value: &Value) -> (String, String) {
    let number = value.as_u64();
    let scaled = |number: u64, units: &[(u64, &str)]| {
        let fits = units.iter().find(|(size, _)| number > 0 && number.is_multiple_of(*size));
        fits.map_or_else(|| number.to_string(), |(size, unit)| format!("{}{unit}", number / size))
    };
    match (path.strip_suffix("_ms"), path.strip_suffix("_bytes"), number) {
        (Some(key), _, Some(ms)) => {
            (key.to_owned(), scaled(ms, &[(3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")]))
        }
        (_, Some(key), Some(bytes)) => {
            (key.to_owned(), scaled(bytes, &[(1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb"), (1, "b")]))
        }
        _ => (path.to_owned(), plain(value)),
    }
}

/// A hook as its author might say it: `database after insert, update on public.orders`.
fn entry_text(entry: &Value) -> String {
    let text = |key: &str| entry.get(key).map(plain).filter(|text| !text.is_empty() && text != "null");
    let words = |keys: &[&str]| keys.iter().filter_map(|key| text(key)).collect::<Vec<_>>().join(" ");
    let more = |keys: &[&str]| -> String {
        keys.iter().filter_map(|key| text(key).map(|value| format!(", {key} {value}"))).collect()
    };
    match entry.get("type").and_then(Value::as_str) {
        Some("database") => {
            format!(
                "{} on {}{}",
                words(&["type", "mode", "timing", "action"]),
                text("source").unwrap_or_default(),
                more(&["for_each", "when", "columns", "args", "name"])
            )
        }
        Some("schedule") => {
            format!("{}{}", words(&["type", "cron", "timezone"]), more(&["overlap", "missed", "input", "name"]))
        }
        Some(_) => entry.to_string(),
        None => words(&["create"]) + &more(&["export"]),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::changes;

    #[test]
    fn keys_are_told_in_the_manifests_words() {
        let parse = |text: &str| alyx_manifest::parse(text).unwrap();
        let old = parse("timeout: 10s\nenv: {A: '1', B: '2'}\nhooks: [{type: schedule, cron: '0 2 * * *'}]");
        let new = parse(
            "timeout: 1500ms\nmemory: 8mb\nenv: {A: '1', C: '3'}\nbuild: {command: x}\nhooks: [{type: database, source: t, action: insert}]",
        );
        let told: Vec<String> =
            changes(&old, &new).into_iter().map(|c| format!("{}|{:?}|{:?}", c.key, c.old, c.new)).collect();
        assert_eq!(
            told[..4],
            [
                r#"env.B|Some("2")|None"#,
                r#"env.C|None|Some("3")"#,
                r#"hooks: database sync after insert on t, for_each row|None|Some("yes")"#,
                r#"hooks: schedule 0 2 * * * UTC, overlap skip, missed once, input {}|Some("yes")|None"#,
            ]
        );
        assert!(told.contains(&r#"memory|Some("128mb")|Some("8mb")"#.to_owned()), "{told:?}");
        assert!(told.contains(&r#"timeout|Some("10s")|Some("1500ms")"#.to_owned()), "{told:?}");
        assert!(changes(&new, &new).is_empty());
    }
}
