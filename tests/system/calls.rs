//! The other host functions: log, env, raise, fn_invoke.

use alyx_tests::{Db, guest, literal};
use serde_json::json;

#[test]
fn env_knows_the_functions_own_variables_and_nothing_else() {
    let mut db = Db::new("calls_env");
    db.deploy("ask", &guest("ask"), "env: { APP_URL: https://my.app, COUNT: 5, EMPTY: '' }\n");
    db.create_ask("env", "env");
    for (key, value) in [
        ("APP_URL", json!("https://my.app")),
        ("COUNT", json!("5")),
        ("EMPTY", json!("")),
        ("NOPE", json!(null)),
        ("PATH", json!(null)),
        ("HOME", json!(null)),
        ("PGDATA", json!(null)),
        ("", json!(null)),
    ] {
        let reply = db.json(&format!("SELECT env({})", literal(&json!({"key": key}).to_string())));
        assert_eq!(reply["value"], value, "{key}: {reply}");
        assert_eq!(reply["error"], json!(null), "{key}: {reply}");
    }
}

#[test]
fn log_lines_are_taken() {
    let mut db = Db::new("calls_log");
    db.deploy_guest("ask");
    db.create_ask("write_log", "log");
    for level in ["debug", "info", "warn", "error"] {
        let reply = db.json(&format!(
            "SELECT write_log({})",
            literal(&json!({"level": level, "message": "hello", "fields": {"a": 1}}).to_string())
        ));
        assert_eq!(reply, json!({}), "{level}");
    }
    let reply = db.json("SELECT write_log('{\"level\": \"loud\", \"message\": \"x\"}')");
    assert!(reply == json!({}) || reply["error"]["code"].is_string(), "an unknown level: {reply}");
    db.run(
        "SELECT write_log(jsonb_build_object('level', 'info', 'message', repeat('x', 100000))) FROM generate_series(1, 100)",
    );
}

#[test]
fn a_guests_notices_do_not_forge_the_servers() {
    let mut db = Db::new("calls_log_forgery");
    db.deploy_guest("ask");
    db.create_ask("write_log", "log");
    let (_, before) = db.server().log_since(0);
    // Line breaks and control bytes in a message are data.
    db.run(
        "SELECT write_log(jsonb_build_object('level', 'error', 'message', E'forgery one\\nPANIC:  forgery two\\r\\t\\x1b[31m'))",
    );
    let (said, _) = db.server().log_since(before);
    // Whose line it is comes first; a line break begins no line of the server's.
    assert!(said.contains("WARNING:  function \"ask\": forgery one\n\tPANIC:  forgery two"), "{said}");
}

#[test]
fn raise_sets_every_field_of_the_error() {
    let mut db = Db::new("calls_raise");
    db.deploy_guest("ask");
    db.create_ask("throw", "raise");
    let request = json!({"sqlstate": "SO001", "message": "sold out", "detail": "Product 7 has 0 left.", "hint": "Order less.", "column": "qty", "constraint": "stock_left", "table": "products", "schema": "shop", "datatype": "int4"});
    let refusal = db.refused(&format!("SELECT throw({})", literal(&request.to_string())), "SO001");
    assert_eq!(
        [
            &refusal.message,
            &refusal.detail,
            &refusal.hint,
            &refusal.column,
            &refusal.constraint,
            &refusal.table,
            &refusal.schema,
            &refusal.datatype
        ]
        .map(String::as_str),
        ["sold out", "Product 7 has 0 left.", "Order less.", "qty", "stock_left", "products", "shop", "int4"],
        "{refusal}"
    );
    let refusal = db.refused("SELECT throw('{\"sqlstate\": \"P0001\", \"message\": \"short\"}')", "P0001");
    assert_eq!((refusal.message.as_str(), refusal.detail.as_str(), refusal.hint.as_str()), ("short", "", ""));
    for percent in ["100 %", "%s%n%d", "a\u{1}b"] {
        let refusal = db.refused(
            &format!("SELECT throw({})", literal(&json!({"sqlstate": "P0001", "message": percent}).to_string())),
            "P0001",
        );
        assert_eq!(refusal.message, percent, "messages are data, not format strings");
    }
}

#[test]
fn codes_a_guest_may_not_raise_become_38000() {
    let mut db = Db::new("calls_raise_codes");
    db.deploy_guest("ask");
    db.create_ask("throw", "raise");
    for code in [
        json!("00000"),
        json!("01000"),
        json!("02000"),
        json!("XX000"),
        json!("XX001"),
        json!("p0001"),
        json!("P001"),
        json!("P00011"),
        json!("P000!"),
        json!(""),
        json!("ÄÄÄ"),
        json!(null),
    ] {
        let refusal =
            db.refusal(&format!("SELECT throw({})", literal(&json!({"sqlstate": code, "message": "m"}).to_string())));
        assert_eq!(refusal.code, "38000", "{code}: {refusal}");
    }
    // What is no request at all is answered with an error, or raised: never taken for success.
    for request in ["{}", "[]", "5", r#"{"message": "only a message"}"#, r#"{"sqlstate": "P0001"}"#] {
        match db.attempt(&format!("SELECT throw('{request}')")) {
            Ok(rows) => assert!(rows[0].contains("\"error\""), "{request}: {rows:?}"),
            Err(refusal) => assert!(["38000", "P0001"].contains(&refusal.code.as_str()), "{request}: {refusal}"),
        }
    }
    // Codes by which Postgres itself decides must still be only codes.
    for code in ["57P01", "57014", "40001", "53200", "25P02"] {
        db.refused(&format!("SELECT throw('{{\"sqlstate\": \"{code}\", \"message\": \"m\"}}')"), code);
        assert_eq!(db.value("SELECT 1"), "1", "the session lives on after {code}");
    }
}

