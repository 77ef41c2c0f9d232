//! Memory, tables, stack, output: what a guest may take, the SQLSTATE when it takes more, and that nothing is left behind.

use alyx_tests::{Db, guest};

#[test]
fn memory_past_its_limit_is_53200() {
    let mut db = Db::new("limits_memory");
    for name in ["grow_memory", "grow_host_memory"] {
        for limit in ["1mb", "16mb", "64mb"] {
            db.deploy(name, &guest(name), &format!("memory: {limit}\nentrypoint: handler\n"));
            let refusal = db.refused(&format!("SELECT {name}('{{}}')"), "53200");
            assert!(refusal.says("memory"), "{name} {limit}: {refusal}");
            assert_eq!(db.value("SELECT 1"), "1");
        }
    }
    db.run("CREATE FUNCTION grow_scalar(int) RETURNS int LANGUAGE wasm AS 'grow_memory:scalar'");
    db.refused("SELECT grow_scalar(1)", "53200");
}

#[test]
fn a_module_that_begins_with_more_than_its_limit_is_refused() {
    let mut db = Db::new("limits_initial");
    let wasm = alyx_tests::assemble("(module (memory 100) (func (export \"handler\") (result i32) (i32.const 0)))");
    match db.try_deploy("greedy", &wasm, "memory: 1mb\n") {
        Err(refusal) => assert_eq!(refusal.code, "53200", "{refusal}"),
        Ok(_) => {
            db.refused("SELECT greedy('{}')", "53200");
        }
    }
}

#[test]
fn an_input_larger_than_the_limit_is_53200() {
    let mut db = Db::new("limits_input");
    db.deploy("echo", &guest("echo"), "memory: 1mb\n");
    db.run("CREATE FUNCTION echo_text(text) RETURNS text LANGUAGE wasm AS 'echo'");
    let refusal = db.refusal("SELECT length(echo_text(repeat('x', 20000000)))");
    assert!(["53200", "54000"].contains(&refusal.code.as_str()), "{refusal}");
    assert_eq!(db.value("SELECT length(echo_text(repeat('x', 100000)))"), "100000");
}

#[test]
fn a_reply_larger_than_the_limit_is_not_held() {
    let mut db = Db::new("limits_reply");
    db.deploy("ask", &guest("ask"), "memory: 4mb\nentrypoint: db_query\n");
    let said = match db.attempt(r#"SELECT length(ask('{"sql": "SELECT repeat(''x'', 50000000) AS big"}')::text)"#) {
        Ok(rows) => rows.join(""),
        Err(refusal) => refusal.code,
    };
    assert!(["53200", "54000"].contains(&said.as_str()), "{said}");
    let said =
        match db.attempt(r#"SELECT left(ask('{"sql": "SELECT generate_series(1, 1000000000) AS i"}')::text, 200)"#) {
            Ok(rows) => rows.join(""),
            Err(refusal) => refusal.code,
        };
    assert!(said.contains("53200") || said.contains("54000"), "{said}");
    assert_eq!(db.value("SELECT 1"), "1");
}

#[test]
fn tables_have_a_limit() {
    let mut db = Db::new("limits_table");
    db.deploy_guest("grow_table");
    db.refused("SELECT grow_table('{}')", "54000");
}

#[test]
fn endless_recursion_is_54000() {
    let mut db = Db::new("limits_stack");
    db.deploy("recurse", &guest("recurse_forever"), "entrypoint: handler\n");
    db.run("CREATE FUNCTION recurse_scalar(int) RETURNS int LANGUAGE wasm AS 'recurse:scalar'");
    for way in ["SELECT recurse('{}')", "SELECT recurse_scalar(1)"] {
        let refusal = db.refused(way, "54000");
        assert!(refusal.says("stack"), "{refusal}");
    }
    assert_eq!(db.value("SELECT 1"), "1");
}

#[test]
fn too_much_output_is_54000() {
    let mut db = Db::new("limits_output");
    db.deploy("big_output", &guest("big_output"), "memory: 128mb\n");
    db.run("CREATE FUNCTION big(text) RETURNS bytea LANGUAGE wasm AS 'big_output'");
    let refusal = db.refused("SELECT length(big('x'))", "54000");
    assert!(refusal.says("output"), "{refusal}");
}

