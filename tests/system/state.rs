//! What an instance remembers: nothing, its transaction, or its session, and never across roles, versions or traps.

use alyx_tests::{Db, guest};

fn db(test: &str, instances: &str) -> Db {
    let mut db = Db::new(test);
    db.deploy("tally", &guest("counter"), &format!("instances: {instances}\nentrypoint: count\n"));
    db.run(
        "CREATE FUNCTION count_trap(text) RETURNS text LANGUAGE wasm AS 'tally:count_then_trap';
         CREATE FUNCTION count_number(int) RETURNS int LANGUAGE wasm AS 'tally:count_number'",
    );
    db
}

fn tally(session: &mut alyx_tests::Session) -> String {
    session.value("SELECT tally('{}')")
}

#[test]
fn fresh_forgets_everything() {
    let mut db = db("state_fresh", "fresh");
    for _ in 0..3 {
        assert_eq!(tally(&mut db), "1");
        assert_eq!(db.value("SELECT count_number(0)"), "1");
    }
    assert_eq!(db.rows("SELECT DISTINCT tally('{}'), count_number(i) FROM generate_series(1, 5) i"), ["1|1"]);
}

#[test]
fn fresh_is_the_default() {
    let mut db = Db::new("state_default");
    db.deploy("tally", &guest("counter"), "entrypoint: count\n");
    assert_eq!(db.rows("SELECT DISTINCT tally('{}') FROM generate_series(1, 5)"), ["1"]);
}

#[test]
fn transaction_remembers_until_its_end() {
    let mut db = db("state_transaction", "transaction");
    db.run("BEGIN");
    assert_eq!([tally(&mut db), tally(&mut db), tally(&mut db)], ["1", "2", "3"]);
    db.run("COMMIT");
    assert_eq!(tally(&mut db), "1");
    assert_eq!(tally(&mut db), "1");
    db.run("BEGIN");
    assert_eq!([tally(&mut db), tally(&mut db)], ["1", "2"]);
    db.run("ROLLBACK");
    assert_eq!(tally(&mut db), "1");
    assert_eq!(db.value("SELECT max(count_number(i)) FROM generate_series(1, 5) i"), "5");
}

#[test]
fn session_remembers_across_transactions_but_not_across_sessions() {
    let mut db = db("state_session", "session");
    assert_eq!([tally(&mut db), tally(&mut db)], ["1", "2"]);
    db.run("BEGIN");
    assert_eq!(tally(&mut db), "3");
    db.run("ROLLBACK");
    assert_eq!(tally(&mut db), "4");
    assert_eq!(tally(&mut db.session()), "1");
}

#[test]
fn a_trap_a_cancel_and_a_limit_end_the_memory() {
    let mut db = db("state_trap", "session");
    assert_eq!([tally(&mut db), tally(&mut db)], ["1", "2"]);
    db.refused("SELECT count_trap('x')", "38000");
    assert_eq!(tally(&mut db), "1", "an instance that trapped is not used again");
}

#[test]
fn roles_do_not_share_an_instance() {
    let mut db = db("state_roles", "session");
    let (ann, ben) = (db.role("ann"), db.role("ben"));
    db.run("GRANT EXECUTE ON FUNCTION tally(jsonb) TO PUBLIC");
    let as_role = |db: &mut Db, role: &str| {
        db.run(&format!("SET ROLE {role}"));
        let counted = tally(db);
        db.run("RESET ROLE");
        counted
    };
    let seen = [
        as_role(&mut db, &ann),
        as_role(&mut db, &ann),
        as_role(&mut db, &ben),
        as_role(&mut db, &ann),
        as_role(&mut db, &ben),
    ];
    assert_eq!([&seen[0], &seen[2]], ["1", "1"], "ben must not see what ann's calls left behind: {seen:?}");
    assert!(seen[4] == "2" || seen[4] == "1", "{seen:?}");
}

