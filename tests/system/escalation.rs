//! Ways in which a deployer once gained, or could have kept, rights of others: each was open when it was found.

use alyx_tests::{Db, Session, guest};

/// A `db_query` guest under the name `q`, with a manifest.
fn deploy_query(session: &mut Session, name: &str, manifest: &str) {
    session.deploy(name, &guest("ask"), &format!("entrypoint: db_query\n{manifest}"));
}

/// `fn_invoke` of a `db_query` guest.
fn query(name: &str, sql: &str) -> String {
    let request = serde_json::json!({ "sql": sql }).to_string().replace('\'', "''");
    format!("SELECT fn_invoke('{name}', '{request}')")
}

#[test]
fn nothing_is_left_in_the_session_for_a_superuser_to_run() {
    let mut db = Db::new("escalation_left_behind");
    let bob = db.deployer("bob");
    deploy_query(&mut db.session_as(&bob), "q", "");
    for sql in [
        "CREATE TEMP VIEW pg_stats_mine AS SELECT current_user AS who",
        "CREATE TEMP TABLE audit (i int)",
        "DECLARE c CURSOR FOR SELECT current_user",
        "PREPARE p AS SELECT current_user",
    ] {
        let reply = db.json(&query("q", sql));
        assert_eq!(reply["error"]["code"], "42501", "{sql}: {reply}");
    }
    assert_eq!(
        db.value(
            "SELECT (SELECT count(*) FROM pg_cursors) + (SELECT count(*) FROM pg_prepared_statements WHERE name = 'p')"
        ),
        "0"
    );
}

#[test]
fn a_nested_call_leaves_nothing_either() {
    let mut db = Db::new("escalation_nested");
    let bob = db.deployer("bob");
    let mut owner = db.session_as(&bob);
    deploy_query(&mut owner, "inner_q", "");
    owner.deploy("outer_q", &guest("ask"), "entrypoint: fn_invoke\n");
    for sql in ["DECLARE c CURSOR FOR SELECT current_user", "PREPARE p AS SELECT current_user"] {
        let request = serde_json::json!({ "name": "inner_q", "input": { "sql": sql } });
        let reply = db.json(&format!("SELECT fn_invoke('outer_q', '{request}')"));
        assert_eq!(reply["result"]["error"]["code"], "42501", "{sql}: {reply}");
    }
}

#[test]
fn a_superusers_rollback_runs_the_manifest_as_the_owner() {
    let mut db = Db::new("escalation_rollback");
    let bob = db.deployer("bob");
    let listed = "sql:\n  - { create: \"twice(i int) returns int\", export: same_i32 }\n";
    db.session_as(&bob).deploy("roll", &guest("scalars"), listed);
    db.session_as(&bob).deploy("roll", &guest("echo"), "");
    db.session_as(&bob).run("DROP FUNCTION twice(int)");
    assert_eq!(db.value("SELECT fn_rollback('roll', 1)"), "1");
    assert_eq!(db.value("SELECT proowner::regrole FROM pg_proc WHERE proname = 'twice'"), bob);
}

#[test]
fn a_listed_signature_cannot_become_another_function() {
    let mut db = Db::new("escalation_signature");
    for create in [
        "f() returns text language sql security definer as $x$ select current_user::text $x$ --",
        "f() returns text language sql as 'select 1' /*",
        "f() returns int language wasm as 'other:export'",
    ] {
        let manifest = format!("sql:\n  - {{ create: {}, export: same_i32 }}\n", serde_json::json!(create));
        let refusal = db.try_deploy("listed", &guest("scalars"), &manifest).expect_err(create);
        assert_eq!(&refusal.code[..2], "42", "{create}: {refusal}");
    }
    assert_eq!(db.value("SELECT count(*) FROM pg_proc WHERE proname = 'f'"), "0");
}

#[test]
fn an_entry_function_that_somebody_else_made_grants_nothing() {
    let mut db = Db::new("escalation_forged");
    let (alice, bob, carl) = (db.deployer("alice"), db.deployer("bob"), db.role("carl"));
    let forge =
        "SET check_function_bodies = off; CREATE FUNCTION public.sec(jsonb) RETURNS jsonb LANGUAGE wasm AS 'sec'";
    db.session_as(&alice).run(forge);
    let refusal = db.session_as(&bob).try_deploy("sec", &guest("ask"), "entrypoint: db_query\nrun_as: owner\n");
    assert_eq!(refusal.expect_err("the name is taken").code, "42723");
    db.session_as(&alice).run("DROP FUNCTION public.sec(jsonb)");
    deploy_query(&mut db.session_as(&bob), "sec", "run_as: owner\n");
    db.session_as(&bob).run("DROP FUNCTION public.sec(jsonb)");
    db.session_as(&alice).run(forge);
    db.session_as(&carl).refused(&query("sec", "SELECT 1"), "42501");
}

