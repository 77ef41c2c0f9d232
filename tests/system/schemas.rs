//! `input` and `output` of a manifest: what is refused, before and after the guest, and in which words.

use alyx_tests::{Db, guest};
use std::time::{Duration, Instant};

const ORDER: &str = "input: { order_id: {type: integer, required: true}, note: {type: string, maxLength: 5} }\noutput: { order_id: {type: integer, maximum: 99} }\n";

#[test]
fn an_input_must_meet_its_schema_on_every_way_in() {
    let mut db = Db::new("schema_input");
    db.deploy("ship", &guest("echo"), ORDER);
    assert_eq!(db.value(r#"SELECT ship('{"order_id": 7}')"#), r#"{"order_id": 7}"#);
    assert_eq!(
        db.value(r#"SELECT fn_invoke('ship', '{"order_id": 7, "more": [1]}')"#),
        r#"{"more": [1], "order_id": 7}"#
    );
    let refusal = db.refused(r#"SELECT ship('{"note": "longer"}')"#, "22023");
    assert_eq!(refusal.message, r#"invalid input of function "ship": order_id: is required"#, "{refusal}");
    assert_eq!(refusal.detail, r#"note: "longer" is longer than 5 characters"#, "{refusal}");
    assert!(refusal.context.contains(r#"alyx function "ship" version 1"#), "{refusal}");
    let refusal = db.refused(r#"SELECT fn_invoke('ship', '{"order_id": "7"}')"#, "22023");
    assert_eq!(refusal.message, r#"invalid input of function "ship": order_id: "7" is not of type "integer""#);
    for call in ["SELECT ship(NULL)", "SELECT ship('null')", "SELECT fn_invoke('ship', NULL)"] {
        assert!(db.refused(call, "22023").says("null is not of type \"object\""));
    }
    // SQL functions of other signatures lead to the same export.
    db.run("CREATE FUNCTION ship_note(order_id int, note text) RETURNS jsonb LANGUAGE wasm AS 'ship'");
    db.run("CREATE FUNCTION ship_text(input text) RETURNS text LANGUAGE wasm AS 'ship'");
    db.run("CREATE FUNCTION ship_nothing() RETURNS text LANGUAGE wasm AS 'ship'");
    assert_eq!(db.value("SELECT ship_note(7, 'a')"), r#"{"note": "a", "order_id": 7}"#);
    assert!(db.refused("SELECT ship_note(7, 'longer')", "22023").says("note: \"longer\""));
    assert!(db.refused("SELECT ship_text('{')", "22023").says("not JSON"));
    assert!(db.refused("SELECT ship_nothing()", "22023").says("there is none"));
}

#[test]
fn an_output_must_meet_its_schema() {
    let mut db = Db::new("schema_output");
    db.deploy("ship", &guest("echo"), ORDER);
    let refusal = db.refused(r#"SELECT ship('{"order_id": 100}')"#, "22023");
    assert_eq!(
        refusal.message,
        r#"invalid output of function "ship": order_id: 100 is greater than the maximum of 99"#
    );
    // A function that sets no output gives null.
    db.deploy("mute", &guest("configured"), "output: {type: [object, 'null']}");
    assert_eq!(db.value("SELECT mute('{}') IS NULL"), "t");
    db.deploy("mute", &guest("configured"), "output: {type: object}");
    assert!(db.refused("SELECT mute('{}')", "22023").says("null is not of type"));
    // What the guest raises stands over what it put out.
    db.deploy(
        "refuse",
        &guest("refuse"),
        "env: {REQUEST: '{\"message\": \"no\", \"code\": \"P0007\"}'}\noutput: {type: object}",
    );
    db.refused("SELECT refuse('{}')", "P0007");
    // And an effect of the refused call is undone like any other.
    db.run("CREATE TABLE effects (n int)");
    db.deploy(
        "write",
        &guest("configured"),
        "env: {QUERY: '{\"sql\": \"INSERT INTO effects VALUES (1)\"}'}\noutput: {type: object}",
    );
    db.refused("SELECT write('{}')", "22023");
    assert_eq!(db.value("SELECT count(*) FROM effects"), "0");
}

#[test]
fn rows_of_triggers_and_other_exports_are_no_inputs() {
    let mut db = Db::new("schema_trigger");
    db.run("CREATE TABLE orders (id int)");
    let hook = "hooks:\n  - {type: database, source: orders, action: insert, timing: before}\n";
    db.deploy(
        "change",
        &guest("configured"),
        &format!(
            "env: {{OUTCOME: '{{\"row\": {{\"id\": 5}}}}'}}\ninput: {{type: 'null'}}\noutput: {{type: 'null'}}\n{hook}"
        ),
    );
    db.run("INSERT INTO orders VALUES (1)");
    assert_eq!(db.value("SELECT id FROM orders"), "5");
    db.deploy(
        "scalars",
        &guest("scalars"),
        "input: {type: 'null'}\nsql:\n  - {create: 'twice(n int) returns int', export: double_i32}\n"
            .replace("double_i32", &scalar_export())
            .as_str(),
    );
    assert_eq!(db.value("SELECT twice(1) IS NOT NULL"), "t");
}

/// An export of one i32 in the guest `scalars`.
fn scalar_export() -> String {
    let text = include_str!("../guests/scalars.wat");
    let line = text.lines().find(|line| line.contains("(param i32) (result i32)")).expect("an export of one i32");
    line.split('"').nth(1).expect("its name").to_owned()
}

#[test]
fn a_kept_instance_survives_a_refused_input() {
    let mut db = Db::new("schema_kept");
    db.deploy("count", &guest("counter"), "entrypoint: count\ninstances: session\ninput: {type: object}");
    assert_eq!(db.value("SELECT fn_invoke('count', '{}')"), "1");
    db.refused("SELECT fn_invoke('count', '[]')", "22023");
    assert_eq!(db.value("SELECT fn_invoke('count', '{}')"), "2");
}

#[test]
fn a_schema_is_checked_when_it_is_deployed() {
    let mut db = Db::new("schema_deploy");
    db.deploy("ship", &guest("echo"), "");
    for (manifest, said, place) in [
        ("input:\n  note: {type: string, maxlength: 5}", "did you mean \"maxLength\"?", "(line 2, column 3)"),
        ("timeout: 1s\noutput: {type: text}", "output is no usable schema: /type", "(line 2, column 9)"),
        ("input: {$ref: 'https://example.com/x'}", "itself only", "(line 1, column 8)"),
        ("input: {$ref: '#'}", "never end", "(line 1, column 8)"),
        ("input: {type: string, pattern: '('}", "pattern", "(line 1, column 8)"),
    ] {
        let refusal = db.deploy_refused("ship", &guest("echo"), manifest, "22023");
        assert!(refusal.says(said) && refusal.says(place) && refusal.says("invalid manifest"), "{refusal}");
        let checked = db.json(&format!(
            "SELECT fn_check((SELECT wasm FROM alyx._module LIMIT 1), {})::text",
            alyx_tests::literal(manifest)
        ));
        assert_eq!(checked["ok"], false, "{checked}");
        assert_eq!(checked["problems"][0]["code"], "22023", "{checked}");
    }
    assert_eq!(db.value("SELECT version FROM alyx.functions"), "1");
}

#[test]
fn a_new_version_brings_its_schema_and_a_rollback_the_old_one() {
    let mut db = Db::new("schema_versions");
    let mut other = db.session();
    db.deploy("ship", &guest("echo"), "input: {a: {type: integer, required: true}}");
    other.refused("SELECT ship('{}')", "22023");
    db.deploy("ship", &guest("echo"), "input: {b: {type: integer, required: true}}");
    assert!(other.refused("SELECT ship('{\"a\": 1}')", "22023").says("b: is required"));
    db.run("SELECT fn_rollback('ship')");
    assert_eq!(other.value("SELECT ship('{\"a\": 1}')"), r#"{"a": 1}"#);
}

/// Twice as many ways at each level, none of which fits.
const EXPLODING: &str = "timeout: 500ms\ninput: {$ref: '#/$defs/a', $defs: {a: {anyOf: [\
    {type: array, items: {oneOf: [{$ref: '#/$defs/a'}, {$ref: '#/$defs/b'}]}}, {$ref: '#/$defs/b'}]}, \
    b: {type: array, items: {oneOf: [{$ref: '#/$defs/a'}, {$ref: '#/$defs/b'}]}}}}";

#[test]
fn a_check_ends_at_its_limits() {
    let mut db = Db::new("schema_limits");
    // Of many parts: it takes memory that counts.
    db.deploy("small", &guest("echo"), "memory: 1mb\ninput: {type: array}");
    let refusal =
        db.refused("SELECT fn_invoke('small', (SELECT jsonb_agg(i) FROM generate_series(1, 100000) i))", "53200");
    assert!(refusal.says("memory limit of 1048576 bytes"), "{refusal}");
    // Deep: as deep as any JSON of ours.
    db.deploy("deep", &guest("echo"), EXPLODING);
    let began = Instant::now();
    let refusal = db.refusal("SELECT fn_invoke('deep', (repeat('[', 120) || '1' || repeat(']', 120))::jsonb)");
    assert!(["22023", "57014"].contains(&refusal.code.as_str()), "{refusal}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let refusal = db.refused("SELECT fn_invoke('deep', (repeat('[', 500) || '1' || repeat(']', 500))::jsonb)", "22023");
    assert!(refusal.says("recursion limit"), "{refusal}");
    // Long: the function's timeout and a cancel end it.
    let wide: String = (0..4_000).map(|at| format!("{{type: string, minLength: {at}}}, ")).collect();
    let manifest = format!("timeout: 300ms\ninput: {{type: array, items: {{anyOf: [{wide}{{type: 'null'}}]}}}}");
    db.deploy("wide", &guest("echo"), &manifest);
    let call = "SELECT fn_invoke('wide', (SELECT jsonb_agg(NULL::int) FROM generate_series(1, 300000)))";
    let refusal = db.refused(call, "57014");
    assert!(refusal.says("exceeded its time limit of 300 ms"), "{refusal}");
    db.deploy("wide", &guest("echo"), &manifest.replace("300ms", "60s"));
    db.run("SET statement_timeout = '400ms'");
    let began = Instant::now();
    assert!(db.refused(call, "57014").says("statement timeout"));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    db.run("RESET statement_timeout");
    assert_eq!(db.value("SELECT fn_invoke('wide', '[null]')"), "[null]");
    let record = db.rows("SELECT status FROM alyx.invocations WHERE function = 'wide' ORDER BY started_at");
    assert!(record.is_empty() || record == ["timeout", "canceled", "ok"], "{record:?}");
}
