//! How SQL arguments reach the guest: `echo` shows its input.

use alyx_tests::Db;

fn db(test: &str) -> Db {
    let mut db = Db::new(test);
    db.deploy_guest("echo");
    db
}

/// jsonb is read and made in its stored form by code of ours: every value must come out as Postgres makes it, to the bit.
#[test]
fn jsonb_goes_through_a_guest_unchanged() {
    let mut db = Db::new("jsonb_whole");
    db.deploy_guest("echo");
    db.run(
        "CREATE FUNCTION whole(jsonb) RETURNS jsonb LANGUAGE wasm AS 'echo';
         CREATE FUNCTION text_of(jsonb) RETURNS text LANGUAGE wasm AS 'echo';
         CREATE FUNCTION made(text) RETURNS jsonb LANGUAGE wasm AS 'echo';
         CREATE TABLE texts (id serial, json text);",
    );
    let long = "x".repeat(300);
    let nested = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let deeper = format!("{}{{}}{}", "[".repeat(200), "]".repeat(200));
    let many: Vec<String> = (0..100).map(|i| format!("\"k{}\": [{i}, \"{i}\"]", (i * 37) % 100)).collect();
    let numbers: Vec<String> =
        (0..80).map(|i| format!("{}{}", if i % 2 == 0 { "-" } else { "" }, i * 12_347)).collect();
    let (many, numbers) = (format!("{{{}}}", many.join(",")), format!("[{}]", numbers.join(",")));
    let rows =
        format!("[{}]", vec!["{\"id\": 1, \"title\": \"\u{fc}ber\", \"n\": 1.50, \"t\": [true, null]}"; 50].join(","));
    let texts = [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "7",
        "-1",
        "42",
        "9999",
        "10000",
        "-10000",
        "10001",
        "12345678",
        "99999999",
        "100000000",
        "20000000",
        "1.0",
        "1.50",
        "-0.001",
        "0.0",
        "-0.0",
        "123456789012345678901234567890.123456789",
        "1e5",
        "1.5E-3",
        "\"\"",
        "\"a\"",
        "\"\u{e4}\u{1F642}\"",
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u00e4\ud83d\ude42\u0001""#,
        "\"\u{7f}\"",
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "{\"\": {}}",
        " [ 1 , 2 ] ",
        "{ \"b\" : 1 , \"a\" : 2 }",
        "{\"a\": 1, \"a\": 2, \"a\": 3}",
        "{\"bb\": 1, \"a\": 2, \"ab\": 3, \"\u{e4}\": 4, \"a\": [5]}",
        r#"{"\u0061": 1, "a": 2}"#,
        "[\"a\", 1, \"bc\", 2.5, [\"def\", {\"k\": [true, false, null, -5]}], \"x\", 7]",
        &long,
        &nested,
        &deeper,
        &many,
        &numbers,
        &rows,
    ];
    for text in texts {
        let json = if text.starts_with('x') { format!("\"{text}\"") } else { text.to_owned() };
        db.run(&format!("INSERT INTO texts (json) VALUES ($json${json}$json$)"));
    }
    let differ = "SELECT string_agg(json, E'\\n') FROM texts, LATERAL (SELECT json::jsonb AS j) x WHERE ";
    assert_eq!(db.value(&format!("{differ} text_of(j) IS DISTINCT FROM j::text")), "NULL", "read");
    for made in ["whole(j)", "made(json)"] {
        assert_eq!(
            db.value(&format!("{differ} {made} IS DISTINCT FROM j OR {made}::text <> j::text")),
            "NULL",
            "{made}"
        );
        assert_eq!(db.value(&format!("{differ} pg_column_size({made}) <> pg_column_size(j)")), "NULL", "{made}, size");
        assert_eq!(
            db.value(&format!("{differ} NOT ({made} @> j AND j @> {made}) OR jsonb_hash({made}) <> jsonb_hash(j)")),
            "NULL",
            "{made}, members"
        );
        // What is stored, byte for byte.
        let stored = |value: &str| format!("md5(record_send(ROW({value}))) || md5(array_send(ARRAY[{value}]))");
        assert_eq!(db.value(&format!("{differ} {} <> {}", stored(made), stored("j"))), "NULL", "{made}, sent");
    }
    db.run("CREATE TABLE a AS SELECT id, made(json) AS j FROM texts; CREATE TABLE b AS SELECT id, json::jsonb AS j FROM texts");
    db.run("CREATE EXTENSION IF NOT EXISTS pageinspect");
    let stored = |table: &str| {
        format!(
            "(SELECT md5(string_agg(t_data::text, ',' ORDER BY lp)) FROM generate_series(0, pg_relation_size('{table}') / 8192 - 1) p, heap_page_items(get_raw_page('{table}', p::int)))"
        )
    };
    assert_eq!(db.value(&format!("SELECT {} = {}", stored("a"), stored("b"))), "t", "the same bytes on the page");
}