#[test]
fn a_function_that_was_given_away_comes_back_with_nothing() {
    let mut db = Db::new("escalation_returned");
    let (old, new, carl) = (db.deployer("old"), db.deployer("new"), db.role("carl"));
    deploy_query(&mut db.session_as(&old), "given", "run_as: owner\n");
    db.run(&format!("REASSIGN OWNED BY {old} TO {new}"));
    db.session_as(&new).run(&format!(
        "ALTER FUNCTION given(jsonb) SECURITY DEFINER SET search_path = public; GRANT EXECUTE ON FUNCTION given(jsonb) TO {carl}"
    ));
    deploy_query(&mut db, "given", "run_as: owner\ntimeout: 3s\n");
    let seen = db.value(
        "SELECT proowner::regrole, prosecdef, proconfig IS NULL FROM pg_proc WHERE proname = 'given' AND pronargs = 1",
    );
    assert_eq!(seen, format!("{old}|f|t"));
    db.session_as(&carl).refused(&query("given", "SELECT 1"), "42501");
}

#[test]
fn a_callers_search_path_means_nothing_to_the_owners_sql() {
    let mut db = Db::new("escalation_search_path");
    let (alice, bob) = (db.deployer("alice"), db.deployer("bob"));
    let mut owner = db.session_as(&bob);
    deploy_query(&mut owner, "inner_q", "run_as: owner\n");
    owner.deploy("outer_q", &guest("ask"), "entrypoint: fn_invoke\nrun_as: owner\n");
    owner.run("GRANT EXECUTE ON FUNCTION inner_q(jsonb), outer_q(jsonb) TO PUBLIC");
    db.run(&format!("CREATE SCHEMA trap AUTHORIZATION {alice}"));
    let mut caller = db.session_as(&alice);
    caller.run(
        "CREATE FUNCTION trap.cap(int, int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''captured''; END';
         CREATE OPERATOR trap.= (LEFTARG = int, RIGHTARG = int, FUNCTION = trap.cap);
         GRANT USAGE ON SCHEMA trap TO PUBLIC; SET search_path = trap, pg_catalog, public",
    );
    let reply = caller.json(&query("public.inner_q", "SELECT 1 = 1 AS x").replace("public.inner_q", "inner_q"));
    assert_eq!(reply["rows"][0]["x"], true, "{reply}");
    let nested = r#"SELECT fn_invoke('outer_q', '{"name": "inner_q", "input": {"sql": "SELECT 1 = 1 AS x"}}')"#;
    let reply = caller.json(nested);
    assert_eq!(reply["result"]["rows"][0]["x"], true, "{reply}");
}

#[test]
fn a_reading_guest_leaves_the_transaction_as_it_was() {
    let mut db = Db::new("escalation_read_only");
    deploy_query(&mut db, "reader", "database: read\n");
    db.run("CREATE TABLE t (i int)");
    let set = query("reader", "SELECT set_config('transaction_read_only', 'on', true)");
    db.run(&format!("BEGIN; {set}; INSERT INTO t VALUES (1); COMMIT"));
    assert_eq!(db.value("SELECT count(*) FROM t"), "1");
}

#[test]
fn an_old_snapshot_does_not_keep_an_old_version() {
    let mut db = Db::new("escalation_snapshot");
    db.deploy_outcome("ver", "1");
    let mut session = db.session();
    assert_eq!(session.value("SELECT fn_invoke('ver')"), "1");
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    db.deploy_outcome("ver", "2");
    session.run("SELECT count(*) FROM pg_description; SELECT fn_invoke('ver'); COMMIT");
    assert_eq!(session.value("SELECT fn_invoke('ver')"), "2");
    db.run("SELECT fn_drop('ver', true)");
    session.refused("SELECT fn_invoke('ver')", "42883");
}

#[test]
fn what_others_have_bound_does_not_stand_in_the_way_of_a_drop() {
    let mut db = Db::new("escalation_drop");
    let (alice, bob) = (db.deployer("alice"), db.deployer("bob"));
    db.session_as(&bob).deploy("mine", &guest("echo"), "");
    db.session_as(&alice)
        .run("SET check_function_bodies = off; CREATE FUNCTION x() RETURNS int LANGUAGE wasm AS 'mine'");
    db.session_as(&bob).run("SELECT fn_drop('mine')");
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions"), "0");
}

#[test]
fn statements_follow_a_changed_column_type() {
    let mut db = Db::new("escalation_types");
    db.deploy_query();
    db.run("CREATE TABLE ty (c int); INSERT INTO ty VALUES (1)");
    let ask =
        |value: &str| format!(r#"SELECT query('{{"sql": "SELECT * FROM ty WHERE c = $1", "params": [{value}]}}')"#);
    assert_eq!(db.json(&ask("1"))["row_count"], 1);
    db.run("ALTER TABLE ty ALTER c TYPE text");
    let reply = db.json(&ask("\"1\""));
    assert_eq!(reply["row_count"], 1, "{reply}");
}