#[test]
fn ceilings_belong_to_superusers_and_manifests_only_narrow() {
    let mut db = Db::new("limits_ceilings");
    let role = db.deployer("deployer");
    for (setting, value) in
        [("max_timeout", "1h"), ("max_memory", "4GB"), ("max_call_depth", "64"), ("superuser_guard", "off")]
    {
        let mut session = db.session_as(&role);
        // Before the library is loaded any name is taken for a custom setting; what counts is what is left of it afterwards.
        let _ = session.attempt(&format!("SET alyx_functions.{setting} = '{value}'"));
        let untouched = db.value(&format!("SHOW alyx_functions.{setting}"));
        session.run("SELECT fn_version()");
        assert_eq!(session.value(&format!("SHOW alyx_functions.{setting}")), untouched, "{setting}");
        session.refused(&format!("SET alyx_functions.{setting} = '{value}'"), "42501");
    }
    db.run("SELECT fn_version()");
    db.deploy("grow", &guest("grow_memory"), "memory: 64mb\nentrypoint: handler\n");
    db.run("SET alyx_functions.max_memory = '8MB'");
    let refusal = db.refused("SELECT grow('{}')", "53200");
    assert!(refusal.says("alyx_functions.max_memory") || refusal.says("8"), "{refusal}");
}

