//! Input that nobody would write by hand: every bound holds, nothing panics, nothing takes long.
#![expect(clippy::unwrap_used, reason = "clippy exempts tests, but not the functions that they share")]

use std::time::{Duration, Instant};

use alyx_manifest::{MAX_ENTRIES, MAX_TEXT_BYTES, ManifestError, parse};

/// Far above what any of these takes, far below what an unbounded reading would.
const LONGEST: Duration = Duration::from_secs(2);

fn refusal(text: &str) -> ManifestError {
    let start = Instant::now();
    let error = parse(text).map(|_| ()).unwrap_err();
    assert!(start.elapsed() < LONGEST, "{:?} for {:.60?}", start.elapsed(), text);
    assert!(error.line >= 1 && error.column >= 1);
    assert!(error.message.len() < 1_000, "{} bytes of message", error.message.len());
    error
}

#[test]
fn text_is_bounded() {
    let exactly = format!("description: {}", "x".repeat(MAX_TEXT_BYTES - "description: ".len()));
    assert!(parse(&exactly).is_ok());
    let error = refusal(&format!("{exactly}x"));
    assert_eq!(error.message, "manifest must not be longer than 262144 bytes");
    assert_eq!((error.line, error.column), (1, 1));
}

#[test]
fn nesting_is_bounded() {
    for open in ["[", "{a: ", "- ", "? ", "!!seq ["] {
        let deep = open.repeat(40_000);
        refusal(&deep);
        refusal(&format!("input: {deep}"));
    }
    let deep = |levels: usize| format!("input: {}{}", "{a: ".repeat(levels), "}".repeat(levels));
    assert!(parse(&deep(30)).is_ok());
    assert_eq!(refusal(&deep(32)).message, "manifest is nested too deeply");
    let block: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(refusal(&block).message, "manifest is nested too deeply");
}

#[test]
fn aliases_cannot_multiply() {
    let mut bomb = "input:\n  a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (from, to) in ('a'..'j').zip('b'..='j') {
        let aliases = vec![format!("*{from}"); 9].join(", ");
        bomb.push_str(&format!("  {to}: &{to} [{aliases}]\n"));
    }
    assert_eq!(refusal(&bomb).message, "manifest has too many values");

    let long = "x".repeat(100_000);
    let wide = format!("input:\n  a: &a {long}\n  b: [{}]\n", vec!["*a"; 30_000].join(", "));
    assert_eq!(refusal(&wide).message, "manifest has too many values");

    refusal(&(0..10_000).map(|n| format!("a{n}: &a{n} 1\n")).collect::<String>());
}

#[test]
fn entries_are_bounded() {
    let listed = |count: usize, entry: &str| vec![entry; count].join(", ");
    let numbered = |count: usize, entry: &dyn Fn(usize) -> String| (0..count).map(entry).collect::<String>();
    let hosts = |count| format!("allowed_hosts:\n{}", numbered(count, &|n| format!("- https://h{n}\n")));
    let env = |count| format!("env:\n{}", numbered(count, &|n| format!("  A{n}: b\n")));
    let hooks = |count| format!("hooks: [{}]", listed(count, "{type: http}"));
    let sql = |count| format!("sql: [{}]", listed(count, "{create: f(), export: f}"));
    for text in [hosts(MAX_ENTRIES), env(MAX_ENTRIES), hooks(MAX_ENTRIES), sql(MAX_ENTRIES)] {
        assert!(parse(&text).is_ok(), "{:?}", parse(&text).map(|_| ()));
    }
    for (text, key) in [
        (hosts(MAX_ENTRIES + 1), "allowed_hosts"),
        (env(MAX_ENTRIES + 1), "env"),
        (hooks(MAX_ENTRIES + 1), "hooks"),
        (sql(MAX_ENTRIES + 1), "sql"),
    ] {
        assert_eq!(refusal(&text).message, format!("\"{key}\" must not have more than 1000 entries"));
    }
    assert_eq!(refusal(&env(MAX_ENTRIES + 1)).line, 2 + MAX_ENTRIES);
}

