//! The kit for guests in Rust (sdk/rust), by what `tests/guests/rust-kit` does with it on a live server.

use alyx_tests::{Cluster, Db, Session, guests_folder, literal, wait_until};
use serde_json::{Value, json};

fn module() -> Vec<u8> {
    let wasm = guests_folder().join("rust-kit.wasm");
    std::fs::read(&wasm).unwrap_or_else(|error| panic!("{}: {error}: `cargo xtask test` builds it", wasm.display()))
}

/// A database in which the guest is deployed as `kit`.
fn kit(label: &str) -> Db {
    let mut db = Db::new(&format!("rust_kit_{label}"));
    db.deploy("kit", &module(), "env: { GREETING: hello }\n");
    db
}

/// Binds an export as an SQL function of the same name.
fn bind(db: &mut Db, export: &str, signature: &str) {
    db.run(&format!("CREATE FUNCTION {export}{signature} LANGUAGE wasm AS 'kit:{export}'"));
}

fn call(db: &mut Session, export: &str, input: Value) -> String {
    db.value(&format!("SELECT {export}({})", literal(&input.to_string())))
}

#[test]
fn a_trigger_changes_keeps_and_drops_rows() {
    let mut db = kit("trigger");
    db.run(
        "CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY, title text, slug text);
         CREATE TRIGGER slug BEFORE INSERT OR UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION kit()",
    );
    let insert = "INSERT INTO posts (title, slug) VALUES ('Hello World', NULL), ('spam', NULL), ('Mine', 'chosen') RETURNING id, slug";
    assert_eq!(db.rows(insert), ["1|hello-world", "3|chosen"]);
    assert_eq!(db.json(r#"SELECT kit('{"a": 9007199254740993}')"#), json!({"input": {"a": 9_007_199_254_740_993_u64}}));
    // A row that the Rust type cannot read.
    let refusal = db.refused("INSERT INTO posts (title) VALUES (NULL)", "42804");
    assert!(refusal.says("the new row does not fit at title: invalid type: null, expected a string"), "{refusal}");
}

#[test]
fn columns_that_are_left_alone_keep_every_digit() {
    let mut db = kit("digits");
    bind(&mut db, "whole_row", "() RETURNS trigger");
    bind(&mut db, "last_digit", "() RETURNS trigger");
    db.run(
        "CREATE TABLE accounts (id bigint, balance numeric, rate float8, doc jsonb, data bytea, slug text, twice numeric GENERATED ALWAYS AS (balance * 2) STORED);
         CREATE TRIGGER a BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION whole_row();
         CREATE TRIGGER b BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION last_digit()",
    );
    let insert = r#"INSERT INTO accounts VALUES (9223372036854775807, 12345678901234567890.12345678901, 0.1, '{"b": 1.00, "aa": [1e100]}', '\x00ff', NULL) RETURNING id, balance, rate, doc, data, slug"#;
    let row = db.value(insert);
    assert!(
        row.starts_with(r#"9223372036854775807|12345678901234567890.12345678901|0.1|{"b": 1.00, "aa": [1"#),
        "{row}"
    );
    assert!(row.ends_with(r"|\x00ff|whole"), "{row}");
    assert_eq!(db.value("UPDATE accounts SET slug = 'x' RETURNING balance"), "12345678901234567890.12345678902");
}

#[test]
fn triggers_are_told_about_statements_and_arguments() {
    let mut db = kit("told");
    bind(&mut db, "told", "() RETURNS trigger");
    db.run(
        "CREATE TABLE things (id int);
         CREATE TRIGGER rows AFTER UPDATE ON things REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION told('a', 'b');
         CREATE TRIGGER row AFTER DELETE ON things FOR EACH ROW EXECUTE FUNCTION told();
         INSERT INTO things VALUES (1), (2)",
    );
    let (_, start) = db.server().log_since(0);
    db.run("UPDATE things SET id = id + 1; DELETE FROM things WHERE id = 3");
    let (log, _) = db.server().log_since(start);
    for line in [
        r#"function "kit": public.things {"op":"Some(Update)","args":["a","b"],"old":null,"rows":[2,2]}"#,
        r#"function "kit": public.things {"op":"Some(Delete)","args":[],"old":3,"rows":[0,0]}"#,
    ] {
        assert!(log.contains(line), "{line} is not in {log}");
    }
}

#[test]
fn inputs_are_read_as_types_and_refused_by_their_path() {
    let mut db = kit("inputs");
    bind(&mut db, "place", "(input jsonb) RETURNS jsonb");
    bind(&mut db, "parse", "(input jsonb) RETURNS jsonb");
    let order = json!({"customer": "ada", "lines": [{"product": 9_007_199_254_740_993_i64, "qty": 2}, {"product": 1, "qty": 3}]});
    let placed: Value = serde_json::from_str(&call(&mut db, "place", order)).unwrap();
    assert_eq!(
        placed,
        json!({"customer": "ada", "pieces": 5, "largest": 9_007_199_254_740_993_i64, "role": "postgres"})
    );
    for (input, message, column) in [
        (
            r#"{"customer": "ada", "lines": [{"product": 1, "qty": -1}]}"#,
            "input does not fit at lines[0].qty: invalid value: integer `-1`, expected u32",
            "lines[0].qty",
        ),
        (r#"{"customer": "ada"}"#, "input does not fit at lines: missing field `lines`", "lines"),
        (r#"[]"#, "input does not fit", ""),
    ] {
        let refusal = db.refused(&format!("SELECT place({})", literal(input)), "22023");
        assert!(refusal.message.starts_with(message) && refusal.column == column, "{refusal:?}");
    }
    assert_eq!(call(&mut db, "parse", json!(["1", "-9223372036854775808"])), "[1, -9223372036854775808]");
    let refusal = db.refused(r#"SELECT parse('["1", "x"]')"#, "38000");
    assert_eq!(refusal.message, "invalid digit found in string");
}

#[test]
fn text_bytes_and_scalars() {
    let mut db = kit("plain");
    bind(&mut db, "shout", "(t text) RETURNS text");
    bind(&mut db, "mirror", "(b bytea) RETURNS bytea");
    bind(&mut db, "share", "(part bigint, total bigint) RETURNS bigint");
    assert_eq!(db.value("SELECT shout('grüße')"), "GRÜSSE");
    assert_eq!(db.value("SELECT shout('') = '', shout('') IS NULL"), "t|f");
    assert_eq!(db.value(r"SELECT mirror('\x0001020304050607ff')"), r"\xff0706050403020100");
    assert_eq!(db.value("SELECT share(9007199254740993, 300)"), "3002399751580331");
    let refusal = db.refused("SELECT share(1, 0)", "38000");
    assert!(refusal.message.starts_with("function panicked at src/lib.rs:"), "{refusal}");
    assert!(refusal.message.ends_with(": attempt to divide by zero"), "{refusal}");
}

#[test]
fn rows_come_as_structs_tuples_and_values() {
    let mut db = kit("queries");
    bind(&mut db, "queries", "() RETURNS json");
    bind(&mut db, "cursors", "() RETURNS json");
    let found = db.value("SELECT queries()");
    // As text, for the sake of the digits.
    for part in [
        r#""big":9223372036854775807"#,
        r#""exact":"123456789012345678901234567890.000000001""#,
        r#""bytes":"\\x00ff""#,
        r#""none":null"#,
        r#""list":[1,2]"#,
        r#""doc":{"a":[1,"x"]}"#,
        r#""pairs":[[1,"n1"],[2,"n2"],[3,"n3"]]"#,
        r#""count":10"#,
        r#""several":"P0003""#,
        r#""columns":["a","b"]"#,
        r#""row_count":1"#,
    ] {
        assert!(found.contains(part), "{part} is not in {found}");
    }
    assert_eq!(db.value("SELECT cursors()"), format!("[{},55]", 1050 * 1051 / 2));
    assert_eq!(db.value("SELECT count(*) FROM pg_cursors"), "0");
}

#[test]
fn transactions_are_kept_or_undone() {
    let mut db = kit("transactions");
    bind(&mut db, "transactions", "() RETURNS jsonb");
    db.run("CREATE TABLE numbers (n int CONSTRAINT one_of_each PRIMARY KEY)");
    let taken = r#"23505 Some(\"one_of_each\")"#;
    assert_eq!(db.value("SELECT transactions()"), format!(r#"[2, "{taken}", "{taken}"]"#));
    assert_eq!(db.rows("SELECT n FROM numbers ORDER BY n"), ["1", "2", "5", "6"]);
}

#[test]
fn a_failed_statement_reaches_the_caller_as_it_is() {
    let mut db = kit("failures");
    bind(&mut db, "fail", "(input jsonb) RETURNS jsonb");
    db.run("CREATE TABLE numbers (n int CONSTRAINT one_of_each PRIMARY KEY)");
    for how in ["query", "uncaught", "transaction", "later", "changed"] {
        let refusal = db.refused(&format!(r#"SELECT fail('{{"how": "{how}"}}')"#), "23505");
        assert_eq!(refusal.message, "duplicate key value violates unique constraint \"one_of_each\"", "{how}");
        assert_eq!(refusal.detail, "Key (n)=(7) already exists.", "{how}");
        assert_eq!((refusal.schema.as_str(), refusal.table.as_str()), ("public", "numbers"), "{how}");
        assert_eq!(refusal.constraint, "one_of_each", "{how}");
        assert_eq!(refusal.hint, if how == "changed" { "Take another number." } else { "" }, "{how}");
        assert!(refusal.context.contains("alyx function \"kit\""), "{how}: {refusal}");
    }
}

#[test]
fn errors_have_all_fields_and_panics_their_place() {
    let mut db = kit("errors");
    bind(&mut db, "fail", "(input jsonb) RETURNS jsonb");
    db.run("CREATE TABLE numbers (n int PRIMARY KEY)");
    let mut fail = |how: &str, code: &str| db.refused(&format!(r#"SELECT fail('{{"how": "{how}"}}')"#), code);
    let own = fail("own", "38000");
    assert_eq!(own.message, "only 2 left");
    assert_eq!(own.detail, r#"{"code":"OUT_OF_STOCK","field":"qty","available":2}"#);
    assert_eq!((own.column.as_str(), own.hint.as_str()), ("qty", "Order fewer."));
    let sqlstate = fail("sqlstate", "P0001");
    assert_eq!((sqlstate.message.as_str(), sqlstate.detail.as_str()), ("not today", "closed"));
    assert_eq!((sqlstate.table.as_str(), sqlstate.constraint.as_str()), ("orders", "open"));
    assert_eq!(fail("http", "PT404").message, "no such post");
    assert_eq!(fail("retry", "38000").message, "later");
    assert_eq!(fail("grüße", "38000").message, "grüße");
    for (how, said) in [
        ("panic", ": the answer is 42"),
        ("index", ": index out of bounds: the len is 0 but the index is 5"),
        ("unwrap", ": called `Result::unwrap()` on an `Err` value: Error { code: \"23505\""),
    ] {
        let refusal = fail(how, "38000");
        let place = refusal.message.strip_prefix("function panicked at src/lib.rs:");
        assert!(place.is_some_and(|rest| rest.contains(said)), "{how}: {refusal}");
    }
}

#[test]
fn entries_are_kept_and_listed() {
    let mut db = kit("kv");
    bind(&mut db, "keys", "() RETURNS jsonb");
    let expected = json!({
        "before": null, "n": i64::MAX, "first": [1, 2], "expires": true, "more": true, "next": "list:b",
        "deleted": [true, false], "wrong": "the value of key \"n\" does not fit: invalid type: integer `9223372036854775807`, expected a string",
    });
    assert_eq!(db.json("SELECT keys()"), expected);
}

#[test]
fn environment_other_functions_and_the_web() {
    let mut db = kit("others");
    db.deploy("adds", &module(), "entrypoint: adds\n");
    bind(&mut db, "others", "() RETURNS jsonb");
    bind(&mut db, "jobs", "() RETURNS jsonb");
    let expected = json!({
        "env": "hello", "same": "hello", "none": null, "sum": i64::MAX, "missing": "42883", "fetch": "42501", "function": "kit",
    });
    assert_eq!(db.json("SELECT others()"), expected);
    // The shared server does not preload, so there is no queue.
    assert_eq!(db.json("SELECT jobs()"), json!([{"Err": "55000"}, {"Err": "55000"}]));
}

#[test]
fn jobs_are_made_and_told_what_they_are() {
    let cluster = Cluster::preloaded("rust_kit", &[]);
    let mut db = Db::on(cluster.server().clone(), "rust_kit_jobs");
    db.run("CREATE TABLE notes (id uuid, trigger text, attempt int, input jsonb)");
    db.deploy("kit", &module(), "");
    db.deploy("note", &module(), "entrypoint: note\n");
    bind(&mut db, "jobs", "() RETURNS jsonb");
    bind(&mut db, "lines", "() RETURNS void");
    let made = db.json("SELECT jobs()");
    assert!(made.as_array().unwrap().iter().all(|job| job["Ok"].as_str().is_some_and(|id| id.len() == 36)), "{made}");
    let waiting = "SELECT priority, ordering_key, dedupe_key, input, run_at > now() + '50 minutes' FROM alyx.jobs WHERE priority = 3";
    assert_eq!(db.value(waiting), r#"3|k|d|{"n": 2}|t"#);
    let id = db.value(r#"SELECT fn_enqueue('note', '{"n": 9007199254740993}')"#);
    wait_until("the job is done", || db.value("SELECT count(*) FROM notes") == "1");
    assert_eq!(db.value("SELECT * FROM notes"), format!(r#"{id}|Queue None|1|{{"n": 9007199254740993}}"#));
    db.run("TRUNCATE notes");
    db.run(r#"SELECT fn_schedule('note', '@every 1s', input => '{"n": 3}')"#);
    wait_until("the schedule has fired", || db.value("SELECT count(*) > 0 FROM notes") == "t");
    assert_eq!(db.value("SELECT trigger, attempt, input FROM notes LIMIT 1"), r#"Schedule Some("UTC")|1|{"n": 3}"#);
    db.run("SELECT lines()");
    let logged = "SELECT level, message FROM alyx.logs WHERE function = 'kit' ORDER BY line";
    wait_until("the lines are stored", || db.rows(logged).len() == 4);
    assert_eq!(db.rows(logged)[1], r#"info|info 2 {"id":9007199254740993,"title":"ello","tags":["a"]}"#);
}

#[test]
fn lines_have_a_level_and_fields() {
    let mut db = kit("lines");
    bind(&mut db, "lines", "() RETURNS void");
    let (_, start) = db.server().log_since(0);
    db.run("SET log_min_messages = debug1; SELECT lines()");
    let (log, _) = db.server().log_since(start);
    for line in [
        "DEBUG:  function \"kit\": debug Hello",
        "LOG:  function \"kit\": info 2 {\"id\":9007199254740993,\"title\":\"ello\",\"tags\":[\"a\"]}",
        "WARNING:  function \"kit\": warn",
        "WARNING:  function \"kit\": error {\"id\":9007199254740993}",
    ] {
        assert!(log.contains(line), "{line} is not in {log}");
    }
}

#[test]
fn kept_instances_forget_the_call_before() {
    let mut db = kit("kept");
    db.deploy("kit", &module(), "instances: session\n");
    bind(&mut db, "fail", "(input jsonb) RETURNS jsonb");
    db.run(
        "CREATE TABLE numbers (n int PRIMARY KEY); CREATE TABLE posts (title text, slug text);
         CREATE TRIGGER slug BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION kit()",
    );
    // An event after a plain call and the other way round, failures between them.
    for _ in 0..3 {
        assert_eq!(db.json("SELECT kit('[1]')"), json!({"input": [1]}));
        assert_eq!(db.value("INSERT INTO posts VALUES ('A B') RETURNING slug"), "a-b");
        db.refused(r#"SELECT fail('{"how": "query"}')"#, "23505");
        db.refused(r#"SELECT fail('{"how": "own"}')"#, "38000");
    }
}
