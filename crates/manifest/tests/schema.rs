//! `docs/manifest.schema.json`, for editors: it has the keys that the crate reads, takes what the crate takes, and refuses
//! most of what it refuses.
#![expect(clippy::unwrap_used, reason = "clippy exempts tests, but not the functions that they share")]

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Refused manifests that the schema lets through, because what is wrong with them is no matter of one value: duplicates of
/// claims, relations and PostgreSQL's rules for triggers, ranges behind a unit. A smaller share would be an oversight.
const LEAST_SHARE_REFUSED: f64 = 0.85;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(root().join("docs/manifest.schema.json")).unwrap()).unwrap()
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&schema()).unwrap()
}

/// A manifest as an editor sees it; `None` when it is no YAML.
fn value(manifest: &str) -> Option<Value> {
    // An editor sees `${VAR}` in a flow mapping as a mistake; here it is quoted, as one would there.
    let text = manifest.replace("${TOKEN}", "\"${TOKEN}\"");
    if text.trim().is_empty() { Some(Value::Null) } else { serde_yaml::from_str(&text).ok() }
}

/// Every mapping that the crate reads: how to get there, and where the schema has it.
const MAPPINGS: [(&str, &str); 9] = [
    ("KEY: 1", "/properties"),
    ("build: {command: a, KEY: 1}", "/properties/build/properties"),
    ("retry: {KEY: 1}", "/properties/retry/properties"),
    ("sql: [{KEY: 1}]", "/properties/sql/items/properties"),
    ("hooks: [{type: database, KEY: 1}]", "/$defs/database/properties"),
    ("hooks: [{type: schedule, KEY: 1}]", "/$defs/schedule/properties"),
    ("hooks: [{type: http, KEY: 1}]", "/$defs/http/properties"),
    ("hooks: [{type: webhook, KEY: 1}]", "/$defs/webhook/properties"),
    ("hooks: [{type: webhook, path: a, verify: {scheme: hmac, KEY: 1}}]", "/$defs/verify/properties"),
];

#[test]
fn the_schema_has_the_keys_that_are_read_and_no_others() {
    let schema = schema();
    for (manifest, place) in MAPPINGS {
        // The crate's own answer to a key that resembles none.
        let hint = alyx_manifest::parse(&manifest.replace("KEY", "zzzzzzzzzzzzzzzzzzzzzz")).unwrap_err().hint.unwrap();
        let listed = hint.strip_prefix("Valid keys are ").unwrap_or_else(|| panic!("{manifest}: {hint}"));
        let mut read: Vec<&str> =
            listed.trim_end_matches('.').split(", ").flat_map(|part| part.split(" and ")).collect();
        let mut has: Vec<&str> =
            schema.pointer(place).unwrap().as_object().unwrap().keys().map(String::as_str).collect();
        // It was taken before the rest was looked at.
        has.retain(|key| *key != "type");
        read.sort_unstable();
        has.sort_unstable();
        assert_eq!(has, read, "left is {place} of the schema, right what is read");
    }
}

#[test]
fn words_are_those_that_are_read() {
    let schema = schema();
    for (manifest, place) in [
        ("instances: zz", "/properties/instances"),
        ("run_as: zz", "/properties/run_as"),
        ("database: zz", "/properties/database"),
        ("retry: {backoff: zz}", "/properties/retry/properties/backoff"),
        ("hooks: [{type: database, source: a, action: zz}]", "/$defs/action"),
        ("hooks: [{type: database, source: a, action: insert, timing: zz}]", "/$defs/database/properties/timing"),
        ("hooks: [{type: database, source: a, action: insert, for_each: zz}]", "/$defs/database/properties/for_each"),
        ("hooks: [{type: database, source: a, action: insert, mode: zz}]", "/$defs/database/properties/mode"),
        ("hooks: [{type: schedule, cron: '@daily', overlap: zz}]", "/$defs/schedule/properties/overlap"),
        ("hooks: [{type: schedule, cron: '@daily', missed: zz}]", "/$defs/schedule/properties/missed"),
        ("hooks: [{type: http, auth: zz}]", "/$defs/http/properties/auth"),
        ("hooks: [{type: http, methods: zz}]", "/$defs/method"),
        ("hooks: [{type: webhook, path: a, verify: {scheme: zz, secret: A}}]", "/$defs/verify/properties/scheme"),
    ] {
        let hint = alyx_manifest::parse(manifest).unwrap_err().hint.unwrap();
        let listed = hint.strip_prefix("Valid values are ").unwrap_or_else(|| panic!("{manifest}: {hint}"));
        let read: Vec<&str> = listed.trim_end_matches('.').split(", ").flat_map(|part| part.split(" and ")).collect();
        assert_eq!(schema.pointer(place).unwrap()["enum"], json!(read), "{place}");
    }
}

#[test]
fn defaults_are_those_of_the_crate() {
    let schema = schema();
    for (place, default) in [
        ("timeout", "10s"),
        ("memory", "128mb"),
        ("instances", "fresh"),
        ("run_as", "caller"),
        ("database", "write"),
        ("log", "all"),
    ] {
        assert_eq!(schema["properties"][place]["default"], default);
        assert_eq!(
            alyx_manifest::parse(&format!("{place}: {default}")).unwrap(),
            alyx_manifest::Manifest::default(),
            "{place}"
        );
    }
}

/// Manifests of the repository: examples, and templates of the command line without their placeholders.
fn manifests() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["examples", "cli/templates"] {
        for entry in fs::read_dir(root().join(folder)).unwrap().filter_map(Result::ok) {
            let path = entry.path().join("manifest.yaml");
            if let Ok(text) = fs::read_to_string(&path) {
                found.push((path, text.replace("{{name}}", "name").replace("{{table}}", "table")));
            }
        }
    }
    assert!(found.len() >= 10, "{}", found.len());
    found
}

#[test]
fn manifests_of_the_repository_are_valid() {
    let validator = validator();
    let specified = include_str!("accepts.rs").split("r#\"").nth(1).unwrap().split("\"#").next().unwrap();
    let mut all = manifests();
    all.push((PathBuf::from("SPECIFIED"), specified.to_owned()));
    for (path, text) in all {
        alyx_manifest::parse(&text).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
        let value = value(&text).unwrap_or_else(|| panic!("{}: no YAML", path.display()));
        let problems: Vec<String> =
            validator.iter_errors(&value).map(|problem| format!("{}: {problem}", problem.instance_path())).collect();
        assert!(problems.is_empty(), "{}: {problems:?}", path.display());
    }
}

#[test]
fn most_of_what_is_refused_is_refused_by_the_schema() {
    let validator = validator();
    let table = include_str!("refusals.txt");
    let (mut all, mut let_through) = (0, Vec::new());
    let mut manifest = String::new();
    let mut after_answer = true;
    for line in table.lines() {
        if line.starts_with("=>") {
            if let Some(value) = value(&manifest) {
                all += 1;
                if validator.is_valid(&value) {
                    let_through.push(manifest.clone());
                }
            }
            manifest.clear();
            after_answer = true;
        } else if !(after_answer && (line.is_empty() || line.starts_with('#') || line.starts_with("HINT:"))) {
            after_answer = false;
            manifest.push_str(line);
            manifest.push('\n');
        }
    }
    let refused = f64::from(all - i32::try_from(let_through.len()).unwrap()) / f64::from(all);
    assert!(refused >= LEAST_SHARE_REFUSED, "{refused:.2} of {all}; let through:\n{}", let_through.join("--\n"));
}
