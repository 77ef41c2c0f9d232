//! db_query's values, both ways: every common type, bound and never spliced.

use alyx_tests::{Db, literal};
use serde_json::json;

fn db(test: &str) -> Db {
    let mut db = Db::new(test);
    db.deploy_query();
    db
}

#[test]
fn parameters_and_results_of_all_common_types() {
    let mut db = db("query_types");
    db.run(
        "SET timezone = 'UTC'; CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (a int, b text);
         CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%')",
    );
    for (kind, parameter, result) in [
        ("smallint", "-32768", "-32768"),
        ("int", "2147483647", "2147483647"),
        ("bigint", "-9223372036854775808", "-9223372036854775808"),
        ("bigint", "9007199254740993", "9007199254740993"),
        ("bigint", "\"9223372036854775807\"", "9223372036854775807"),
        (
            "numeric",
            "12345678901234567890.00000000000000000000000001",
            "12345678901234567890.00000000000000000000000001",
        ),
        ("numeric", "\"0.10\"", "0.10"),
        ("numeric", "\"NaN\"", "\"NaN\""),
        ("real", "0.5", "0.5"),
        ("float8", "1.5e10", "15000000000"),
        ("float8", "\"-Infinity\"", "\"-Infinity\""),
        ("boolean", "true", "true"),
        ("text", "\"it's \\\"quoted\\\" \\\\ grüße \\ud83d\\ude00\"", "\"it's \\\"quoted\\\" \\\\ grüße 😀\""),
        ("text", "5", "\"5\""),
        ("varchar", "\"x\"", "\"x\""),
        ("bytea", "\"\\\\xdeadbeef\"", "\"\\\\xdeadbeef\""),
        ("uuid", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""),
        ("date", "\"2024-02-29\"", "\"2024-02-29\""),
        ("time", "\"12:34:56.789\"", "\"12:34:56.789\""),
        ("timestamp", "\"2024-02-29 12:00:00.123456\"", "\"2024-02-29T12:00:00.123456\""),
        ("timestamptz", "\"2024-02-29T12:00:00Z\"", "\"2024-02-29T12:00:00+00:00\""),
        ("interval", "\"1 day 02:00\"", "\"1 day 02:00:00\""),
        ("json", "{\"a\": [1, null]}", "{\"a\": [1, null]}"),
        ("jsonb", "{\"b\": 1, \"a\": \"x\"}", "{\"a\": \"x\", \"b\": 1}"),
        ("jsonb", "[1, 2]", "[1, 2]"),
        ("jsonb", "\"text\"", "\"text\""),
        ("jsonb", "5.50", "5.50"),
        ("int[]", "[1, null, 3]", "[1, null, 3]"),
        ("int[]", "[[1, 2], [3, 4]]", "[[1, 2], [3, 4]]"),
        ("int[]", "[]", "[]"),
        (
            "text[]",
            "[\"a\", \"b,c\", \"\\\"d\\\"\", \"\", \"NULL\", null]",
            "[\"a\", \"b,c\", \"\\\"d\\\"\", \"\", \"NULL\", null]",
        ),
        ("bytea[]", "[\"\\\\x00ff\"]", "[\"\\\\x00ff\"]"),
        ("pair", "{\"b\": \"x \\\"y\\\"\", \"a\": 1}", "{\"a\": 1, \"b\": \"x \\\"y\\\"\"}"),
        ("pair[]", "[{\"a\": 1, \"b\": \"x\"}, null]", "[{\"a\": 1, \"b\": \"x\"}, null]"),
        ("mood", "\"happy\"", "\"happy\""),
        ("mood[]", "[\"happy\", \"sad\"]", "[\"happy\", \"sad\"]"),
        ("positive", "7", "7"),
        ("email", "\"a@b\"", "\"a@b\""),
        ("int4range", "\"[1,5)\"", "\"[1,5)\""),
        ("inet", "\"10.0.0.1\"", "\"10.0.0.1\""),
        ("regclass", "\"pg_class\"", "\"pg_class\""),
        ("int", "null", "null"),
        ("jsonb", "null", "null"),
    ] {
        let request = literal(&format!("{{\"sql\": \"SELECT $1::{kind} AS v\", \"params\": [{parameter}]}}"));
        let reply = db.value(&format!("SELECT query({request})"));
        let value = db.value(&format!("SELECT ({}::jsonb #> '{{rows,0,v}}')::text", literal(&reply)));
        assert_eq!(value, result, "{parameter} as {kind}: {reply}");
    }
    for (kind, parameter, code) in [
        ("int", "99999999999", "22003"),
        ("int", "\"seven\"", "22P02"),
        ("int", "1.5", "22P02"),
        ("positive", "-1", "23514"),
        ("mood", "\"angry\"", "22P02"),
        ("date", "\"2023-02-29\"", "22008"),
        ("uuid", "\"x\"", "22P02"),
    ] {
        let request = literal(&format!("{{\"sql\": \"SELECT $1::{kind} AS v\", \"params\": [{parameter}]}}"));
        let reply = db.json(&format!("SELECT query({request})"));
        assert_eq!(reply["error"]["code"], code, "{parameter} as {kind}: {reply}");
    }
}