#[test]
fn of_many_functions_the_session_keeps_those_that_were_used_last() {
    let mut db = Db::new("state_many");
    for n in 0..12 {
        db.deploy(&format!("f{n}"), &guest("counter"), "instances: session\nentrypoint: count\n");
    }
    let mut few = db.session();
    few.run("SET alyx_functions.max_cached_functions = 8");
    let mut call = |n: u32| few.value(&format!("SELECT f{n}('{{}}')"));
    let first: Vec<String> = (0..8).map(&mut call).collect();
    assert_eq!(first, ["1"; 8]);
    assert_eq!(call(0), "2", "eight are kept");
    assert_eq!([call(8), call(9)], ["1", "1"]);
    assert_eq!(call(0), "3", "it was used after the others");
    assert_eq!([call(7), call(1)], ["2", "1"], "the first two that were not used again are forgotten, the last is not");
    let refusal = db.refused("SET alyx_functions.max_cached_functions = 7", "22023");
    assert!(refusal.message.contains("max_cached_functions"), "{refusal}");
    // Nobody else may have a session keep more.
    let role = db.role("reader");
    let mut reader = db.session_as(&role);
    reader.run("SET alyx_functions.max_cached_functions = 100000");
    reader.run("SELECT fn_version()");
    assert_eq!(reader.value("SHOW alyx_functions.max_cached_functions"), "256", "set before the library was there");
    reader.refused("SET alyx_functions.max_cached_functions = 100000", "42501");
}

#[test]
fn when_instances_take_all_room_those_go_that_were_used_longest_ago() {
    let mut db = Db::new("state_room");
    for n in 0..12 {
        db.deploy(&format!("f{n}"), &guest("counter"), "instances: session\nentrypoint: count\n");
    }
    let mut few = db.session();
    few.run("SET alyx_functions.max_instances = 10");
    let mut call = |n: u32| few.value(&format!("SELECT f{n}('{{}}')"));
    let first: Vec<String> = (0..10).map(&mut call).collect();
    assert_eq!(first, ["1"; 10]);
    assert_eq!(call(0), "2");
    assert_eq!(call(10), "1");
    assert_eq!([call(0), call(9)], ["3", "2"], "used last, they are kept");
    assert_eq!(call(1), "1", "used longest ago, it has made room");
}

#[test]
fn a_new_version_begins_anew() {
    let mut db = db("state_version", "session");
    assert_eq!([tally(&mut db), tally(&mut db)], ["1", "2"]);
    db.deploy("tally", &guest("counter"), "instances: session\nentrypoint: count\ntimeout: 5s\n");
    assert_eq!(tally(&mut db), "1");
}

#[test]
fn a_function_dropped_and_deployed_again_is_another() {
    let mut db = Db::new("state_again");
    for instances in ["session", "transaction"] {
        db.deploy("f", &guest("configured"), &format!("instances: {instances}\nenv: {{OUTCOME: '\"old\"'}}\n"));
        assert_eq!(db.value("SELECT f('{}')"), "\"old\"", "{instances}");
        db.run("SELECT fn_drop('f', true)");
        db.deploy("f", &guest("configured"), &format!("instances: {instances}\nenv: {{OUTCOME: '\"new\"'}}\n"));
        assert_eq!(
            db.value("SELECT f('{}')"),
            "\"new\"",
            "{instances}: the name and version are the same, the function is not"
        );
        db.run("SELECT fn_drop('f', true)");
        db.deploy("f", &guest("echo"), &format!("instances: {instances}\n"));
        assert_eq!(db.value("SELECT f('7')"), "7", "{instances}: other code under the same name and version");
        db.run("SELECT fn_drop('f', true)");
    }
}

#[test]
fn a_kept_instance_sees_env_that_was_set_later() {
    let mut db = Db::new("state_env");
    db.deploy("f", &guest("configured"), "instances: session\nenv: {OUTCOME: '1'}\n");
    assert_eq!(db.value("SELECT f('{}')"), "1");
    db.run("SELECT fn_set_env('f', 'OUTCOME', '2')");
    assert_eq!(db.value("SELECT f('{}')"), "2");
}

#[test]
fn errors_of_a_shared_instance_name_the_export_that_was_called() {
    let mut db = db("state_context", "session");
    tally(&mut db);
    let refusal = db.refused("SELECT count_trap('x')", "38000");
    assert!(refusal.context.contains("count_then_trap"), "{refusal}");
    assert_eq!(tally(&mut db), "1");
}

#[test]
fn a_call_within_a_call_has_an_instance_of_its_own() {
    let mut db = Db::new("state_nested");
    db.deploy("script", &guest("script"), "instances: session\n");
    db.run("CREATE FUNCTION script(lines text) RETURNS jsonb LANGUAGE wasm AS 'script'");
    let inner = r#"q{\"sql\": \"SELECT 7 AS n\"}"#;
    let outer = format!(r#"q{{"sql": "SELECT script($1) AS inner", "params": ["{inner}"]}}"#);
    let replies = db.json(&format!("SELECT script($x${outer}\n{outer}$x$)"));
    for reply in [&replies[0], &replies[1]] {
        assert_eq!(reply["rows"][0]["inner"][0]["rows"][0]["n"], 7, "{replies:#}");
    }
}
