//! How the guest's output becomes an SQL value: `echo` returns what the test gives it.

use alyx_tests::Db;

fn db(test: &str) -> Db {
    let mut db = Db::new(test);
    db.deploy_guest("echo");
    db
}

#[test]
fn text_and_json_are_checked() {
    let mut db = db("results_checked");
    db.run(
        "CREATE FUNCTION to_text(bytea) RETURNS text LANGUAGE wasm AS 'echo';
         CREATE FUNCTION to_varchar(bytea) RETURNS varchar LANGUAGE wasm AS 'echo';
         CREATE FUNCTION to_json_(bytea) RETURNS json LANGUAGE wasm AS 'echo';
         CREATE FUNCTION to_jsonb_(bytea) RETURNS jsonb LANGUAGE wasm AS 'echo';
         CREATE FUNCTION to_bytea(bytea) RETURNS bytea LANGUAGE wasm AS 'echo'",
    );
    for bytes in ["ff", "c3", "c080", "eda080", "f8888080", "61ff62", "6100"] {
        db.refused(&format!("SELECT to_text('\\x{bytes}')"), "38000");
        db.refused(&format!("SELECT to_json_('\\x22{bytes}22')"), "38000");
        db.refused(&format!("SELECT to_jsonb_('\\x22{bytes}22')"), "38000");
        assert_eq!(db.value(&format!("SELECT to_bytea('\\x{bytes}')")), format!("\\x{bytes}"));
    }
    for text in ["nope", "{\"a\":}", "[1,2", "{} {}", "'a'", "NaN", "01"] {
        db.refused(&format!("SELECT to_json_(convert_to($${text}$$, 'UTF8'))"), "38000");
        db.refused(&format!("SELECT to_jsonb_(convert_to($${text}$$, 'UTF8'))"), "38000");
    }
    assert_eq!(db.value("SELECT to_json_('{\"b\": 1,  \"a\": 2}')"), r#"{"b": 1,  "a": 2}"#, "json keeps its spelling");
    assert_eq!(
        db.value("SELECT to_jsonb_('{\"b\":1,\"a\":2}'), to_jsonb_(' [1] '), to_jsonb_('\"x\"')"),
        r#"{"a": 2, "b": 1}|[1]|"x""#
    );
    assert_eq!(
        db.value("SELECT to_jsonb_('12345678901234567890.12345678901234567890')"),
        "12345678901234567890.12345678901234567890"
    );
    assert_eq!(db.value("SELECT to_text('grüße'::text::bytea)"), "grüße");
}

#[test]
fn json_no_jsonb_can_hold_is_an_error_not_a_crash() {
    let mut db = db("results_hostile_json");
    db.run("CREATE FUNCTION to_jsonb_(text) RETURNS jsonb LANGUAGE wasm AS 'echo'; CREATE FUNCTION to_json_(text) RETURNS json LANGUAGE wasm AS 'echo'");
    let refusal = db.refusal(r#"SELECT to_jsonb_('"\u0000"')"#);
    assert!(["38000", "22P05"].contains(&refusal.code.as_str()), "{refusal}");
    for function in ["to_json_", "to_jsonb_"] {
        let refusal = db.refusal(&format!("SELECT {function}(repeat('[', 1000000))"));
        assert!(["38000", "54001"].contains(&refusal.code.as_str()), "{refusal}");
    }
    assert_eq!(db.value("SELECT to_jsonb_('1')"), "1");
}

#[test]
fn no_output_is_null() {
    let mut db = db("results_null");
    db.deploy_guest("silent");
    db.run(
        "CREATE TYPE pair AS (a int, b text);
         CREATE FUNCTION s_text(text) RETURNS text LANGUAGE wasm AS 'silent';
         CREATE FUNCTION s_bytea(text) RETURNS bytea LANGUAGE wasm AS 'silent';
         CREATE FUNCTION s_json(text) RETURNS json LANGUAGE wasm AS 'silent';
         CREATE FUNCTION s_int(text) RETURNS int LANGUAGE wasm AS 'silent';
         CREATE FUNCTION s_pair(text) RETURNS pair LANGUAGE wasm AS 'silent';
         CREATE FUNCTION s_void(text) RETURNS void LANGUAGE wasm AS 'silent';
         CREATE FUNCTION s_set(text) RETURNS SETOF int LANGUAGE wasm AS 'silent'",
    );
    assert_eq!(db.value("SELECT s_text('') IS NULL, s_bytea('') IS NULL, s_json('') IS NULL, silent('{}') IS NULL, s_int('') IS NULL, s_pair('') IS NULL"), "t|t|t|t|t|t");
    assert_eq!(db.rows("SELECT * FROM s_set('')"), [""; 0]);
    db.run("SELECT s_void('')");
}

#[test]
fn other_scalars_go_through_their_types_input_function() {
    let mut db = db("results_scalars");
    db.run("SET timezone = 'UTC'; CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0)");
    for (kind, output, wanted) in [
        ("int", "42", "42"),
        ("bigint", "9223372036854775807", "9223372036854775807"),
        ("numeric", "0.10000000000000000000000000000000000001", "0.10000000000000000000000000000000000001"),
        ("numeric", "\"NaN\"", "NaN"),
        ("float8", "1e308", "1e+308"),
        ("boolean", "true", "t"),
        ("uuid", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("date", "\"2024-02-29\"", "2024-02-29"),
        ("timestamptz", "\"2024-02-29T12:00:00Z\"", "2024-02-29 12:00:00+00"),
        ("interval", "\"1 day 02:00\"", "1 day 02:00:00"),
        ("mood", "\"happy\"", "happy"),
        ("positive", "7", "7"),
        ("int[]", "[1, null, 3]", "{1,NULL,3}"),
        ("text[]", "[\"a\", \"b,c\", \"d\\\"e\", null]", "{a,\"b,c\",\"d\\\"e\",NULL}"),
        ("int[]", "[[1, 2], [3, 4]]", "{{1,2},{3,4}}"),
        ("int[]", "[]", "{}"),
        ("int4range", "\"[1,5)\"", "[1,5)"),
        ("int", "null", "NULL"),
    ] {
        db.run(&format!("CREATE OR REPLACE FUNCTION pg_temp.f(json) RETURNS {kind} LANGUAGE wasm AS 'echo'"));
        assert_eq!(db.value(&format!("SELECT pg_temp.f($${output}$$)")), wanted, "{output} as {kind}");
        db.run("DROP FUNCTION pg_temp.f(json)");
    }
    for (kind, output, codes) in [
        ("int", "99999999999", ["22003", "22003"]),
        ("int", "\"seven\"", ["22P02", "38000"]),
        ("int", "{}", ["22P02", "38000"]),
        ("int", "[1]", ["22P02", "38000"]),
        ("mood", "\"angry\"", ["22P02", "22P02"]),
        ("positive", "-7", ["23514", "23514"]),
        ("positive[]", "[1, -7]", ["23514", "23514"]),
        ("date", "\"2023-02-29\"", ["22008", "22008"]),
        ("int[]", "[[1], [2, 3]]", ["2202E", "22P02"]),
    ] {
        db.run(&format!("CREATE OR REPLACE FUNCTION pg_temp.f(json) RETURNS {kind} LANGUAGE wasm AS 'echo'"));
        let refusal = db.refusal(&format!("SELECT pg_temp.f($${output}$$)"));
        assert!(codes.contains(&refusal.code.as_str()), "{output} as {kind}: {refusal}");
        db.run("DROP FUNCTION pg_temp.f(json)");
    }
}

#[test]
fn a_domain_that_forbids_null_is_asked() {
    let mut db = db("results_domain_null");
    db.deploy_guest("silent");
    db.run("CREATE DOMAIN present AS text NOT NULL; CREATE FUNCTION f(text) RETURNS present LANGUAGE wasm AS 'silent'");
    db.refused("SELECT f('')", "23502");
}

#[test]
fn an_object_is_a_composite() {
    let mut db = db("results_composite");
    db.run(
        "CREATE TYPE inner_pair AS (x int, y numeric);
         CREATE TYPE outer_pair AS (id int, label text, child inner_pair, tags text[]);
         CREATE FUNCTION f(json) RETURNS outer_pair LANGUAGE wasm AS 'echo';
         CREATE TABLE t (a int, gone int, b text); ALTER TABLE t DROP gone;
         CREATE FUNCTION of_table(json) RETURNS t LANGUAGE wasm AS 'echo';
         CREATE FUNCTION outs(i json, OUT a int, OUT b text) LANGUAGE wasm AS 'echo'",
    );
    assert_eq!(db.value(r#"SELECT (f('{"label": "x", "id": 1, "child": {"y": 0.10, "x": 2}, "tags": ["a", "b"], "extra": true}')).*"#), "1|x|(2,0.10)|{a,b}");
    assert_eq!(db.value(r#"SELECT (f('{}')).id IS NULL, f('null') IS NULL"#), "t|t");
    assert_eq!(db.value(r#"SELECT * FROM of_table('{"a": 1, "b": "x"}')"#), "1|x");
    assert_eq!(db.value(r#"SELECT * FROM outs('{"a": 1, "b": "x"}')"#), "1|x");
    for bad in ["[1]", "5", "\"x\""] {
        let refusal = db.refusal(&format!("SELECT f('{bad}')"));
        assert_ne!(refusal.code, "XX000", "{bad}: {refusal}");
    }
}

#[test]
fn an_array_is_a_set() {
    let mut db = db("results_set");
    db.run(
        "CREATE TYPE pair AS (a int, b text);
         CREATE FUNCTION ints(json) RETURNS SETOF int LANGUAGE wasm AS 'echo';
         CREATE FUNCTION pairs(json) RETURNS SETOF pair LANGUAGE wasm AS 'echo';
         CREATE FUNCTION tab(json) RETURNS TABLE (a int, b text) LANGUAGE wasm AS 'echo';
         CREATE FUNCTION docs(json) RETURNS SETOF jsonb LANGUAGE wasm AS 'echo';
         CREATE FUNCTION texts(json) RETURNS SETOF text LANGUAGE wasm AS 'echo'",
    );
    assert_eq!(db.rows("SELECT * FROM ints('[1, null, 3]')"), ["1", "NULL", "3"]);
    assert_eq!(db.rows("SELECT ints('[1, 2]')"), ["1", "2"], "in the select list too");
    assert_eq!(db.rows("SELECT * FROM ints('[]')"), [""; 0]);
    assert_eq!(db.rows(r#"SELECT * FROM pairs('[{"a": 1, "b": "x"}, {"b": "y"}]')"#), ["1|x", "NULL|y"]);
    assert_eq!(db.rows(r#"SELECT b, a FROM tab('[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]') WHERE a > 1"#), ["y|2"]);
    assert_eq!(db.rows(r#"SELECT * FROM docs('[{"a": 1}, [2], "x", null]')"#).len(), 4);
    assert_eq!(db.rows(r#"SELECT * FROM texts('["a", "b"]')"#), ["a", "b"]);
    assert_eq!(
        db.rows("SELECT i, x FROM generate_series(1, 2) i, LATERAL ints('[7, 8]') x"),
        ["1|7", "1|8", "2|7", "2|8"]
    );
    assert_eq!(
        db.value("SELECT count(*), sum(x) FROM ints((SELECT json_agg(i) FROM generate_series(1, 100000) i)) x"),
        "100000|5000050000"
    );
    assert_eq!(db.rows("SELECT * FROM ints('[1, 2, 3]') LIMIT 1"), ["1"]);
    let refusal = db.refusal("SELECT * FROM ints('{\"a\": 1}')");
    assert_ne!(refusal.code, "XX000", "{refusal}");
}

#[test]
fn a_record_takes_the_shape_that_the_query_asks_for() {
    let mut db = db("results_record");
    db.run(
        "CREATE FUNCTION rec(json) RETURNS record LANGUAGE wasm AS 'echo';
         CREATE FUNCTION recs(json) RETURNS SETOF record LANGUAGE wasm AS 'echo';
         CREATE FUNCTION ints(json) RETURNS SETOF int LANGUAGE wasm AS 'echo'",
    );
    assert_eq!(db.value(r#"SELECT * FROM rec('{"b": "x", "a": 1}') AS t(a int, b text)"#), "1|x");
    assert_eq!(db.rows(r#"SELECT * FROM recs('[{"a": 1}, {"b": "y"}]') AS t(a int, b text)"#), ["1|NULL", "NULL|y"]);
    db.refused(r#"SELECT rec('{"a": 1}')"#, "0A000");
    assert_eq!(db.rows("SELECT * FROM ROWS FROM (ints('[1, 2]'), ints('[3]')) WITH ORDINALITY"), ["1|3|1", "2|NULL|2"]);
    db.run("BEGIN; DECLARE c SCROLL CURSOR FOR SELECT * FROM ints('[1, 2, 3]'); MOVE ALL IN c");
    assert_eq!(db.rows("FETCH BACKWARD 2 FROM c"), ["3", "2"]);
    db.run("ROLLBACK");
}
