//! What a function keeps is its own: not another function's, not the caller's, not SQL's.

use crate::house::{Lines, deploy_script, get, house, keys, kv, set};
use alyx_tests::guest;
use serde_json::json;

#[test]
fn functions_of_one_owner_do_not_share() {
    let mut db = house("kv_own");
    for name in ["one", "two"] {
        deploy_script(&mut db, name, "");
        set(&mut db, name, "k", &json!(name));
    }
    deploy_script(&mut db, "three", "");
    assert_eq!(get(&mut db, "one", "k")["value"], "one");
    assert_eq!(get(&mut db, "two", "k")["value"], "two");
    assert_eq!(get(&mut db, "three", "k")["exists"], false);
    assert_eq!(keys(&mut db, "three", &json!({})), [""; 0]);
    assert_eq!(kv(&mut db, "three", 'd', &json!({"key": "k"})), json!({"deleted": false}));
    // Also when one calls the other in the middle.
    let inner = Lines::new().line('p', &json!({"key": "k", "value": "inner"})).joined();
    db.deploy("inner", &guest("script"), "entrypoint: from_config\n");
    db.run(&format!("SELECT fn_set_env('inner', 'SCRIPT', {})", alyx_tests::literal(&inner)));
    let call = Lines::new().invoke("inner", &json!({})).line('g', &json!({"key": "k"})).by("one");
    assert_eq!(db.json(&call)[1]["value"], "one");
    assert_eq!(db.value("SELECT count(*) FROM alyx._kv"), "3");
    assert_eq!(kv(&mut db, "one", 'd', &json!({"key": "k"})), json!({"deleted": true}));
    assert_eq!(get(&mut db, "two", "k")["value"], "two");
}

#[test]
fn it_is_the_functions_whoever_calls_and_whichever_version() {
    let mut db = house("kv_callers");
    let owner = db.deployer("owner");
    let callers = [db.role("one"), db.role("two")];
    let mut session = db.session_as(&owner);
    for scope in ["fresh", "session"] {
        deploy_script(&mut session, "keeper", &format!("instances: {scope}"));
        for caller in &callers {
            session.run(&format!("GRANT EXECUTE ON FUNCTION run_keeper(text) TO {caller}"));
        }
        set(&mut db.session_as(&callers[0]), "keeper", scope, &json!(1));
        assert_eq!(get(&mut db.session_as(&callers[1]), "keeper", scope)["value"], 1);
        assert_eq!(get(&mut db, "keeper", scope)["value"], 1, "a superuser's call, too");
    }
    deploy_script(&mut session, "keeper", "run_as: owner");
    assert_eq!(keys(&mut db.session_as(&callers[0]), "keeper", &json!({})), ["fresh", "session"]);
    session.run("SELECT fn_rollback('keeper')");
    assert_eq!(keys(&mut session, "keeper", &json!({})), ["fresh", "session"]);
}

#[test]
fn a_function_made_anew_begins_empty() {
    let mut db = house("kv_anew");
    let owner = db.deployer("owner");
    let stranger = db.deployer("stranger");
    let mut session = db.session_as(&owner);
    deploy_script(&mut session, "keeper", "instances: session");
    set(&mut session, "keeper", "k", &json!("of the first"));
    session.run("BEGIN; SELECT fn_drop('keeper'); ROLLBACK");
    assert_eq!(get(&mut session, "keeper", "k")["value"], "of the first");
    session.run("SELECT fn_drop('keeper')");
    assert_eq!(db.value("SELECT count(*) FROM alyx._kv"), "0", "its rows go with it");
    let mut other = db.session_as(&stranger);
    deploy_script(&mut other, "keeper", "");
    assert_eq!(get(&mut other, "keeper", "k")["exists"], false);
    set(&mut other, "keeper", "k", &json!("of the second"));
    other.run("SELECT fn_drop('keeper')");
    deploy_script(&mut session, "keeper", "");
    assert_eq!(keys(&mut session, "keeper", &json!({})), [""; 0]);
}

