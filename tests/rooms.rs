//! The house rules of ARCHITECTURE.md as a test: who may import whom, where `unsafe` may stand, how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

/// Where else `unsafe` may stand: compiled code that was verified; a guest's imports; the attribute that names an export.
const UNSAFE: [&str; 3] = ["crates/runtime/src/trusted.rs", "sdk/rust/src/sys.rs", "sdk/rust/macro/src/lib.rs"];

const LONGEST_FILE: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the repository").to_path_buf()
}

/// One Rust file of the repository.
struct Source {
    /// Path below the root, with `/`.
    path: String,
    text: String,
    /// The text without comments and string constants: what the compiler acts on.
    code: String,
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        walk(&root().join(folder), &mut found);
    }
    assert!(!found.is_empty(), "no sources below {folders:?}");
    found
}

fn walk(folder: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect())
        .unwrap_or_default();
    entries.sort();
    for path in entries {
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target" && name != "node_modules") {
            walk(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
            found.push(Source { path, code: code_of(&text), text });
        }
    }
}

/// Blanks comments, string constants and character constants; keeps line breaks.
fn code_of(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    let skip_to = |from: usize, end: &str| {
        text.get(from..).and_then(|rest| rest.find(end)).map_or(text.len(), |found| from + found + end.len())
    };
    while at < bytes.len() {
        let rest = &text[at..];
        let end = if rest.starts_with("//") {
            rest.find('\n').map_or(text.len(), |found| at + found)
        } else if rest.starts_with("/*") {
            skip_to(at + 2, "*/")
        } else if let Some(hashes) = raw_string(rest) {
            skip_to(at + hashes + 2, &format!("\"{}", "#".repeat(hashes)))
        } else if rest.starts_with('"') {
            quoted_end(bytes, at)
        } else if rest.starts_with('\'') && (rest.get(2..3) == Some("'") || rest.starts_with("'\\")) {
            skip_to(at + 2, "'")
        } else {
            let letter = rest.chars().next().expect("not at the end");
            code.push(letter);
            at += letter.len_utf8();
            continue;
        };
        code.extend(text[at..end].chars().filter(|letter| *letter == '\n'));
        code.push(' ');
        at = end;
    }
    code
}

/// Number of hashes when `rest` begins a raw string.
fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn quoted_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Lines of `code` that contain `word` as a whole word.
fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let is_part = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    code.lines()
        .enumerate()
        .filter(|(_, line)| {
            line.match_indices(word).any(|(at, _)| {
                !is_part(line[..at].chars().next_back()) && !is_part(line[at + word.len()..].chars().next())
            })
        })
        .map(|(number, _)| number + 1)
        .collect()
}

fn room(path: &str) -> &str {
    path.strip_prefix("src/").and_then(|rest| rest.split(['/', '.']).next()).unwrap_or("")
}

fn complain(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{} violations:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn unsafe_pg_sys_and_datum_stay_in_their_room() {
    let mut complaints = Vec::new();
    for source in sources(&["src", "cli", "crates", "sdk/rust", "xtask", "tests"]) {
        let in_pg = room(&source.path) == "pg";
        for word in ["unsafe", "pg_sys", "Datum", "IntoDatum", "FromDatum"] {
            let allowed = in_pg || (word == "unsafe" && UNSAFE.contains(&source.path.as_str()));
            if !allowed {
                // `unsafe_code` in a lint attribute is another word; `#[unsafe(no_mangle)]` is not.
                complaints.extend(
                    lines_with(&source.code, word).iter().map(|line| format!("{}:{line}: {word}", source.path)),
                );
            }
        }
    }
    complain(complaints);
}

#[test]
fn only_the_extension_names_pgrx() {
    let mut complaints = Vec::new();
    for source in sources(&["cli", "crates", "xtask", "tests"]) {
        complaints.extend(lines_with(&source.code, "pgrx").iter().map(|line| format!("{}:{line}: pgrx", source.path)));
    }
    for manifest in [
        "crates/abi",
        "crates/js-engine",
        "crates/runtime",
        "crates/manifest",
        "crates/schedule",
        "crates/validate",
        "cli",
        "tests",
        "xtask",
    ] {
        let text = fs::read_to_string(root().join(manifest).join("Cargo.toml")).unwrap_or_default();
        if text.lines().any(|line| line.trim_start().starts_with("pgrx")) {
            complaints.push(format!("{manifest}/Cargo.toml depends on pgrx"));
        }
    }
    complain(complaints);
}

#[test]
fn crates_depend_downward() {
    let allowed: [(&str, &[&str]); 11] = [
        ("cli", &["alyx-gateway", "alyx-manifest"]),
        ("crates/abi", &[]),
        ("crates/gateway", &["alyx-manifest"]),
        ("crates/js-engine", &["alyx-runtime"]),
        ("crates/manifest", &["alyx-abi"]),
        ("crates/runtime", &["alyx-abi"]),
        ("crates/schedule", &[]),
        ("crates/validate", &[]),
        ("crates/webhook", &[]),
        ("tests", &[]),
        ("xtask", &[]),
    ];
    let mut complaints = Vec::new();
    for (package, may) in allowed {
        let text = fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap_or_default();
        let mut section = "";
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line;
            } else if section.contains("dependencies") && line.starts_with("alyx") {
                let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
                if !may.contains(&name) {
                    complaints.push(format!("{package} depends on {name}"));
                }
            }
        }
    }
    complain(complaints);
}

