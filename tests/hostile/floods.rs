//! Guests that ask for more and more: each flood ends at a limit of its own, and the backend does not keep what it was given.
//! Memory, tables, stack, output and log lines are `system/limits`.

use crate::measure::peak_bytes;
use alyx_tests::{Db, Session, assemble, guest, literal};
use serde_json::json;

/// What one call may cost a backend beside the guest's own limit of 16 MB.
const SPARE_BYTES: u64 = 96 << 20;

fn imports() -> String {
    [
        r#"(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))"#,
        r#"(import "extism:host/env" "free" (func $free (param i64)))"#,
        r#"(import "extism:host/env" "store_u64" (func $store (param i64 i64)))"#,
        r#"(import "extism:host/env" "store_u8" (func $store_byte (param i64 i32)))"#,
        r#"(import "extism:host/env" "var_set" (func $var_set (param i64 i64)))"#,
        r#"(import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))"#,
        r#"(import "extism:host/env" "error_set" (func $error_set (param i64)))"#,
        r#"(import "extism:host/env" "output_set" (func $output_set (param i64 i64)))"#,
        r#"(import "extism:host/env" "input_offset" (func $input (result i64)))"#,
        r#"(import "extism:host/user" "env" (func $env (param i64) (result i64)))"#,
    ]
    .concat()
}

/// A module that does `work` until it is stopped; `$n` counts.
fn flood(work: &str) -> Vec<u8> {
    assemble(&format!(
        r#"(module {} (memory 1) (func (export "handler") (result i32) (local $n i64) (local $b i64)
             (loop $again (local.set $n (i64.add (local.get $n) (i64.const 1))) {work} (br $again)) (i32.const 0)))"#,
        imports()
    ))
}

/// A module that sets as its output, or as its error, `count` times a byte.
fn shout(byte: char, count: u32, end: &str) -> Vec<u8> {
    assemble(&format!(
        r#"(module {} (memory 1) (func (export "handler") (result i32) (local $n i64) (local $b i64)
             (local.set $b (call $alloc (i64.const {count})))
             (loop $again
               (call $store_byte (i64.add (local.get $b) (local.get $n)) (i32.const {}))
               (local.set $n (i64.add (local.get $n) (i64.const 1)))
               (br_if $again (i64.lt_u (local.get $n) (i64.const {count}))))
             {end} (i32.const 0)))"#,
        imports(),
        u32::from(byte)
    ))
}

#[test]
fn floods_end_at_their_limit_and_cost_no_more() {
    let mut db = Db::new("hostile_floods");
    for (what, work, code, words) in [
        ("empty allocations", "(drop (call $alloc (i64.const 1)))", "53200", "memory"),
        ("doubling allocations", "(drop (call $alloc (i64.shl (i64.const 1) (local.get $n))))", "53200", "memory"),
        ("an allocation of everything", "(drop (call $alloc (i64.const -1)))", "53200", "memory"),
        ("an allocation of half of everything", "(drop (call $alloc (i64.const 0x7fffffffffffffff)))", "53200", "memory"),
        ("answers that are never freed", "(drop (call $env (call $input)))", "53200", "memory"),
        (
            "variables",
            "(local.set $b (call $alloc (i64.const 8))) (call $store (local.get $b) (i64.and (local.get $n) (i64.const 0x7f7f7f7f)))
             (call $var_set (local.get $b) (call $alloc (i64.const 1)))",
            "38000",
            "variable store is full",
        ),
        (
            "one large variable",
            "(call $var_set (i64.const 0) (call $alloc (i64.const 1100000)))",
            "38000",
            "variable store is full",
        ),
    ] {
        db.deploy("flood", &flood(work), "memory: 16mb\ntimeout: 30s\n");
        let mut session = db.session();
        session.run("SELECT fn_version()");
        let before = peak_bytes(&mut session);
        let refusal = session.refused("SELECT flood('{\"key\": \"A\"}')", code);
        assert!(refusal.says(words), "{what}: {refusal}");
        let grown = peak_bytes(&mut session) - before;
        assert!(grown < SPARE_BYTES, "{what} cost {} MB", grown >> 20);
        assert_eq!(session.value("SELECT 1"), "1");
    }
}

#[test]
fn a_million_host_calls_are_paid_for_and_kept_nowhere() {
    let mut db = Db::new("hostile_calls");
    let work = "(call $free (call $env (call $input))) (if (i64.eq (local.get $n) (i64.const 1000000)) (then (return (i32.const 0))))";
    db.deploy("flood", &flood(work), "memory: 1mb\ntimeout: 60s\n");
    let mut session = db.session();
    session.run("SELECT fn_version()");
    let before = peak_bytes(&mut session);
    assert_eq!(session.value("SELECT flood('{\"key\": \"A\"}')"), "NULL");
    let grown = peak_bytes(&mut session) - before;
    assert!(grown < SPARE_BYTES, "{} MB", grown >> 20);
}

