//! Guests that call themselves by a detour: through triggers, views, rules, operators, other languages, and each other. Plain
//! recursion by `fn_invoke`, SQL and one trigger is `system/calls` and `system/outcomes`.

use alyx_tests::{Db, guest, literal};
use serde_json::json;

/// A guest `name` that runs one statement whenever it is called, and fails when that fails.
fn runs(db: &mut Db, name: &str, sql: &str) {
    let request = json!({ "sql": sql }).to_string();
    db.deploy(name, &guest("configured"), &format!("env: {{QUERY: {}}}\ntimeout: 20s\n", literal(&request)));
}

/// The call ends at the limit of depth, which comes before that of the stack, and the session goes on.
fn assert_ends(db: &mut Db, call: &str) {
    let refusal = db.refused(call, "54000");
    assert!(refusal.says("deep"), "{call}: {refusal}");
    assert_eq!(
        db.value("SELECT count(*) FROM pg_class WHERE relname = 'made'"),
        "0",
        "what was done is undone: {call}"
    );
    assert_eq!(db.value("SELECT 1"), "1", "after {call}");
}

#[test]
fn two_tables_whose_triggers_set_each_other_off() {
    let mut db = Db::new("hostile_ping_pong");
    db.run("CREATE TABLE ping (i int); CREATE TABLE pong (i int)");
    runs(&mut db, "to_pong", "INSERT INTO public.pong VALUES (1)");
    runs(&mut db, "to_ping", "INSERT INTO public.ping VALUES (1)");
    db.run(
        "CREATE TRIGGER g AFTER INSERT ON ping FOR EACH ROW EXECUTE FUNCTION to_pong();
         CREATE TRIGGER g AFTER INSERT ON pong FOR EACH STATEMENT EXECUTE FUNCTION to_ping()",
    );
    assert_ends(&mut db, "INSERT INTO ping VALUES (1)");
    assert_eq!(db.value("SELECT (SELECT count(*) FROM ping) + (SELECT count(*) FROM pong)"), "0");
}

#[test]
fn a_view_whose_trigger_inserts_into_it() {
    let mut db = Db::new("hostile_view");
    db.run("CREATE VIEW v AS SELECT 1 AS i");
    runs(&mut db, "again", "INSERT INTO public.v VALUES (1)");
    db.run("CREATE TRIGGER g INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION again()");
    assert_ends(&mut db, "INSERT INTO v VALUES (1)");
}

#[test]
fn an_event_trigger_that_sets_itself_off() {
    let mut db = Db::new("hostile_event");
    runs(&mut db, "again", "CREATE TABLE public.made (i int)");
    db.run("CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE wasm AS 'again'; CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION on_ddl()");
    assert_ends(&mut db, "CREATE TABLE first (i int)");
    db.run("DROP EVENT TRIGGER e");
}

#[test]
fn operators_casts_defaults_and_rules_that_lead_back() {
    let mut db = Db::new("hostile_detours");
    runs(&mut db, "again", "SELECT 1");
    db.run(
        "CREATE FUNCTION op(text, text) RETURNS text LANGUAGE wasm AS 'again';
         CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = op);
         CREATE FUNCTION word(text) RETURNS text LANGUAGE wasm AS 'again';
         CREATE TABLE d (i int, v text DEFAULT word('x'));
         CREATE TABLE r (v text); CREATE RULE r AS ON INSERT TO r DO ALSO SELECT word('x');
         CREATE DOMAIN dom AS text CHECK (word(VALUE) <> '');
         CREATE FUNCTION set_of(text) RETURNS SETOF int LANGUAGE wasm AS 'again';
         CREATE FUNCTION in_sql(text) RETURNS text LANGUAGE sql AS 'SELECT word($1)';
         CREATE FUNCTION in_plpgsql(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT word($1)' USING $1; RETURN ''; END $$",
    );
    for sql in [
        "SELECT 'a'::text OPERATOR(public.===) 'b'::text",
        "INSERT INTO public.d VALUES (1)",
        "INSERT INTO public.r VALUES ('x')",
        "SELECT 'x'::public.dom",
        "SELECT * FROM public.set_of('x')",
        "SELECT public.in_sql('x')",
        "SELECT public.in_plpgsql('x')",
        "DO $$ BEGIN PERFORM public.in_plpgsql('x'); END $$",
        "SELECT public.fn_invoke('again')",
        "EXPLAIN ANALYZE SELECT public.word('x')",
    ] {
        let request = literal(&json!({ "sql": sql }).to_string());
        db.run(&format!("SELECT fn_set_env('again', 'QUERY', {request})"));
        assert_ends(&mut db, "SELECT again('{}')");
    }
}

#[test]
fn depth_is_counted_over_roles_owners_and_kept_instances() {
    let mut db = Db::new("hostile_depth_roles");
    let (bob, carl) = (db.deployer("bob"), db.deployer("carl"));
    for (role, name, other, instances) in [(&bob, "one", "two", "session"), (&carl, "two", "one", "fresh")] {
        let mut session = db.session_as(role);
        let sql = json!({"sql": format!("SELECT public.{other}('{{}}')")}).to_string();
        let manifest = format!("run_as: owner\ninstances: {instances}\nenv: {{QUERY: {}}}\n", literal(&sql));
        session.deploy(name, &guest("configured"), &manifest);
        session.run(&format!("GRANT EXECUTE ON FUNCTION {name}(jsonb) TO PUBLIC"));
    }
    for _ in 0..3 {
        assert_ends(&mut db, "SELECT one('{}')");
        assert_eq!(db.value("SELECT current_user, session_user"), "postgres|postgres");
    }
}
