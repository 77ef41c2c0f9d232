//! Golden table of refused manifests: message, place and hint of each, as `refusals.txt` has them.
#![expect(clippy::unwrap_used, reason = "clippy exempts tests, but not the functions that they share")]

use std::fmt::Write as _;
use std::{env, fs};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/refusals.txt");

/// The table with the answers that the crate gives today. Lines that start with `#` (in front of a case), `=>` and
/// `HINT:` are the table's own, all others are the manifest.
fn answered(table: &str) -> String {
    let mut out = String::new();
    let mut manifest = String::new();
    let mut after_answer = true;
    for line in table.lines() {
        let between_cases = after_answer && (line.is_empty() || line.starts_with('#') || line.starts_with("HINT:"));
        if line.starts_with("=>") {
            out.push_str(&manifest);
            match alyx_manifest::parse(&manifest) {
                Ok(_) => writeln!(out, "=> accepted").unwrap(),
                Err(error) => {
                    writeln!(out, "=> {}:{} {}", error.line, error.column, error.message).unwrap();
                    if let Some(hint) = error.hint {
                        writeln!(out, "HINT: {hint}").unwrap();
                    }
                }
            }
            manifest.clear();
            after_answer = true;
        } else if between_cases {
            if !line.starts_with("HINT:") {
                writeln!(out, "{line}").unwrap();
            }
        } else {
            after_answer = false;
            writeln!(manifest, "{line}").unwrap();
        }
    }
    out
}

#[test]
fn each_refusal_says_what_where_and_what_instead() {
    let table = fs::read_to_string(TABLE).unwrap();
    let answers = answered(&table);
    if env::var_os("ALYX_BLESS").is_some() {
        fs::write(TABLE, &answers).unwrap();
        return;
    }
    for (line, (expected, actual)) in table.lines().zip(answers.lines()).enumerate() {
        assert_eq!(actual, expected, "refusals.txt line {}", line + 1);
    }
    assert_eq!(answers.lines().count(), table.lines().count());
}

#[test]
fn messages_follow_the_style_of_postgresql() {
    let answers = answered(&fs::read_to_string(TABLE).unwrap());
    let mut refusals = 0;
    for line in answers.lines() {
        if let Some(message) = line.strip_prefix("=> ") {
            refusals += 1;
            let (place, message) = message.split_once(' ').unwrap();
            let (row, column) = place.split_once(':').unwrap_or_else(|| panic!("not refused: {line}"));
            assert!(row.parse::<usize>().unwrap() >= 1 && column.parse::<usize>().unwrap() >= 1);
            assert!(!message.ends_with('.') && !message.starts_with(|c: char| c.is_uppercase() && c != 'Y'), "{line}");
        }
        if let Some(hint) = line.strip_prefix("HINT: ") {
            assert!(hint.starts_with(char::is_uppercase) && hint.ends_with(['.', '?']), "{line}");
        }
    }
    assert!(refusals > 150, "{refusals}");
}