#[test]
fn messages_are_bounded_and_printable() {
    let long = "k".repeat(900);
    assert!(refusal(&format!("{long}: 1")).message.len() < 100);
    assert!(refusal(&format!("? \"{}\"\n: 1", "k".repeat(200_000))).message.len() < 100);
    assert!(refusal(&format!("name: {}", "N".repeat(200_000))).message.len() < 200);
    assert_eq!(refusal("\"a\\nb\\e[31m\": 1").message, "unknown key \"a?b?[31m\"");
    refusal("a\u{0}b");
    refusal("name: \u{1}");
}

#[test]
fn texts_that_are_slow_to_scan_elsewhere() {
    for piece in [
        "- a\n", "x\n", "a: 1\n", "# c\n", "${", "${A}", "\"", "'", "|", "&a ", "*a ", "? ", ": ", ",", "[]", "\t", "é",
    ] {
        let start = Instant::now();
        let _ = parse(&piece.repeat(MAX_TEXT_BYTES / piece.len()));
        assert!(start.elapsed() < LONGEST, "{:?} for {piece:?}", start.elapsed());
    }
    let keys: String = (0..20_000).map(|n| format!("k{n}: 1\n")).collect();
    refusal(&keys);
    let start = Instant::now();
    let indented: String = keys.lines().map(|line| format!("  {line}\n")).collect();
    assert!(parse(&format!("input:\n{indented}")).is_ok());
    assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());
}

/// A generator that gives the same sequence on each run (Steele and Vigna's SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }
}

/// Pieces that mean something to YAML or to a manifest.
const PIECES: &[&str] = &[
    "\n",
    "\n  ",
    "\n- ",
    ": ",
    " ",
    ", ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "!!str ",
    "!x ",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "\\",
    "#",
    "? ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "<<: ",
    "~",
    "null",
    "true",
    "-1",
    "1.10",
    "0x1f",
    ".inf",
    "1e999",
    "${A}",
    "${",
    "}",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{e000}",
    "\u{0}",
    "é",
    "😀",
    "\u{2028}",
    "name",
    "env",
    "hooks",
    "type",
    "database",
    "schedule",
    "cron",
    "@daily",
    "http",
    "webhook",
    "verify",
    "source",
    "a.b",
    "\"a\"\"",
    "action",
    "insert",
    "truncate",
    "timing",
    "instead_of",
    "input",
    "timeout",
    "10s",
    "memory",
    "64kb",
    "retry",
    "base",
    "allowed_hosts",
    "https://[::1]:1",
    "https://*.a",
    "sql",
    "create",
    "f()",
    "log",
    "sample:0.1",
    "rate_limit",
    "1/s",
    "runtime",
    "node:20",
    "columns",
];

#[test]
fn random_text_never_panics() {
    let mut dice = Dice(2);
    for _ in 0..60_000 {
        let length = dice.roll(24);
        let text: String = (0..length).map(|_| PIECES[dice.roll(PIECES.len())]).collect();
        let _ = parse(&text);
    }
    for _ in 0..20_000 {
        let length = dice.roll(64);
        let bytes: Vec<u8> = (0..length).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect();
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn damaged_manifests_never_panic() {
    let whole = "name: a\nenv: { A: ${A}, B: 1.10 }\nallowed_hosts: [\"https://*.a.com:8\"]\nretry: {base: 1s}\n\
                 input: &i {a: {type: string}}\noutput: *i\nsql: [{create: f(), export: f}]\nhooks:\n\
                 - {type: database, source: '\"a\".b', action: [insert, update], columns: [a], when: NEW.a > 1}\n\
                 - type: schedule\n  cron: \"0 2 * * *\"\n- {type: webhook, path: a/b, verify: {scheme: hmac, secret: S}}\n";
    assert!(parse(whole).is_ok());
    let chars: Vec<char> = whole.chars().collect();
    let mut dice = Dice(3);
    for _ in 0..10_000 {
        let mut damaged = chars.clone();
        for _ in 0..=dice.roll(4) {
            let place = dice.roll(damaged.len());
            match dice.roll(3) {
                0 => drop(damaged.remove(place)),
                1 => damaged.insert(place, PIECES[dice.roll(PIECES.len())].chars().next().unwrap()),
                _ => damaged.truncate(place.max(8)),
            }
        }
        let _ = parse(&damaged.into_iter().collect::<String>());
    }
}