/// What jsonb_in refuses is refused with its words, whoever has read the text first.
#[test]
fn what_is_no_jsonb_is_refused_as_ever() {
    let mut db = Db::new("jsonb_refused");
    db.deploy_guest("echo");
    db.run("CREATE FUNCTION made(text) RETURNS jsonb LANGUAGE wasm AS 'echo'");
    for text in [
        " ",
        "01",
        "1.",
        "-",
        "[1,]",
        "[,]",
        "{\"a\"}",
        "{\"a\":1,}",
        "nul",
        "[1 2]",
        "\"a",
        "\"\\x\"",
        "\"a\nb\"",
        "{a: 1}",
        "[1] x",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "\"\\udc00\\ud800\"",
        "1e999999",
    ] {
        let error = db.refusal(&format!("SELECT made($json${text}$json$)"));
        let wanted = db.refusal(&format!("SELECT $json${text}$json$::jsonb"));
        let told = format!("{} {}", error.message, error.detail);
        let theirs = if wanted.detail.is_empty() { wanted.message } else { wanted.detail };
        let theirs = theirs.trim_end_matches('.').to_lowercase();
        assert!(told.to_lowercase().contains(&theirs), "{text:?}: {told} instead of {theirs}");
    }
}

#[test]
fn one_argument_of_text_bytea_json_jsonb_is_the_input_itself() {
    let mut db = db("arguments_single");
    db.run(
        "CREATE FUNCTION of_text(text) RETURNS bytea LANGUAGE wasm AS 'echo';
         CREATE FUNCTION of_bytea(bytea) RETURNS bytea LANGUAGE wasm AS 'echo';
         CREATE FUNCTION of_json(json) RETURNS text LANGUAGE wasm AS 'echo:handler';
         CREATE FUNCTION of_jsonb(jsonb) RETURNS text LANGUAGE wasm AS 'echo'",
    );
    assert_eq!(db.value("SELECT convert_from(of_text('grüße 🐘'), 'UTF8')"), "grüße 🐘");
    assert_eq!(db.value("SELECT of_bytea('\\x00ff0041')"), "\\x00ff0041");
    assert_eq!(db.value("SELECT of_json('{\"b\":1,  \"a\": 2}')"), "{\"b\":1,  \"a\": 2}", "json keeps its spelling");
    assert_eq!(
        db.json("SELECT of_jsonb('{\"b\":1,  \"a\": [1.50, null]}')").to_string(),
        r#"{"a":[1.50,null],"b":1}"#.replace("1.50", "1.5")
    );
    assert_eq!(db.value("SELECT length(of_bytea(decode(repeat('ab', 5000000), 'hex')))"), "5000000");
    assert_eq!(
        db.value("SELECT of_bytea(sha256(x)) = sha256(x) FROM (SELECT decode(repeat('00ff', 100000), 'hex') AS x) s"),
        "t"
    );
}

#[test]
fn compressed_and_external_values_arrive_whole() {
    let mut db = db("arguments_toast");
    db.run(
        "CREATE FUNCTION digest(t text) RETURNS text LANGUAGE wasm AS 'echo';
         CREATE TABLE big (id int, plain text, external text);
         ALTER TABLE big ALTER external SET STORAGE EXTERNAL;
         INSERT INTO big SELECT 1, repeat('abc', 300000), repeat('xyz', 300000)",
    );
    assert_eq!(
        db.value("SELECT md5(digest(plain)) = md5(plain), md5(digest(external)) = md5(external) FROM big"),
        "t|t"
    );
}

#[test]
fn several_named_arguments_are_an_object() {
    let mut db = db("arguments_named");
    db.run(
        "SET timezone = 'UTC'; CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (a int, b text);
         CREATE FUNCTION named(i int, big bigint, n numeric, f float8, b boolean, t text, j jsonb, d date, ts timestamptz, iv interval,
                               u uuid, xs int[], m mood, p pair, nothing text, bin bytea) RETURNS jsonb LANGUAGE wasm AS 'echo'",
    );
    let call = "named(1, 9223372036854775807, 12345678901234567890.000000000000000001, 0.1, true, 'x\"y', '{\"k\": [1]}', '2024-02-29', '2024-02-29 12:00:00+00', '1 day 02:00',
                      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', ARRAY[1, NULL, 3], 'happy', ROW(7, 'seven'), NULL, '\\xdeadbeef')";
    let expected = "jsonb_build_object('i', 1, 'big', 9223372036854775807, 'n', 12345678901234567890.000000000000000001, 'f', 0.1::float8, 'b', true, 't', 'x\"y', 'j', '{\"k\": [1]}'::jsonb,
                      'd', '2024-02-29'::date, 'ts', '2024-02-29 12:00:00+00'::timestamptz, 'iv', '1 day 02:00'::interval,
                      'u', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, 'xs', ARRAY[1, NULL, 3], 'm', 'happy'::mood, 'p', ROW(7, 'seven')::pair, 'nothing', NULL, 'bin', '\\xdeadbeef'::bytea)";
    let (got, wanted) = (db.value(&format!("SELECT {call}")), db.value(&format!("SELECT {expected}")));
    assert_eq!(got, wanted);
}

