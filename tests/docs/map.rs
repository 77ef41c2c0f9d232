//! The code map of ARCHITECTURE.md: what it names is there, and what is there is named.

use crate::{read, root};
use std::fs;
use std::path::Path;

/// Files of the extension that the map names with their folder alone.
const WITH_THEIR_FOLDER: [&str; 2] = ["src/record/", "src/lib.rs"];

/// Paths of the map, with the line they stand in. A row in bold opens a folder for the rows below it; a name without a
/// folder lies beside the one before it.
fn mapped() -> Vec<(usize, String)> {
    let text = read("ARCHITECTURE.md");
    let start = text.lines().position(|line| line == "## Code map").expect("the page has a code map");
    let mut found = Vec::new();
    let mut home = String::new();
    for (at, line) in text.lines().enumerate().skip(start + 1).take_while(|(_, line)| !line.starts_with("## ")) {
        let Some(cell) = line.strip_prefix("| ").and_then(|row| row.split(" | ").next()) else { continue };
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        let mut beside = String::new();
        for (index, name) in names.iter().enumerate() {
            let is_home = index == 0 && cell.starts_with("**");
            if is_home {
                home = (*name).to_owned();
                beside.clone_from(&home);
                found.push((at + 1, (*name).to_owned()));
                continue;
            }
            // `src/engine.rs` and `api/deploy.rs` begin at the home; what has no folder, where the last one was.
            let path =
                if index > 0 && !name.contains('/') { format!("{beside}{name}") } else { format!("{home}{name}") };
            beside = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            if path.ends_with('/') {
                beside.clone_from(&path);
            }
            found.push((at + 1, path));
        }
    }
    found
}

#[test]
fn what_the_code_map_names_is_there() {
    let mapped = mapped();
    assert!(mapped.len() > 80, "{}", mapped.len());
    let missing: Vec<String> = mapped
        .iter()
        .filter(|(_, path)| !root().join(path).exists())
        .map(|(line, path)| format!("ARCHITECTURE.md:{line}: there is no {path}"))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_file_of_the_extension_is_in_the_code_map() {
    let mapped = mapped();
    let mut missing = Vec::new();
    walk(&root().join("src"), &mut |path| {
        let named = mapped.iter().any(|(_, name)| name == path);
        let lists = path.ends_with("/mod.rs");
        if !named && !lists && !WITH_THEIR_FOLDER.iter().any(|folder| path.starts_with(folder)) {
            missing.push(path.to_owned());
        }
    });
    assert!(missing.is_empty(), "not in the code map: {}", missing.join(", "));
}

fn walk(folder: &Path, see: &mut impl FnMut(&str)) {
    for entry in fs::read_dir(folder).expect("a folder of the repository").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, see);
        } else {
            see(&path.strip_prefix(root()).expect("below the root").to_string_lossy());
        }
    }
}
