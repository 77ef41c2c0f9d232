//! From where a guest may fetch: not while a writer waits for a trigger, unless its manifest says so; from jobs freely.

use crate::house::House;
use alyx_tests::{Answer, Cluster, Reply, Web, guest, literal, wait_until};
use serde_json::json;

/// A server, the function `noter` that may reach it and keeps what came of it in `replies`, and `fetch` the same in SQL.
fn house(test: &str, manifest: &str) -> (House, Web) {
    let mut house = House::new(test);
    let web = furnish(&mut house, manifest);
    (house, web)
}

fn furnish(house: &mut House, manifest: &str) -> Web {
    let web = Web::new(|_| Reply::text("ok"));
    let request = json!({"url": web.url("/")}).to_string();
    let origin = web.origin();
    house.run("CREATE TABLE replies (id serial, reply jsonb); CREATE TABLE t (id int); CREATE TABLE u (id int)");
    house.deploy(
        "noter",
        &guest("fetch_and_note"),
        &format!("{manifest}allowed_hosts: [\"{origin}\"]\nenv:\n  REQUEST: '{request}'\n"),
    );
    house.allow_with(&[origin], manifest);
    let fetch = crate::house::call(&json!({"url": web.url("/")})).replace("SELECT ", "");
    house.run(&format!(
        "CREATE FUNCTION by_hand() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO replies (reply) VALUES ({fetch}); RETURN NEW; END $$;
         CREATE FUNCTION by_name() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM fn_invoke('noter'); RETURN NEW; END $$;
         CREATE FUNCTION noter_event() RETURNS event_trigger LANGUAGE wasm AS 'noter'"
    ));
    let query = json!({"sql": "SELECT fn_invoke('noter')"}).to_string();
    house.deploy("nesting", &guest("configured"), &format!("env:\n  QUERY: {}\n", literal(&query)));
    web
}

/// Ways in which a fetch happens while somebody waits: what to create, and what fires it.
const WAYS: [(&str, &str); 8] = [
    ("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION noter()", "INSERT INTO t VALUES (1)"),
    ("CREATE TRIGGER tr AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION noter()", "INSERT INTO t VALUES (1)"),
    (
        "CREATE CONSTRAINT TRIGGER tr AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION noter()",
        "BEGIN; INSERT INTO t VALUES (1); COMMIT",
    ),
    ("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nesting()", "INSERT INTO t VALUES (1)"),
    ("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION by_hand()", "INSERT INTO t VALUES (1)"),
    ("CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION by_name()", "INSERT INTO t VALUES (1)"),
    (
        "CREATE VIEW tr AS SELECT * FROM t; CREATE TRIGGER tr INSTEAD OF INSERT ON tr FOR EACH ROW EXECUTE FUNCTION noter()",
        "INSERT INTO tr VALUES (1)",
    ),
    ("CREATE EVENT TRIGGER tr ON ddl_command_end EXECUTE FUNCTION noter_event()", "CREATE TABLE made ()"),
];

/// Fires each way and gives what `what` of the replies says.
fn fire(house: &mut House, what: &str) -> Vec<String> {
    let mut said = Vec::new();
    for (create, fire) in WAYS {
        house.run("TRUNCATE replies");
        house.run(create);
        house.run(fire);
        said.extend(house.rows(&format!("SELECT {what} FROM replies")));
        house.run("DROP EVENT TRIGGER IF EXISTS tr; DROP VIEW IF EXISTS tr; DROP TRIGGER IF EXISTS tr ON t; DROP TABLE IF EXISTS made");
    }
    said
}

#[test]
fn a_writer_does_not_wait_for_a_server() {
    let (mut house, web) = house("sync", "");
    assert_eq!(fire(&mut house, "reply #>> '{error,code}'"), ["42501"; WAYS.len()]);
    assert_eq!(web.connections(), 0);
    house.run(WAYS[0].0);
    house.run("INSERT INTO t VALUES (1)");
    let said = house.value("SELECT reply ->> 'error' FROM replies ORDER BY id DESC LIMIT 1");
    assert!(said.contains("http_in_transaction"), "{said}");
}

#[test]
fn a_manifest_may_say_that_the_writer_waits() {
    let (mut house, web) = house("sync_allowed", "http_in_transaction: true\n");
    assert_eq!(fire(&mut house, "reply ->> 'body'"), ["ok"; WAYS.len()]);
    assert_eq!(web.requests().len(), WAYS.len());
}

#[test]
fn a_trigger_that_failed_leaves_no_ban() {
    let (mut house, web) = house("over", "");
    house.deploy_guest("trap");
    house.run(
        "CREATE FUNCTION trap_event() RETURNS event_trigger LANGUAGE wasm AS 'trap';
         CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION trap();
         CREATE EVENT TRIGGER tr ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION trap_event()",
    );
    for failing in ["INSERT INTO t VALUES (1)", "CREATE TABLE made ()"] {
        house.refused(failing, "38000");
        assert_eq!(house.text(&json!({"url": web.url("/")})), "ok", "after {failing}");
        house.refused(&format!("BEGIN; SAVEPOINT s; {failing}"), "38000");
        house.run("ROLLBACK TO s");
        assert_eq!(house.text(&json!({"url": web.url("/")})), "ok", "after {failing}");
        house.run("ROLLBACK");
    }
}

#[test]
fn plain_calls_may_fetch_in_any_transaction() {
    let (mut house, web) = house("plain", "");
    house.run(
        "BEGIN; INSERT INTO t VALUES (1); SELECT fn_invoke('noter'); SAVEPOINT s; SELECT fn_invoke('noter'); COMMIT",
    );
    house.run("DO $$ BEGIN PERFORM fn_invoke('noter'); END $$");
    assert_eq!(house.rows("SELECT reply ->> 'body' FROM replies"), ["ok"; 3]);
    assert_eq!(web.requests().len(), 3);
}

#[test]
fn jobs_may_fetch() {
    let cluster = Cluster::preloaded("http_jobs", &[]);
    let mut house = House::on(cluster.server().clone(), "jobs", |_| Answer::loopback());
    let web = furnish(&mut house, "");
    house.run("SELECT fn_attach('noter', 't', '{insert}', mode => 'async'); INSERT INTO t VALUES (1)");
    house.run("SELECT fn_enqueue('noter')");
    wait_until("both jobs have fetched", || house.value("SELECT count(*) FROM replies") == "2");
    assert_eq!(house.rows("SELECT reply ->> 'body' FROM replies"), ["ok"; 2]);
    // But a trigger that a job's own writing fires is one like any other.
    house.run("SELECT fn_detach('noter', 't')");
    house.run("CREATE TRIGGER tr BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION noter()");
    let query = json!({"sql": "INSERT INTO public.u VALUES (1)"}).to_string();
    house.deploy("writer", &guest("configured"), &format!("env:\n  QUERY: {}\n", literal(&query)));
    house.run("TRUNCATE replies; SELECT fn_enqueue('writer')");
    wait_until("the job has written", || house.value("SELECT count(*) FROM replies") == "1");
    assert_eq!(house.value("SELECT reply #>> '{error,code}' FROM replies"), "42501");
    assert_eq!(web.requests().len(), 2);
}