#[test]
fn answers_and_errors_of_absurd_shape_are_errors() {
    let mut db = Db::new("hostile_answers");
    let end = "(call $output_set (local.get $b) (local.get $n))";
    for (what, wasm, codes) in [
        ("JSON a million deep", shout('[', 1_000_000, end), ["54001", "38000"]),
        ("a number of a million digits", shout('9', 1_000_000, end), ["22003", "38000"]),
        ("bytes that are no text", shout('\u{ff}', 1_000, end), ["38000", "22021"]),
        ("zero bytes", shout('\0', 1_000, end), ["38000", "22021"]),
        ("an error of eight megabytes", shout('e', 8_000_000, "(call $error_set (local.get $b))"), ["38000", "38000"]),
        ("an error of zero bytes", shout('\0', 1_000, "(call $error_set (local.get $b))"), ["38000", "38000"]),
    ] {
        db.deploy("shout", &wasm, "timeout: 30s\n");
        for call in ["SELECT shout('1')", "SELECT fn_invoke('shout')"] {
            let refusal = db.refusal(call);
            assert!(codes.contains(&refusal.code.as_str()), "{what}: {refusal}");
            assert!(refusal.message.len() < 100_000, "{what}: a message of {} bytes", refusal.message.len());
            assert_eq!(db.value("SELECT 1"), "1", "after {what}");
        }
    }
}

/// The answer of a host function, or the error that the guest ended with.
fn answer(session: &mut Session, function: &str, request: &str) -> String {
    let said = session.attempt(&format!("SELECT left({function}({})::text, 300)", literal(request)));
    said.map_or_else(|refusal| refusal.code, |rows| rows.join(""))
}

#[test]
fn requests_of_absurd_shape_are_answered_with_an_error() {
    let mut db = Db::new("hostile_requests");
    db.deploy("ask", &guest("ask"), "timeout: 30s\n");
    for (name, export) in [
        ("query", "db_query"),
        ("batch", "db_batch"),
        ("say", "log"),
        ("variable", "env"),
        ("throw", "raise"),
        ("call", "fn_invoke"),
    ] {
        db.run(&format!("CREATE FUNCTION {name}(text) RETURNS text LANGUAGE wasm AS 'ask:{export}'"));
    }
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let deep_object = format!("{}1{}", r#"{"sql":"#.repeat(100_000), "}".repeat(100_000));
    for function in ["query", "batch", "say", "variable", "throw", "call"] {
        for request in
            [deep.as_str(), deep_object.as_str(), "", "\u{0}", "nonsense", "1e999999", "{\"sql\": 1}", "\"\\ud800\""]
        {
            // A zero byte cannot even be sent.
            let said = answer(&mut db, function, &request.replace('\0', " "));
            assert!(said.contains("\"error\"") || said == "38000", "{function} of {:.40}: {said}", request);
        }
    }
    let params = |count: usize| json!({"sql": "SELECT 1", "params": vec![1; count]}).to_string();
    let statements = |count: usize| json!({"statements": vec![json!({"sql": "SELECT 1"}); count]}).to_string();
    let nested = format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    let chain = format!("SELECT 1{}", " + 1".repeat(1_000_000));
    let columns = format!("SELECT {}", vec!["1"; 5_000].join(", "));
    for (what, function, request) in [
        ("100 000 parameters", "query", params(100_000)),
        (
            "a nested parameter",
            "query",
            json!({"sql": "SELECT $1::jsonb", "params": [0]}).to_string().replace("[0]", &format!("[{deep}]")),
        ),
        ("brackets", "query", json!({ "sql": nested }).to_string()),
        ("a sum of a million", "query", json!({ "sql": chain }).to_string()),
        ("5 000 columns", "query", json!({ "sql": columns }).to_string()),
        (
            "a text of 30 MB",
            "query",
            json!({"sql": format!("SELECT '{}' nonsense nonsense", "x".repeat(30_000_000))}).to_string(),
        ),
        ("an error of 30 MB", "throw", json!({"sqlstate": "P0001", "message": "x".repeat(30_000_000)}).to_string()),
        ("a name of 30 MB", "call", json!({"name": "x".repeat(30_000_000)}).to_string()),
        ("a number that is too large", "query", r#"{"sql": "SELECT $1::int", "params": [1e400]}"#.to_owned()),
        ("a zero byte", "query", r#"{"sql": "SELECT $1::text", "params": ["a\u0000b"]}"#.to_owned()),
        ("a zero byte in the statement", "query", r#"{"sql": "SELECT 1 \u0000 SELECT 2"}"#.to_owned()),
    ] {
        let said = answer(&mut db, function, &request);
        assert!(said.contains("\"error\"") || said.len() == 5, "{what}: {said}");
        assert!(!said.contains("XX000"), "{what}: {said}");
        assert_eq!(db.value("SELECT 1"), "1", "after {what}");
    }
    assert!(answer(&mut db, "batch", &statements(10_000)).contains("results"), "10 000 statements");
    // Refused while they are read: a list of small values takes many times its text.
    for (function, request, words) in
        [("query", params(65_536), "at most 65535 members"), ("batch", statements(10_001), "at most 10000 members")]
    {
        let said = answer(&mut db, function, &request);
        assert!(said.contains(words), "{function}: {said}");
    }
}
