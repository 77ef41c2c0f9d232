//! The guide in `docs/`: its examples run, its links lead somewhere, what is generated says what the server says.
//!
//! How a page is written so that it can be run is told in CONTRIBUTING.md, "A page of the guide".

mod errors;
mod figures;
mod links;
mod map;
mod page;
mod reference;
mod run;
mod talk;

use std::path::{Path, PathBuf};

/// Top folder of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the repository").to_path_buf()
}

/// Every page below a folder of the repository, as a path below its top folder, in order.
fn pages(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    found
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository").filter_map(Result::ok) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            walk(&path, found);
        } else if name.ends_with(".md") {
            let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
            found.push(path);
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Compares a generated page with what is in the repository; with `ALYX_TEST_BLESS=1` writes it instead.
fn is_as_generated(path: &str, text: &str) {
    if std::env::var_os("ALYX_TEST_BLESS").is_some() {
        std::fs::write(root().join(path), text).unwrap_or_else(|error| panic!("{path}: {error}"));
        return;
    }
    let found = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let (found_lines, lines): (Vec<&str>, Vec<&str>) = (found.lines().collect(), text.lines().collect());
    for at in 0..found_lines.len().max(lines.len()) {
        let (has, should) = (found_lines.get(at).unwrap_or(&""), lines.get(at).unwrap_or(&""));
        assert_eq!(
            has,
            should,
            "{path}:{}: left is the page, right what it should be; ALYX_TEST_BLESS=1 writes it",
            at + 1
        );
    }
}