#[test]
fn names_that_need_quoting_are_kept() {
    let mut db = db("arguments_quoted");
    db.run(r#"CREATE FUNCTION odd("Mixed Case" int, "quo""te" int, "back\slash" int) RETURNS jsonb LANGUAGE wasm AS 'echo'"#);
    assert_eq!(
        db.value("SELECT odd(1, 2, 3)"),
        db.value(r#"SELECT jsonb_build_object('Mixed Case', 1, 'quo"te', 2, 'back\slash', 3)"#)
    );
}

#[test]
fn unnamed_arguments_are_an_array() {
    let mut db = db("arguments_unnamed");
    db.run("CREATE FUNCTION unnamed(int, text, int[]) RETURNS jsonb LANGUAGE wasm AS 'echo'");
    assert_eq!(db.value("SELECT unnamed(1, 'x', '{1,2}')"), r#"[1, "x", [1, 2]]"#);
}

#[test]
fn one_argument_of_another_type_is_an_object_too() {
    let mut db = db("arguments_one");
    db.run(
        "CREATE TYPE pair AS (a int, b text);
         CREATE FUNCTION one_int(n int) RETURNS jsonb LANGUAGE wasm AS 'echo';
         CREATE FUNCTION one_array(xs text[]) RETURNS jsonb LANGUAGE wasm AS 'echo';
         CREATE FUNCTION one_pair(p pair) RETURNS jsonb LANGUAGE wasm AS 'echo';
         CREATE FUNCTION many(VARIADIC xs int[]) RETURNS jsonb LANGUAGE wasm AS 'echo'",
    );
    assert_eq!(db.value("SELECT one_int(5)"), r#"{"n": 5}"#);
    assert_eq!(db.value("SELECT one_array('{a,NULL,\"b,c\"}')"), r#"{"xs": ["a", null, "b,c"]}"#);
    assert_eq!(db.value("SELECT one_pair(ROW(1, 'x'))"), r#"{"p": {"a": 1, "b": "x"}}"#);
    assert_eq!(db.value("SELECT many(1, 2, 3)"), r#"{"xs": [1, 2, 3]}"#);
    db.run("CREATE TABLE t (a int, gone int, b text); ALTER TABLE t DROP gone; INSERT INTO t VALUES (1, 'x'); CREATE FUNCTION row_of(t t) RETURNS jsonb LANGUAGE wasm AS 'echo'");
    assert_eq!(db.value("SELECT row_of(t) FROM t"), r#"{"t": {"a": 1, "b": "x"}}"#);
}

#[test]
fn defaults_and_named_notation_are_postgres_business() {
    let mut db = db("arguments_default");
    db.run("CREATE FUNCTION f(a int, b int DEFAULT 7) RETURNS jsonb LANGUAGE wasm AS 'echo'");
    assert_eq!(db.value("SELECT f(1), f(b => 2, a => 3)"), r#"{"a": 1, "b": 7}|{"a": 3, "b": 2}"#);
}

#[test]
fn null_of_a_single_argument() {
    let mut db = db("arguments_null");
    db.deploy_outcome("say", "called");
    db.run(
        "CREATE FUNCTION of_json(json) RETURNS text LANGUAGE wasm AS 'echo';
         CREATE FUNCTION of_jsonb(jsonb) RETURNS text LANGUAGE wasm AS 'echo';
         CREATE FUNCTION of_text(text) RETURNS text LANGUAGE wasm AS 'say';
         CREATE FUNCTION strict_text(text) RETURNS text LANGUAGE wasm STRICT AS 'say'",
    );
    assert_eq!(db.value("SELECT of_json(NULL), of_jsonb(NULL)"), "null|null", "the guest sees JSON null");
    assert_eq!(db.value("SELECT of_text(NULL)"), "called", "not STRICT: the guest runs, with empty input");
    assert_eq!(db.value("SELECT strict_text(NULL), strict_text('')"), "NULL|called");
}

#[test]
fn domains_are_seen_as_their_base_type() {
    let mut db = db("arguments_domain");
    db.run("CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%'); CREATE DOMAIN doc AS jsonb; CREATE FUNCTION f(email) RETURNS email LANGUAGE wasm AS 'echo'; CREATE FUNCTION g(doc) RETURNS doc LANGUAGE wasm AS 'echo'");
    assert_eq!(db.value("SELECT f('a@b'), g('[1]')"), "a@b|[1]");
    db.refused("SELECT f('nobody')", "23514");
}

#[test]
fn polymorphic_arguments_are_served_or_refused_but_never_guessed() {
    let mut db = db("arguments_polymorphic");
    match db.attempt("CREATE FUNCTION poly(a anyelement, b anyarray) RETURNS jsonb LANGUAGE wasm AS 'echo'") {
        Ok(_) => assert_eq!(db.value("SELECT poly(1, ARRAY[2, 3])"), r#"{"a": 1, "b": [2, 3]}"#),
        Err(refusal) => assert!(["0A000", "42P13"].contains(&refusal.code.as_str()), "{refusal}"),
    }
}
