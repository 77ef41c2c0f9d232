//! Errors on their way to the client: the table of SPEC §7, field by field.

use alyx_tests::{Db, guest};

#[test]
fn an_sql_error_the_guest_did_not_handle_arrives_whole() {
    let mut db = Db::new("errors_unhandled");
    db.deploy_script();
    db.run("CREATE SCHEMA shop; CREATE TABLE shop.items (id int PRIMARY KEY, n int CONSTRAINT positive CHECK (n > 0), label text NOT NULL); INSERT INTO shop.items VALUES (1, 1, 'a')");
    for ending in ["x", "t"] {
        let refusal = db.refused(
            &format!(r#"SELECT script(E'q{{"sql": "INSERT INTO shop.items VALUES (1, 1, ''b'')"}}\n{ending}')"#),
            "23505",
        );
        assert_eq!(
            (refusal.schema.as_str(), refusal.table.as_str(), refusal.constraint.as_str()),
            ("shop", "items", "items_pkey"),
            "{ending}: {refusal}"
        );
        assert_eq!(refusal.message, "duplicate key value violates unique constraint \"items_pkey\"", "{ending}");
        assert_eq!(refusal.detail, "Key (id)=(1) already exists.", "{ending}");
        assert!(refusal.context.contains("script"), "CONTEXT names the function: {refusal}");
        let refusal = db.refused(
            &format!(r#"SELECT script(E'q{{"sql": "INSERT INTO shop.items VALUES (2, 0, ''b'')"}}\n{ending}')"#),
            "23514",
        );
        assert_eq!(refusal.constraint, "positive", "{refusal}");
        let refusal = db.refused(
            &format!(r#"SELECT script(E'q{{"sql": "INSERT INTO shop.items VALUES (2, 1, NULL)"}}\n{ending}')"#),
            "23502",
        );
        assert_eq!((refusal.column.as_str(), refusal.table.as_str()), ("label", "items"), "{refusal}");
        let refusal =
            db.refused(&format!(r#"SELECT script(E'q{{"sql": "SELECT * FROM nowhere"}}\n{ending}')"#), "42P01");
        assert!(refusal.message.contains("nowhere"), "{refusal}");
    }
    let refusal = db.refused(
        r#"SELECT script(E'q{"sql": "DO $x$ BEGIN RAISE EXCEPTION ''no'' USING ERRCODE = ''AB123'', DETAIL = ''d'', HINT = ''h'', COLUMN = ''c'', CONSTRAINT = ''k'', DATATYPE = ''y'', TABLE = ''t'', SCHEMA = ''s''; END $x$"}\nx')"#,
        "AB123",
    );
    assert_eq!(
        [
            &refusal.message,
            &refusal.detail,
            &refusal.hint,
            &refusal.column,
            &refusal.constraint,
            &refusal.datatype,
            &refusal.table,
            &refusal.schema
        ]
        .map(String::as_str),
        ["no", "d", "h", "c", "k", "y", "t", "s"],
        "{refusal}"
    );
}

#[test]
fn a_handled_error_does_not_return_later() {
    let mut db = Db::new("errors_handled");
    db.deploy_script();
    // Once another statement has succeeded, the failure was handled: what fails now is the guest.
    let refusal = db.refusal(r#"SELECT script(E'q{"sql": "SELECT * FROM nowhere"}\nq{"sql": "SELECT 1"}\nx')"#);
    assert_eq!(refusal.code, "38000", "{refusal}");
    let refusal = db.refusal("SELECT script('x')");
    assert_eq!(refusal.code, "38000", "{refusal}");
}

#[test]
fn an_unhandled_error_undoes_what_the_guest_wrote() {
    let mut db = Db::new("errors_undone");
    db.deploy_script();
    db.run("CREATE TABLE t (id int PRIMARY KEY)");
    db.refused(
        r#"SELECT script(E'q{"sql": "INSERT INTO t VALUES (1)"}\nq{"sql": "INSERT INTO t VALUES (1)"}\nx')"#,
        "23505",
    );
    assert_eq!(db.value("SELECT count(*) FROM t"), "0");
    db.run("BEGIN; INSERT INTO t VALUES (7); SAVEPOINT s");
    db.refused(r#"SELECT script(E'q{"sql": "INSERT INTO t VALUES (8)"}\nx')"#, "38000");
    db.run("ROLLBACK TO s; COMMIT");
    assert_eq!(db.rows("SELECT id FROM t"), ["7"]);
}

#[test]
fn plpgsql_can_catch_what_a_guest_throws() {
    let mut db = Db::new("errors_caught");
    db.deploy_script();
    db.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    db.run(
        r#"CREATE FUNCTION try(lines text) RETURNS text LANGUAGE plpgsql AS $f$
             DECLARE c text; k text;
             BEGIN PERFORM script(lines); RETURN 'fine';
             EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS c = RETURNED_SQLSTATE, k = CONSTRAINT_NAME; RETURN c || ' ' || k; END $f$"#,
    );
    assert_eq!(db.value(r#"SELECT try(E'q{"sql": "INSERT INTO t VALUES (1)"}\nx')"#), "23505 t_pkey");
    assert_eq!(db.value("SELECT try('t')"), "38000 ");
    for _ in 0..200 {
        assert_eq!(db.value(r#"SELECT try(E'q{"sql": "INSERT INTO t VALUES (2)"}\nt')"#), "38000 ");
    }
    assert_eq!(db.rows("SELECT id FROM t"), ["1"]);
}

#[test]
fn traps_are_38000_and_name_function_version_and_export() {
    let mut db = Db::new("errors_traps");
    db.deploy_guest("trap");
    for export in ["handler", "out_of_bounds", "divide_by_zero", "call_null", "bad_conversion"] {
        db.run(&format!("CREATE FUNCTION die_{export}(text) RETURNS text LANGUAGE wasm AS 'trap:{export}'"));
        let refusal = db.refused(&format!("SELECT die_{export}('x')"), "38000");
        assert!(
            refusal.context.contains("trap") && refusal.context.contains(export) && refusal.context.contains('1'),
            "CONTEXT names function, version and export: {refusal}"
        );
        assert!(
            !refusal.to_string().contains(".rs:") && !refusal.to_string().contains("stack backtrace"),
            "no Rust backtrace reaches a client: {refusal}"
        );
        assert_eq!(db.value("SELECT 1"), "1");
    }
}

#[test]
fn plugin_errors_carry_their_text() {
    let mut db = Db::new("errors_plugin");
    db.deploy_guest("fail");
    for export in ["error_and_code", "error_without_code", "code"] {
        db.run(&format!("CREATE FUNCTION f_{export}(text) RETURNS text LANGUAGE wasm AS 'fail:{export}'"));
    }
    for export in ["error_and_code", "error_without_code"] {
        let refusal = db.refused(&format!("SELECT f_{export}('x')"), "38000");
        assert!(refusal.message.contains("the cat is out"), "{refusal}");
    }
    let refusal = db.refused("SELECT f_code('x')", "38000");
    assert!(refusal.says("7"), "the return code is told: {refusal}");
}

#[test]
fn bad_offsets_trap_or_are_ignored_as_extism_says() {
    let mut db = Db::new("errors_offsets");
    db.deploy_guest("bad_offset");
    for export in ["query", "query_negative", "query_null", "log_offset", "output", "free_unknown"] {
        db.run(&format!("CREATE FUNCTION o_{export}(text) RETURNS text LANGUAGE wasm AS 'bad_offset:{export}'"));
    }
    for export in ["query", "query_negative", "log_offset"] {
        db.refused(&format!("SELECT o_{export}('x')"), "38000");
    }
    // The null handle is an empty request: a trap or an error reply, but never a crash.
    if let Err(refusal) = db.attempt("SELECT o_query_null('x')") {
        assert_eq!(refusal.code, "38000", "{refusal}");
    }
    assert_eq!(db.value("SELECT o_output('x') IS NULL, o_free_unknown('x') IS NULL"), "t|t");
}

#[test]
fn unknown_functions_and_exports_are_42883() {
    let mut db = Db::new("errors_unknown");
    db.deploy_guest("echo");
    db.refused("SELECT fn_invoke('nobody')", "42883");
    db.refused("SELECT * FROM fn_versions('nobody')", "42883");
    db.refused("CREATE FUNCTION f(text) RETURNS text LANGUAGE wasm AS 'nobody'", "42883");
    db.refused("CREATE FUNCTION f(text) RETURNS text LANGUAGE wasm AS 'echo:nope'", "42883");
    for body in ["", ":", "echo:", ":handler", "echo:handler:more", "Echo", "echo handler", " "] {
        let refusal = db.refusal(&format!("CREATE FUNCTION f(text) RETURNS text LANGUAGE wasm AS '{body}'"));
        assert!(["42883", "22023", "42602", "42601", "42P13"].contains(&refusal.code.as_str()), "{body:?}: {refusal}");
    }
}

#[test]
fn a_do_block_is_refused_in_clear_words() {
    let mut db = Db::new("errors_do");
    let refusal = db.refused("DO LANGUAGE wasm $$ whatever $$", "0A000");
    assert!(refusal.says("DO") || refusal.says("inline") || refusal.says("anonymous"), "{refusal}");
}

#[test]
fn errors_in_one_call_do_not_disturb_the_next() {
    let mut db = Db::new("errors_next");
    db.deploy_guest("trap");
    db.deploy("kept", &guest("counter"), "entrypoint: count\ninstances: session\n");
    db.run("CREATE FUNCTION die(text) RETURNS text LANGUAGE wasm AS 'trap'");
    assert_eq!(db.value("SELECT kept('{}')"), "1");
    db.refused("SELECT die('x')", "38000");
    assert_eq!(db.value("SELECT kept('{}')"), "2", "another function's trap leaves this instance alone");
}

#[test]
fn error_messages_follow_postgres_style() {
    let mut db = Db::new("errors_style");
    db.deploy_guest("echo");
    db.deploy_guest("trap");
    db.run("CREATE FUNCTION die(text) RETURNS text LANGUAGE wasm AS 'trap'; CREATE FUNCTION bad(bytea) RETURNS text LANGUAGE wasm AS 'echo'");
    for statement in [
        "SELECT die('x')",
        "SELECT bad('\\xff')",
        "SELECT fn_invoke('nobody')",
        "SELECT fn_rollback('echo', 99)",
        "SELECT fn_deploy('bad', '\\x00')",
        "SELECT fn_deploy('bad', 'not a module')",
        "SELECT fn_deploy('bad', '\\x0061736d01000000ff')",
        "SELECT fn_deploy('Bad', '\\x00')",
        "SELECT fn_deploy('bad', '\\x0061736d01000000', 'memry: 1')",
        "CREATE FUNCTION f(text) RETURNS text LANGUAGE wasm AS 'nobody'",
        "DO LANGUAGE wasm $$ whatever $$",
    ] {
        let refusal = db.refusal(statement);
        let first = refusal.message.chars().next().unwrap_or('?');
        assert!(
            !first.is_uppercase() || refusal.message.starts_with("DO"),
            "primary message begins lower-case: {refusal}"
        );
        assert!(
            !refusal.message.ends_with('.') && !refusal.message.contains('\n'),
            "primary message is one line without a full stop: {refusal}"
        );
        assert!(
            refusal.hint.is_empty()
                || refusal.hint.ends_with('.')
                || refusal.hint.ends_with('?')
                || refusal.hint.ends_with('\''),
            "a hint is a sentence: {refusal}"
        );
        assert_ne!(refusal.code, "XX000", "{refusal}");
    }
}

#[test]
fn a_mistake_in_a_guests_statement_is_shown_there_and_not_in_the_clients() {
    let mut db = Db::new("errors_place");
    db.run("CREATE FUNCTION ask(text) RETURNS jsonb LANGUAGE javascript AS 'return plv8.execute($1, [])'");
    for (statement, place) in [("selct 1", 1), ("SELECT 1 FORM x y", 15), ("SELECT nothing", 8)] {
        let psql = db
            .server()
            .client_program("psql", db.name())
            .args(["-X", "-c"])
            .arg(format!("SELECT ask('{statement}')"))
            .output();
        let shown = String::from_utf8_lossy(&psql.expect("psql runs").stderr).into_owned();
        assert!(shown.contains(&format!("QUERY:  {statement}")), "{shown}");
        let caret = shown.lines().find(|line| line.trim() == "^").unwrap_or_default();
        assert_eq!(caret.len(), "LINE 1: ".len() + place, "{shown}");
    }
}