#[test]
fn a_thousand_failures_do_not_grow_the_backend() {
    let mut db = Db::new("limits_growth");
    let manifest = "memory: 2mb\nentrypoint: handler\n";
    db.deploy("grow_memory", &guest("grow_memory"), manifest);
    db.deploy("grow_host_memory", &guest("grow_host_memory"), manifest);
    db.deploy("recurse", &guest("recurse_forever"), "entrypoint: handler\n");
    db.deploy("trap", &guest("trap"), "entrypoint: handler\n");
    db.deploy_guest("bad_offset");
    db.deploy_guest("echo");
    db.deploy_script();
    db.run(
        "CREATE FUNCTION bad_query(text) RETURNS text LANGUAGE wasm AS 'bad_offset:query';
         CREATE FUNCTION bad_json(text) RETURNS jsonb LANGUAGE wasm AS 'echo';
         CREATE FUNCTION scalar_trap(int) RETURNS int LANGUAGE wasm AS 'trap:scalar'",
    );
    let cases = [
        ("SELECT grow_memory('{}')", "53200"),
        ("SELECT grow_host_memory('{}')", "53200"),
        ("SELECT recurse('{}')", "54000"),
        ("SELECT trap('{}')", "38000"),
        ("SELECT scalar_trap(1)", "38000"),
        ("SELECT bad_query('x')", "38000"),
        ("SELECT bad_json('nope')", "38000"),
        (r#"SELECT script(E'q{"sql": "SELECT nonsense"}\nx')"#, "42703"),
    ];
    for (sql, code) in cases {
        for _ in 0..100 {
            db.refused(sql, code);
        }
        let before = db.resident_bytes();
        for _ in 0..1000 {
            db.refused(sql, code);
        }
        let grown = db.resident_bytes().saturating_sub(before);
        assert!(grown < 2 << 20, "1000 times {sql} grew the backend by {grown} bytes");
    }
    assert_eq!(db.value("SELECT 1"), "1");
}

#[test]
fn a_hundred_thousand_calls_do_not_grow_the_backend() {
    let mut db = Db::new("limits_calls");
    db.deploy_guest("echo");
    db.deploy_outcome("mark", r#"{"row": {"v": "marked"}}"#);
    db.run("CREATE FUNCTION ints(json) RETURNS SETOF int LANGUAGE wasm AS 'echo'; CREATE TABLE t (id int, v text); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mark()");
    for sql in [
        "SELECT count(echo(to_jsonb(i))) FROM generate_series(1, 100000) i",
        "SELECT count(*) FROM generate_series(1, 20000) i, LATERAL ints('[1, 2]')",
        "BEGIN; INSERT INTO t SELECT i FROM generate_series(1, 50000) i; ROLLBACK",
    ] {
        db.run(sql);
        let before = db.resident_bytes();
        db.run(sql);
        db.run(sql);
        let grown = db.resident_bytes().saturating_sub(before);
        assert!(grown < 4 << 20, "{sql} grew the backend by {grown} bytes");
    }
}

#[test]
fn many_functions_in_one_session() {
    let mut db = Db::new("limits_many");
    let wasm = guest("echo");
    for n in 0..150 {
        db.deploy(&format!("f{n}"), &wasm, "instances: session\n");
    }
    for round in 0..3 {
        for n in 0..150 {
            assert_eq!(db.value(&format!("SELECT f{n}('{round}')")), round.to_string());
        }
    }
}

#[test]
fn a_flood_of_log_lines_is_bounded() {
    let mut db = Db::new("limits_log");
    db.deploy("flood", &guest("flood_log"), "timeout: 30s\n");
    let (_, before) = db.server().log_since(0);
    let resident = db.resident_bytes();
    let _ = db.attempt("SELECT flood('{}')");
    let grown = db.resident_bytes().saturating_sub(resident);
    assert!(grown < 32 << 20, "a gigabyte of log text grew the backend by {grown} bytes");
    let (said, _) = db.server().log_since(before);
    assert!(said.len() < 4 << 20, "a gigabyte of log text left {} bytes in the server log", said.len());
}

#[test]
fn the_guests_stack_and_postgres_add_up_safely() {
    let mut db = Db::new("limits_both_stacks");
    db.deploy_guest("deep_then_ask");
    db.run(
        "CREATE FUNCTION endless(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN endless(n + 1); END $$;
         CREATE FUNCTION through(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
           BEGIN RETURN deep_then_ask(jsonb_build_object('sql', 'SELECT through(' || n + 1 || ')')); END $$",
    );
    let reply = db.json(r#"SELECT deep_then_ask('{"sql": "SELECT 1 AS n"}')"#);
    assert_eq!(reply["rows"][0]["n"], 1, "{reply}");
    let reply = db.value(r#"SELECT left(deep_then_ask('{"sql": "SELECT endless(1)"}')::text, 300)"#);
    assert!(reply.contains("54001"), "endless recursion of PL/pgSQL below a guest: {reply}");
    let said = match db.attempt("SELECT through(1)::text") {
        Ok(rows) => rows.join(""),
        Err(refusal) => refusal.code,
    };
    assert!(said.contains("54000") || said.contains("54001"), "guest and PL/pgSQL in turns: {said}");
    let nested = format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000));
    let reply = db.value(&format!("SELECT left(deep_then_ask(jsonb_build_object('sql', '{nested}'))::text, 300)"));
    assert!(["54001", "42601", "\"rows\""].iter().any(|word| reply.contains(word)), "{reply}");
    assert_eq!(db.value("SELECT 1"), "1");
}

#[test]
fn hundreds_of_deploys_do_not_grow_the_backend_without_end() {
    let mut db = Db::new("limits_deploys");
    let burst = |db: &mut Db, from: u32| {
        for n in from..from + 100 {
            let text = format!(
                "(module (memory 1) (data (i32.const {n}) \"x\") (func (export \"handler\") (result i32) (i32.const 0)))"
            );
            db.deploy("changing", &alyx_tests::assemble(&text), "");
            db.run("SELECT changing('{}')");
        }
    };
    burst(&mut db, 0);
    let before = db.resident_bytes();
    burst(&mut db, 1000);
    burst(&mut db, 2000);
    let grown = db.resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "200 deploys grew the backend by {grown} bytes");
}

/// The C library keeps freed blocks up to twice the largest it has seen: a session would hold on to tens of megabytes.
#[test]
fn memory_of_a_large_call_goes_back_to_the_system() {
    let mut db = Db::new("limits_give_back");
    db.deploy("echo", &guest("echo"), "memory: 64mb\n");
    db.run("CREATE FUNCTION echo_text(text) RETURNS text LANGUAGE wasm AS 'echo'");
    assert_eq!(db.value("SELECT length(echo_text('warm'))"), "4");
    let before = db.resident_bytes();
    for megabytes in [20, 15, 12, 9, 6, 15, 3] {
        let bytes = (megabytes * 1_000_000).to_string();
        assert_eq!(db.value(&format!("SELECT length(echo_text(repeat('x', {bytes})))")), bytes);
    }
    let grown = db.resident_bytes().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes are left of calls that are over");
}