#[test]
fn the_runtime_knows_no_postgres_and_pg_knows_no_wasm() {
    let mut complaints = Vec::new();
    for source in sources(&["src/pg"]) {
        for word in ["wasmtime", "alyx_runtime", "alyx_manifest", "wasmparser"] {
            complaints
                .extend(lines_with(&source.code, word).iter().map(|line| format!("{}:{line}: {word}", source.path)));
        }
    }
    for source in sources(&["crates/runtime/src"]) {
        for word in ["postgres", "spi", "Spi", "elog"] {
            complaints
                .extend(lines_with(&source.code, word).iter().map(|line| format!("{}:{line}: {word}", source.path)));
        }
    }
    complain(complaints);
}

#[test]
fn only_invoke_calls_the_runtime() {
    let mut complaints = Vec::new();
    for source in sources(&["src"]) {
        if !["invoke", "host"].contains(&room(&source.path)) {
            for word in ["Instance", "Callable", "call_scalar", "instantiate"] {
                complaints.extend(
                    lines_with(&source.code, word).iter().map(|line| format!("{}:{line}: {word}", source.path)),
                );
            }
        }
    }
    complain(complaints);
}

#[test]
fn no_room_imports_upward() {
    // lib → {api, language, worker} → invoke → queue → {catalog, host, record} → pg; error and settings are leaves.
    let floor = |room: &str| match room {
        "lib" => Some(6),
        "api" | "language" | "worker" => Some(5),
        "invoke" => Some(4),
        "queue" => Some(3),
        "catalog" | "host" | "record" => Some(2),
        "pg" => Some(1),
        "error" | "settings" => Some(0),
        _ => None,
    };
    let mut complaints = Vec::new();
    for source in sources(&["src"]) {
        let Some(own) = floor(room(&source.path)) else {
            complaints.push(format!("{}: a room that the map does not know", source.path));
            continue;
        };
        for (number, line) in source.code.lines().enumerate() {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let names: Vec<&str> = if let Some(list) = rest.strip_prefix('{') {
                    list.split(',')
                        .map(|item| item.trim().split([':', '}', ' ', ';']).next().unwrap_or_default())
                        .collect()
                } else {
                    vec![
                        rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                            .next()
                            .unwrap_or_default(),
                    ]
                };
                for name in names {
                    // pg may use the leaves; rooms of one floor may not use each other, except themselves.
                    if floor(name).is_some_and(|other| other >= own && name != room(&source.path) && other > 0) {
                        complaints.push(format!(
                            "{}:{}: {} imports {name}",
                            source.path,
                            number + 1,
                            room(&source.path)
                        ));
                    }
                }
            }
        }
    }
    complain(complaints);
}

#[test]
fn every_file_is_short_and_opens_with_its_purpose() {
    let mut complaints = Vec::new();
    for source in sources(&["src", "cli", "crates", "sdk/rust", "xtask", "tests"]) {
        let lines = source.text.lines().count();
        if lines > LONGEST_FILE {
            complaints.push(format!("{}: {lines} lines, more than {LONGEST_FILE}", source.path));
        }
        let first = source.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        if !first.starts_with("//!") {
            complaints.push(format!("{}: begins with {first:?} and not with //!", source.path));
        }
    }
    complain(complaints);
}

#[test]
fn no_machine_path_is_in_the_repository() {
    let mut complaints = Vec::new();
    let forbidden = ["/wo", "rk/"].concat();
    for source in sources(&["src", "cli", "crates", "sdk/rust", "xtask", "tests"]) {
        complaints.extend(
            source
                .text
                .lines()
                .enumerate()
                .filter(|(_, line)| line.contains(&forbidden))
                .map(|(number, _)| format!("{}:{}: a path of one machine", source.path, number + 1)),
        );
    }
    complain(complaints);
}

#[test]
fn every_guest_assembles() {
    let guests = fs::read_dir(root().join("tests/guests")).expect("tests/guests");
    let names: Vec<String> =
        guests.filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".wat").map(str::to_owned)).collect();
    assert!(names.iter().all(|name| alyx_tests::guest(name).starts_with(b"\0asm")), "{names:?}");
}
