//! fn_deploy, fn_check, fn_version: what a deploy makes.

use alyx_tests::{Db, assemble, guest};

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn deploy_creates_a_function_for_calls_and_one_for_triggers() {
    let mut db = Db::new("deploy_creates");
    let wasm = guest("echo");
    let deployed = db.deploy("echo", &wasm, "");
    assert_eq!(deployed.version, 1);
    assert!(deployed.changed);
    assert_eq!(deployed.sha256, db.value(&format!("SELECT encode(sha256('\\x{}'), 'hex')", hexadecimal(&wasm))));
    assert_eq!(
        db.rows(
            "SELECT p.oid::regprocedure, pg_get_function_result(p.oid), l.lanname, pg_get_userbyid(p.proowner)
               FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.proname = 'echo' ORDER BY 1::text"
        ),
        ["echo()|trigger|wasm|postgres", "echo(jsonb)|jsonb|wasm|postgres"]
    );
    assert_eq!(db.value("SELECT echo('{\"a\": 1}')"), r#"{"a": 1}"#);
    assert_eq!(db.value("SELECT fn_invoke('echo', '{\"a\": 1}')"), r#"{"a": 1}"#);
    assert_eq!(db.value("SELECT fn_invoke('echo')"), "{}");
}

#[test]
fn deploy_into_the_current_schema_or_the_one_the_manifest_names() {
    let mut db = Db::new("deploy_schema");
    db.run("CREATE SCHEMA app; CREATE SCHEMA other");
    db.run("SET search_path = app, public");
    db.deploy("here", &guest("echo"), "");
    db.deploy("there", &guest("echo"), "schema: other\n");
    assert_eq!(db.value("SELECT app.here('1')"), "1");
    assert_eq!(db.value("SELECT other.there('1')"), "1");
}

#[test]
fn a_module_without_an_entrypoint_gets_no_sql_function_of_its_own() {
    let mut db = Db::new("deploy_library");
    db.deploy_guest("scalars");
    assert_eq!(db.value("SELECT count(*) FROM pg_proc WHERE proname = 'scalars'"), "0");
    db.run("CREATE FUNCTION add(int, int) RETURNS int LANGUAGE wasm AS 'scalars:add'");
    assert_eq!(db.value("SELECT add(20, 22)"), "42");
}

#[test]
fn the_same_deploy_again_changes_nothing() {
    let mut db = Db::new("deploy_again");
    let manifest = "timeout: 5s\n";
    let first = db.deploy("echo", &guest("echo"), manifest);
    let again = db.deploy("echo", &guest("echo"), manifest);
    assert_eq!((again.version, again.changed, &again.sha256), (1, false, &first.sha256));
    assert_eq!(db.value("SELECT count(*) FROM alyx.versions"), "1");
    let xmin = "SELECT string_agg(xmin::text, ',') FROM pg_proc WHERE proname = 'echo'";
    let before = db.value(xmin);
    db.deploy("echo", &guest("echo"), manifest);
    assert_eq!(db.value(xmin), before, "an unchanged deploy rewrote the SQL functions");
    let other_manifest = db.deploy("echo", &guest("echo"), "timeout: 6s\n");
    assert_eq!((other_manifest.version, other_manifest.changed), (2, true));
}

#[test]
fn a_manifest_chooses_the_entrypoint() {
    let mut db = Db::new("deploy_entrypoint");
    db.deploy("ask", &guest("ask"), "entrypoint: db_query\n");
    assert_eq!(db.json(r#"SELECT ask('{"sql": "SELECT 7 AS n"}')"#)["rows"][0]["n"], 7);
    db.deploy_refused("other", &guest("ask"), "entrypoint: nope\n", "42883");
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions WHERE name = 'other'"), "0");
}

#[test]
fn the_manifest_maps_a_plugins_own_host_functions_to_functions() {
    let mut db = Db::new("deploy_host_functions");
    db.deploy("greet", &guest("echo"), "");
    db.deploy("hello", &guest("unknown_host_function"), "host_functions: {hello_world: greet}\n");
    assert_eq!(db.value("SELECT hello('{\"name\": \"Ada\"}')"), r#"{"name": "Ada"}"#);
}

#[test]
fn older_namespaces_of_host_functions_are_aliases() {
    let mut db = Db::new("deploy_aliases");
    for namespace in ["extism:env/user", "extism:user"] {
        let text = format!(
            r#"(module
                 (import "extism:host/env" "input_offset" (func $input (result i64)))
                 (import "extism:host/env" "length" (func $length (param i64) (result i64)))
                 (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
                 (import "{namespace}" "env" (func $env (param i64) (result i64)))
                 (func (export "handler") (result i32) (local $reply i64)
                   (local.set $reply (call $env (call $input)))
                   (call $output_set (local.get $reply) (call $length (local.get $reply)))
                   (i32.const 0)))"#
        );
        db.deploy("alias", &assemble(&text), "env: {A: here}\n");
        assert_eq!(db.json(r#"SELECT alias('{"key": "A"}')"#)["value"], "here", "{namespace}");
    }
}

#[test]
fn the_manifests_sql_functions_are_created_and_replaced() {
    let mut db = Db::new("deploy_sql");
    let manifest = "sql:\n  - create: ship_cost(weight float8, zone int) returns float8\n    export: ship_cost\n  - create: plus(a int, b int) returns int\n    export: add\n";
    db.deploy("math", &guest("scalars"), manifest);
    assert_eq!(db.value("SELECT ship_cost(2.5, 4), ship_cost(zone => 2, weight => 1.5), plus(1, 2)"), "10|3|3");
    db.deploy("math", &guest("scalars"), "sql:\n  - create: plus(a int, b int) returns int\n    export: add\n");
    assert_eq!(db.value("SELECT plus(1, 2)"), "3");
    // What is no longer listed may be in use elsewhere: it stays until it, or its function, is dropped.
    assert_eq!(db.value("SELECT ship_cost(2.5, 4)"), "10");
    db.run("SELECT fn_drop('math')");
    db.refused("SELECT ship_cost(2.5, 4)", "42883");
    db.refused("SELECT plus(1, 2)", "42883");
}

#[test]
fn check_reports_and_writes_nothing() {
    let mut db = Db::new("deploy_check");
    let check = |wasm: &[u8], manifest: &str| format!("SELECT fn_check('\\x{}', {manifest})::text", hexadecimal(wasm));
    let report = db.rows(&check(&guest("ask"), "NULL")).join("\n");
    for word in ["db_query", "extism:host/env", "fn_invoke"] {
        assert!(report.contains(word), "the report should speak of {word}: {report}");
    }
    for (wasm, manifest, word) in [
        (guest("unknown_import"), "NULL", "launch_missiles"),
        (guest("echo"), "'memry: 1'", "memry"),
        (b"nonsense".to_vec(), "NULL", ""),
    ] {
        let said = match db.attempt(&check(&wasm, manifest)) {
            Ok(rows) => rows.join("\n"),
            Err(refusal) => refusal.to_string(),
        };
        assert!(said.contains(word), "fn_check should name {word}: {said}");
    }
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions"), "0");
    assert_eq!(db.value("SELECT count(*) FROM alyx.versions"), "0");
}

#[test]
fn version_names_extension_wasmtime_and_abi() {
    let mut db = Db::new("deploy_version");
    let version = db.rows("SELECT fn_version()").join("\n");
    for word in ["48.", &db.value("SELECT extversion FROM pg_extension WHERE extname = 'alyx_functions'")] {
        assert!(version.contains(word), "fn_version() should contain {word}: {version}");
    }
}

#[test]
fn the_extension_can_be_dropped_and_created_again() {
    let mut db = Db::new("deploy_recreate");
    db.deploy_guest("echo");
    db.run("DROP EXTENSION alyx_functions CASCADE");
    assert_eq!(db.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'alyx'"), "0");
    db.refused("SELECT echo('1')", "42883");
    db.run("CREATE EXTENSION alyx_functions");
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions"), "0");
    db.deploy_guest("echo");
    assert_eq!(db.value("SELECT echo('1')"), "1");
}

#[test]
fn the_extension_can_live_in_another_schema() {
    let mut db = Db::empty(alyx_tests::Server::shared(), "deploy_other_schema");
    db.run("CREATE SCHEMA tools; CREATE EXTENSION alyx_functions SCHEMA tools");
    assert_eq!(
        db.value(
            "SELECT count(*) > 5 FROM pg_proc WHERE proname LIKE 'fn\\_%' AND pronamespace = 'tools'::regnamespace"
        ),
        "t"
    );
    assert_eq!(db.value("SELECT tools.fn_version() IS NOT NULL"), "t");
}