#[test]
fn sql_does_not_reach_it() {
    let mut db = house("kv_sql");
    let owner = db.deployer("owner");
    let mut session = db.session_as(&owner);
    deploy_script(&mut session, "keeper", "run_as: owner");
    set(&mut session, "keeper", "k", &json!("hidden 8472"));
    for statement in [
        "SELECT * FROM alyx._kv",
        "INSERT INTO alyx._kv SELECT * FROM alyx._kv",
        "UPDATE alyx._kv SET key = 'x'",
        "DELETE FROM alyx._kv",
        "TRUNCATE alyx._kv",
        "COPY alyx._kv TO STDOUT",
        "CREATE TRIGGER t BEFORE INSERT ON alyx._kv FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE INDEX ON alyx._kv (key)",
        "ALTER TABLE alyx._kv ENABLE ROW LEVEL SECURITY",
    ] {
        session.refused(statement, "42501");
        // By a guest with the owner's rights, and by one that a superuser calls.
        let replies = db.json(&Lines::new().query(statement, &[]).by("keeper"));
        assert_eq!(replies[0]["error"]["code"], "42501", "{statement}: {replies}");
    }
    // No view shows values, and no function of ours hands them out.
    for relation in db.rows("SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'alyx'::regnamespace AND c.relkind IN ('r', 'v', 'p')") {
        if let Ok(rows) = session.attempt(&format!("SELECT t::text FROM {relation} t")) {
            assert!(!rows.join("\n").contains("8472"), "{relation} shows it");
        }
    }
    let private = db.rows(
        "SELECT p.oid::regproc FROM pg_proc p WHERE p.pronamespace = 'alyx'::regnamespace AND p.proname LIKE '%kv%'",
    );
    for function in private {
        for arguments in ["", "'k'", "'keeper'", "'keeper', 'k'", "1, 'k'"] {
            let ended = session.attempt(&format!("SELECT {function}({arguments})"));
            assert!(ended.is_err(), "{function}({arguments}): {ended:?}");
        }
    }
    assert_eq!(get(&mut session, "keeper", "k")["value"], "hidden 8472");
}

#[test]
fn the_callers_session_does_not_fool_it() {
    let mut db = house("kv_fooled");
    let owner = db.deployer("owner");
    let caller = db.deployer("caller");
    let mut session = db.session_as(&owner);
    deploy_script(&mut session, "keeper", "");
    session.run(&format!("GRANT EXECUTE ON FUNCTION run_keeper(text) TO {caller}"));
    db.run(&format!("CREATE SCHEMA evil AUTHORIZATION {caller}"));
    let mut calling = db.session_as(&caller);
    calling.run(
        "CREATE TABLE evil.caught (what text); GRANT ALL ON SCHEMA evil TO PUBLIC; GRANT ALL ON evil.caught TO PUBLIC;
         CREATE FUNCTION evil.tell(what text) RETURNS boolean LANGUAGE sql VOLATILE AS $$ INSERT INTO evil.caught VALUES (what) RETURNING true $$;
         CREATE FUNCTION evil.equal(text, text) RETURNS boolean LANGUAGE sql VOLATILE AS $$ SELECT evil.tell('equal') $$;
         CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.equal);
         CREATE FUNCTION evil.greater(text, text) RETURNS boolean LANGUAGE sql VOLATILE AS $$ SELECT evil.tell('greater') $$;
         CREATE OPERATOR evil.> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.greater);
         CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT evil.tell('clock'); SELECT pg_catalog.clock_timestamp() $$;
         CREATE FUNCTION evil.octet_length(text) RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT evil.tell('octet_length'); SELECT 0 $$;
         CREATE FUNCTION evil.starts_with(text, text) RETURNS boolean LANGUAGE sql VOLATILE AS $$ SELECT evil.tell('starts_with') $$;
         CREATE TABLE evil._kv (function bigint, key text, value jsonb); CREATE TEMP TABLE _kv (key text);
         SET search_path = evil, pg_catalog, public; SET row_security = off; SET standard_conforming_strings = off; SET bytea_output = escape; SET DateStyle = German; SET TimeZone = 'Asia/Tokyo'; SET IntervalStyle = sql_standard",
    );
    let call =
        |letter: char, request: serde_json::Value| format!("SELECT public.run_keeper($lines${letter}{request}$lines$)");
    calling.run(&call('p', json!({"key": "k\\'", "value": {"x": 1}, "ttl_ms": 60000})));
    assert!(calling.value(&call('g', json!({"key": "k\\'"}))).contains("\"x\": 1"));
    let listed = calling.json(&call('k', json!({"prefix": "k"})))[0].take();
    let expires = listed["entries"][0]["expires_at"].as_str().expect("a time").to_owned();
    calling.run(&call('d', json!({"key": "k\\'"})));
    assert_eq!(db.rows("SELECT DISTINCT what FROM evil.caught"), [""; 0]);
    assert!(expires.starts_with("20") && expires.contains('T'), "whatever DateStyle says: {expires}");
}
