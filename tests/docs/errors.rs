//! `docs/reference/errors.md`, as `src/error.rs` has it: the one table from errors to SQLSTATEs, read as text.

use crate::{is_as_generated, read};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One variant: what it is, and its arms.
#[derive(Debug, Default)]
struct Entry {
    about: String,
    codes: Vec<String>,
    messages: Vec<String>,
    hints: Vec<String>,
}

/// Names and doc comments of the variants, in order.
fn variants(source: &str) -> Vec<(String, String)> {
    let body =
        source.split("pub enum Error {\n").nth(1).and_then(|rest| rest.split("\n}\n").next()).expect("enum Error");
    let mut found = Vec::new();
    let mut about = String::new();
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            about = format!("{about} {text}").trim().to_owned();
        } else if line.starts_with(|c: char| c.is_ascii_uppercase()) {
            let name = line.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            found.push((name.to_owned(), std::mem::take(&mut about)));
        }
    }
    found
}

/// A function's text.
fn function<'a>(source: &'a str, head: &str) -> &'a str {
    let rest = source.split(head).nth(1).unwrap_or_else(|| panic!("{head} is not there"));
    rest.split("\n}\n").next().expect("it ends")
}

/// String constants of a piece of code, in order, with the name of the call they stand in, and byte strings as codes.
fn constants(code: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut at, bytes) = (0, code.as_bytes());
    while at < bytes.len() {
        if code[at..].starts_with("//") {
            at += code[at..].find('\n').unwrap_or(code.len() - at);
            continue;
        }
        if bytes[at] != b'"' {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        while bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let before = code[..at].trim_end();
        let mut text = code[at + 1..end].replace("\\\"", "\"");
        if before.ends_with("format!(") {
            text = text.replace("{{", "{").replace("}}", "}");
        }
        let kind = if before.ends_with('b') {
            "code"
        } else if before
            .rfind(".hint(")
            .is_some_and(|hint| hint > before.rfind("new(").unwrap_or(0) && before.len() - hint < 60)
        {
            "hint"
        } else if before.ends_with("detail(") || before.ends_with("detail(format!(") {
            "detail"
        } else {
            "message"
        };
        found.push((kind.to_owned(), text));
        at = end + 1;
    }
    found
}

fn entries(source: &str) -> BTreeMap<String, Entry> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    for (name, about) in variants(source) {
        entries.entry(name).or_default().about = about;
    }
    let table = function(source, "pub fn report(self) -> Report {\n");
    let limits: Vec<(String, String)> = constants(function(source, "\nfn limit_error("));
    for arm in table.split("\n            Error::").skip(1) {
        let name = arm.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let entry = entries.get_mut(name).unwrap_or_else(|| panic!("{name} is no variant"));
        let body = arm.split_once("=>").map_or(arm, |(_, body)| body);
        // A message follows its code; what stands before are parts of it.
        let mut wanted = false;
        for (kind, text) in constants(body) {
            match kind.as_str() {
                "code" => {
                    wanted = true;
                    entry.codes.push(text);
                }
                "hint" => entry.hints.push(text),
                "message" if std::mem::take(&mut wanted) => entry.messages.push(text),
                _ => {}
            }
        }
        if body.contains("limit_error(") {
            entry.messages.push("… exceeded its {what} limit of {limit}".to_owned());
            entry.codes.extend(limits.iter().filter(|(kind, _)| kind == "code").map(|(_, code)| code.clone()));
        }
    }
    for (name, entry) in &mut entries {
        entry.codes.sort();
        entry.codes.dedup();
        assert!(!entry.codes.is_empty(), "{name} has no SQLSTATE that this test can find");
    }
    entries
}

#[test]
fn errors_are_those_of_the_source() {
    let entries = entries(&read("src/error.rs"));
    let mut page = String::from(
        "# Errors of the extension\n\nThis page is made from `src/error.rs` by a test (`tests/docs/errors.rs`); do not edit it.\n\nWhat the extension itself refuses or fails with. Errors of SQL that a guest did not handle, and those that it raises, keep their own SQLSTATE: [reference](../reference.md#errors). What to do: [troubleshooting](../troubleshooting.md). Braces stand for what differs; a message of another module is left out.\n\n| SQLSTATE | when | message | HINT |\n|---|---|---|---|\n",
    );
    let mut lines: Vec<String> = Vec::new();
    for entry in entries.values() {
        let cell = |texts: &[String]| {
            texts
                .iter()
                .filter(|text| text.chars().any(char::is_alphabetic))
                .map(|text| format!("`{}`", text.replace('|', "\\|")))
                .collect::<Vec<_>>()
                .join("<br>")
        };
        let mut line = String::new();
        write!(
            line,
            "| {} | {} | {} | {} |",
            entry.codes.join(", "),
            entry.about,
            cell(&entry.messages),
            entry.hints.join("<br>").replace("<token>", "&lt;token&gt;")
        )
        .expect("text grows");
        lines.push(line);
    }
    lines.sort();
    page.push_str(&(lines.join("\n") + "\n"));
    is_as_generated("docs/reference/errors.md", &page);
}

/// The prose page groups errors by SQLSTATE: it has every one that the source can raise.
#[test]
fn the_reference_names_every_sqlstate() {
    let reference = read("docs/reference.md") + &read("docs/http.md");
    let missing: Vec<String> = entries(&read("src/error.rs"))
        .values()
        .flat_map(|entry| entry.codes.clone())
        .filter(|code| !code.starts_with("PT") && !reference.contains(code.as_str()))
        .collect();
    assert!(missing.is_empty(), "docs/reference.md does not name {missing:?}");
}

/// Words of messages that are PostgreSQL's, or that the source makes of parts.
const FROM_ELSEWHERE: [&str; 8] = [
    "permission denied for",
    "cannot drop function",
    "because other objects depend on it",
    "canceling statement due to",
    "does not exist",
    "exceeded its memory limit",
    "invalid input of function",
    "function fn_deploy",
];

/// What the page has readers look for is what they read.
#[test]
fn troubleshooting_quotes_messages_that_there_are() {
    let mut sources = String::new();
    for folder in ["src", "crates", "cli/src", "sdk/js/build"] {
        gather(&crate::root().join(folder), &mut sources);
    }
    let mut unknown = Vec::new();
    let mut looked = 0;
    for line in read("docs/troubleshooting.md").lines().filter(|line| line.starts_with("| ")) {
        let symptom = line.split(" | ").next().unwrap_or_default();
        for quoted in symptom.split('`').skip(1).step_by(2) {
            for part in quoted.split(['…', '"', '(']).map(str::trim).filter(|part| part.len() > 7) {
                looked += 1;
                if !sources.contains(part) && !FROM_ELSEWHERE.iter().any(|known| part.contains(known)) {
                    unknown.push(part.to_owned());
                }
            }
        }
    }
    assert!(looked > 25, "{looked}");
    assert!(unknown.is_empty(), "nothing says {unknown:?}");
}

fn gather(folder: &std::path::Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "node_modules") {
                gather(&path, text);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "js") {
            text.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
        }
    }
}