#[test]
fn raise_rejects_a_row_in_a_trigger() {
    let mut db = Db::new("calls_raise_trigger");
    db.deploy_guest("ask");
    db.run("CREATE FUNCTION reject() RETURNS trigger LANGUAGE wasm AS 'ask:raise'; CREATE TABLE t (id int); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION reject()");
    let refusal = db.refusal("INSERT INTO t VALUES (1)");
    assert_eq!(refusal.code, "38000", "the event names no code: {refusal}");
    assert_eq!(db.value("SELECT count(*) FROM t"), "0");
}

#[test]
fn fn_invoke_calls_another_function_in_the_same_transaction() {
    let mut db = Db::new("calls_invoke");
    db.deploy_guest("ask");
    db.deploy_guest("echo");
    db.create_ask("call", "fn_invoke");
    let reply = db.value(r#"SELECT call('{"name": "echo", "input": {"a": 1}}')"#);
    assert!(reply.contains(r#"{"a": 1}"#) && !reply.contains("\"error\""), "{reply}");
    let reply = db.json(r#"SELECT call('{"name": "nobody", "input": {}}')"#);
    assert_eq!(reply["error"]["code"], "42883", "{reply}");
    db.run("CREATE TABLE t (id int)");
    db.deploy("writer", &guest("ask"), "entrypoint: db_query\n");
    db.run("BEGIN");
    db.run(r#"SELECT call('{"name": "writer", "input": {"sql": "INSERT INTO t VALUES (1)"}}')"#);
    assert_eq!(db.value("SELECT count(*) FROM t"), "1");
    db.run("ROLLBACK");
    assert_eq!(db.value("SELECT count(*) FROM t"), "0");
}

#[test]
fn fn_invoke_needs_execute_on_the_function_it_calls() {
    let mut db = Db::new("calls_invoke_rights");
    let caller = db.role("caller");
    db.deploy_guest("ask");
    db.deploy_guest("echo");
    db.create_ask("call", "fn_invoke");
    db.run(&format!("GRANT EXECUTE ON FUNCTION call(jsonb) TO {caller}"));
    let mut session = db.session_as(&caller);
    let reply = session.json(r#"SELECT call('{"name": "echo", "input": {}}')"#);
    assert_eq!(reply["error"]["code"], "42501", "{reply}");
    db.run(&format!("GRANT EXECUTE ON FUNCTION echo(jsonb) TO {caller}"));
    let reply = session.value(r#"SELECT call('{"name": "echo", "input": {}}')"#);
    assert!(!reply.contains("\"error\""), "{reply}");
}

#[test]
fn a_trap_in_a_called_function_is_an_error_value_for_the_calling_one() {
    let mut db = Db::new("calls_invoke_trap");
    db.deploy_script();
    db.deploy_guest("trap");
    let replies = db.json(r#"SELECT script(E'c{"name": "trap", "input": {}}\nq{"sql": "SELECT 1 AS n"}')"#);
    assert_eq!(replies[0]["error"]["code"], "38000", "{replies:#}");
    assert_eq!(replies[1]["rows"][0]["n"], 1, "{replies:#}");
}

#[test]
fn calls_among_functions_are_limited_in_depth() {
    let mut db = Db::new("calls_depth");
    db.deploy("mirror", &guest("ask"), "entrypoint: fn_invoke\n");
    let nested = |depth: usize| {
        let mut request = json!({});
        for _ in 0..depth {
            request = json!({"name": "mirror", "input": request});
        }
        request.to_string()
    };
    // The innermost request is malformed, so that every chain ends; what matters is how it ends.
    let shallow = db.value(&format!("SELECT mirror({})", literal(&nested(5))));
    assert!(
        !shallow.contains("54000") && !shallow.contains("54001"),
        "five levels are within the default of eight: {shallow}"
    );
    let deep = match db.attempt(&format!("SELECT mirror({})", literal(&nested(12)))) {
        Ok(rows) => rows.join(""),
        Err(refusal) => refusal.code,
    };
    assert!(deep.contains("54000") || deep.contains("54001"), "twelve levels exceed the default of eight: {deep}");
}

#[test]
fn recursion_through_sql_is_limited_too() {
    let mut db = Db::new("calls_depth_sql");
    db.deploy("loop", &guest("configured"), "env: {QUERY: '{\"sql\": \"SELECT public.again()\"}'}\n");
    db.run("CREATE FUNCTION again() RETURNS jsonb LANGUAGE wasm AS 'loop'");
    let refusal = db.refusal("SELECT again()");
    assert!(["54000", "54001"].contains(&refusal.code.as_str()), "{refusal}");
    assert_eq!(db.value("SELECT 1"), "1");
}
