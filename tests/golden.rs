//! Golden transcripts: each `pg_regress/sql/*.sql` goes through psql in a database of its own and must print exactly `pg_regress/expected/*.out`.
//!
//! Guests are psql variables: `:'echo'` is the module of `guests/echo.wat` in hexadecimal. With `ALYX_TEST_BLESS=1` the
//! transcripts are written instead of compared; read the diff before you commit it.

use alyx_tests::{Db, guest};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pg_regress")
}

/// Guests that a script mentions as `:'name'`.
fn variables(script: &str) -> Vec<String> {
    let mut names: Vec<&str> =
        script.split(":'").skip(1).filter_map(|rest| rest.split_once('\'').map(|(name, _)| name)).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .map(|name| format!("{name}={}", guest(name).iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
        .collect()
}

fn transcript(subject: &str, sql: &Path) -> String {
    let db = Db::new(&format!("golden_{subject}"));
    let mut psql = db.server().client_program("psql", db.name());
    psql.args(["-X", "-a", "-q", "-v", "VERBOSITY=default", "-v", "SHOW_CONTEXT=never"]);
    for variable in variables(&fs::read_to_string(sql).expect("the script")) {
        psql.args(["-v", &variable]);
    }
    // One stream for rows and errors, in the order they happen.
    let script = fs::File::open(sql).expect("the script");
    let folder = std::env::temp_dir().join(format!("{}.out", db.name()));
    let both = fs::File::create(&folder).expect("a temporary file");
    let again = both.try_clone().expect("a second handle");
    let status = psql.stdin(script).stdout(Stdio::from(both)).stderr(Stdio::from(again)).status().expect("psql runs");
    let printed = fs::read_to_string(&folder).expect("what psql printed");
    let _ = fs::remove_file(&folder);
    assert!(status.success(), "psql ended with {status}:\n{printed}");
    printed
}

/// The first differing lines, with a little of what is around them.
fn difference(expected: &str, got: &str) -> String {
    let (expected, got): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), got.lines().collect());
    let at = expected.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let show = |lines: &[&str], sign: char| {
        lines.iter().skip(at).take(12).map(|line| format!("{sign}{line}\n")).collect::<String>()
    };
    let before: String = expected.iter().take(at).skip(at.saturating_sub(5)).map(|line| format!(" {line}\n")).collect();
    format!("line {}:\n{before}{}{}", at + 1, show(&expected, '-'), show(&got, '+'))
}

#[test]
fn every_transcript_is_as_it_was() {
    let bless = std::env::var_os("ALYX_TEST_BLESS").is_some();
    let mut scripts: Vec<PathBuf> = fs::read_dir(folder().join("sql"))
        .expect("pg_regress/sql")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "sql"))
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    let mut wrong = Vec::new();
    for sql in scripts {
        let subject = sql.file_stem().and_then(|stem| stem.to_str()).expect("a plain name").to_owned();
        let got = transcript(&subject, &sql);
        let out = folder().join("expected").join(format!("{subject}.out"));
        if bless {
            fs::write(&out, &got).expect("the transcript is written");
            continue;
        }
        let expected = fs::read_to_string(&out).unwrap_or_default();
        if expected != got {
            wrong.push(format!("{subject}: {}", difference(&expected, &got)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