#[test]
fn parameters_are_bound_and_never_spliced() {
    let mut db = db("query_injection");
    db.run("CREATE TABLE t (v text)");
    for hostile in [
        "'; DROP TABLE t; --",
        "$1",
        "\\'; DROP TABLE t; --",
        "');DELETE FROM t;--",
        "\u{2019}",
        "\u{0}x",
        "$$;DROP TABLE t;$$",
    ] {
        let request = json!({"sql": "INSERT INTO t VALUES ($1) RETURNING v", "params": [hostile]}).to_string();
        if hostile.contains('\0') {
            // jsonb cannot hold it; the guest itself can send it.
            db.run("CREATE FUNCTION query_text(json) RETURNS json LANGUAGE wasm AS 'ask:db_query'");
            let reply = db.json(&format!("SELECT query_text({})", literal(&request)));
            assert!(reply["error"]["code"].is_string(), "a NUL byte is an error, not a truncation: {reply}");
        } else {
            let reply = db.json(&format!("SELECT query({})", literal(&request)));
            assert_eq!(reply["rows"][0]["v"], hostile, "{reply}");
        }
    }
    assert_eq!(db.value("SELECT count(*) FROM t"), "6");
}

#[test]
fn malformed_requests_are_answered_with_an_error() {
    let mut db = db("query_malformed");
    db.run("CREATE FUNCTION raw(text) RETURNS json LANGUAGE wasm AS 'ask:db_query'");
    for request in [
        "nonsense",
        "{}",
        "[]",
        "{\"sql\": 5}",
        "{\"sql\": \"SELECT 1\", \"params\": 5}",
        "{\"sql\": \"\"}",
        "{\"sql\": \"SELECT $1\"}",
        "{\"sql\": \"SELECT 1\", \"params\": [1]}",
        "{\"sql\": \"SELEC 1\"}",
    ] {
        match db.attempt(&format!("SELECT raw({})", literal(request))) {
            Ok(rows) => assert!(rows[0].contains("\"error\""), "{request}: {rows:?}"),
            Err(refusal) => assert_ne!(refusal.code, "XX000", "{request}: {refusal}"),
        }
    }
}

#[test]
fn parameters_whose_type_no_one_names_are_inferred() {
    let mut db = db("query_inferred");
    db.run("CREATE TABLE t (id bigint, n numeric, j jsonb, xs text[], at timestamptz)");
    let request = json!({"sql": "INSERT INTO t VALUES ($1, $2, $3, $4, $5) RETURNING id, n, j, xs", "params": [1, "2.50", {"k": 1}, ["a"], "2024-01-01T00:00:00Z"]});
    let reply = db.json(&format!("SELECT query({})", literal(&request.to_string())));
    assert_eq!(reply["rows"], json!([{"id": 1, "n": 2.50, "j": {"k": 1}, "xs": ["a"]}]), "{reply}");
    for (sql, parameter) in [("SELECT $1 AS v", json!("x")), ("SELECT coalesce($1, 'z') AS v", json!("x"))] {
        let reply =
            db.json(&format!("SELECT query({})", literal(&json!({"sql": sql, "params": [parameter]}).to_string())));
        assert_eq!(reply["rows"][0]["v"], "x", "{sql}: {reply}");
    }
}

#[test]
fn duplicate_and_odd_column_names_do_no_harm() {
    let mut db = db("query_columns");
    let reply = db.json(r#"SELECT query('{"sql": "SELECT 1 AS \"a \"\" b\", 2 AS x, 3 AS x, 4"}')"#);
    assert_eq!((&reply["rows"][0]["a \" b"], &reply["row_count"]), (&json!(1), &json!(1)), "{reply}");
}

#[test]
fn a_parameter_that_is_not_used_is_no_internal_error() {
    let mut db = db("query_unused");
    for sql in ["SELECT $2::int AS v", "SELECT $70000::int AS v"] {
        let request = json!({"sql": sql, "params": [1, 2]}).to_string();
        let reply = db.json(&format!("SELECT query({})", literal(&request)));
        // Served, or refused in Postgres' words (42P18) or ours.
        assert!(
            reply["rows"][0]["v"] == 2 || reply["error"]["code"].as_str().is_some_and(|code| code != "XX000"),
            "{sql}: {reply}"
        );
    }
}
