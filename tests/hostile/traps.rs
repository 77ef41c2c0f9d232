//! A guest wherever Postgres calls a function without being asked to: a superuser who touches an object of mallory's runs
//! mallory's guest, and it has mallory's rights.

use alyx_tests::{Db, guest};

/// A database in which mallory may make objects; her function `mark` ends in an error that says whose rights it had.
fn planted(test: &str) -> (Db, String) {
    let mut db = Db::new(test);
    let mallory = db.deployer("mallory");
    db.run(
        "CREATE FUNCTION speak() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'I am %', current_user; END $$;
         CREATE TABLE plain (v text)",
    );
    db.run(&format!("GRANT ALL ON plain TO {mallory}; ALTER TABLE plain OWNER TO {mallory}"));
    let mut session = db.session_as(&mallory);
    session.deploy(
        "tell",
        &guest("configured"),
        "env: {QUERY: '{\"sql\": \"SELECT public.speak()\"}', OUTCOME: 'x'}\n",
    );
    session.run(
        "CREATE FUNCTION mark(text) RETURNS text IMMUTABLE LANGUAGE wasm AS 'tell';
         CREATE FUNCTION mark_pair(text, text) RETURNS text IMMUTABLE LANGUAGE wasm AS 'tell';
         CREATE FUNCTION mark_json(jsonb) RETURNS text VOLATILE LANGUAGE wasm AS 'tell';
         CREATE FUNCTION fire() RETURNS trigger LANGUAGE wasm AS 'tell';
         CREATE FUNCTION rows(text) RETURNS SETOF int LANGUAGE wasm AS 'tell'",
    );
    (db, mallory)
}

/// What mallory makes, and what a superuser then does in all innocence.
const TRAPS: [(&str, &str, &str); 19] = [
    ("a default", "CREATE TABLE t (i int, v text DEFAULT mark('x'))", "INSERT INTO t VALUES (1)"),
    ("a check", "CREATE TABLE t (v text CHECK (mark(v) <> ''))", "INSERT INTO t VALUES ('a')"),
    (
        "a generated column",
        "CREATE TABLE t (v text, g text GENERATED ALWAYS AS (mark(v)) STORED)",
        "INSERT INTO t VALUES ('a')",
    ),
    ("an index on an expression", "CREATE TABLE t (v text); CREATE INDEX ON t (mark(v))", "INSERT INTO t VALUES ('a')"),
    (
        "an index on a part",
        "CREATE TABLE t (v text); CREATE INDEX ON t (v) WHERE mark(v) <> ''",
        "INSERT INTO t VALUES ('a')",
    ),
    ("a partition key", "CREATE TABLE t (v text) PARTITION BY LIST (mark(v))", "INSERT INTO t VALUES ('a')"),
    ("a domain", "CREATE DOMAIN t AS text CHECK (mark(VALUE) <> '')", "SELECT 'a'::t"),
    ("a view", "CREATE VIEW t AS SELECT mark_json('{}')", "SELECT * FROM t"),
    (
        "a rule",
        "CREATE TABLE t (v text); CREATE RULE r AS ON INSERT TO t DO ALSO SELECT mark_json('{}')",
        "INSERT INTO t VALUES ('a')",
    ),
    (
        "a trigger on rows",
        "CREATE TABLE t (v text); CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fire()",
        "INSERT INTO t VALUES ('a')",
    ),
    (
        "a trigger on statements",
        "CREATE TABLE t (v text); CREATE TRIGGER g AFTER TRUNCATE ON t EXECUTE FUNCTION fire()",
        "TRUNCATE t",
    ),
    (
        "a deferred trigger",
        "CREATE TABLE t (v text); CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fire()",
        "INSERT INTO t VALUES ('a')",
    ),
    (
        "a trigger instead of a view's",
        "CREATE VIEW t AS SELECT 1 AS v; CREATE TRIGGER g INSTEAD OF INSERT ON t FOR EACH ROW EXECUTE FUNCTION fire()",
        "INSERT INTO t VALUES (1)",
    ),
    (
        "a cast",
        "CREATE TYPE t AS (v text); CREATE FUNCTION from_t(t) RETURNS text LANGUAGE wasm AS 'tell'; CREATE CAST (t AS text) WITH FUNCTION from_t(t) AS IMPLICIT",
        "SELECT row('a')::t::text",
    ),
    (
        "an operator",
        "CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = mark_pair)",
        "SELECT 'a'::text === v FROM (VALUES ('b'::text)) x (v)",
    ),
    (
        "an aggregate",
        "CREATE AGGREGATE t(text) (SFUNC = mark_pair, STYPE = text, INITCOND = '')",
        "SELECT t(v) FROM (VALUES ('b'::text)) x (v)",
    ),
    ("a set", "SELECT 1", "SELECT * FROM rows('a')"),
    ("a row that COPY makes", "CREATE TABLE t (i int, v text DEFAULT mark('x'))", "COPY t (i) FROM PROGRAM 'echo 1'"),
    ("a prepared statement", "SELECT 1", "PREPARE p AS SELECT mark_json($1); EXECUTE p('{}')"),
];

#[test]
fn a_superuser_who_steps_on_a_guest_lends_it_nothing() {
    let (mut db, mallory) = planted("hostile_traps");
    for (what, plant, step) in TRAPS {
        let mut owner = db.session_as(&mallory);
        owner.run(&format!("BEGIN; {plant}; COMMIT"));
        let refusal = db.refusal(step);
        assert_eq!(refusal.message, format!("I am {mallory}"), "{what}: {refusal}");
        let _ = db.attempt("ROLLBACK");
        owner.run(
            "DO $$ DECLARE c text; BEGIN
               FOR c IN SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END FROM pg_class WHERE relname = 't' AND relkind IN ('r', 'v', 'p')
               LOOP EXECUTE 'DROP ' || c || ' public.t CASCADE'; END LOOP;
               FOR c IN SELECT CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END FROM pg_type WHERE typname = 't'
               LOOP EXECUTE 'DROP ' || c || ' public.t CASCADE'; END LOOP;
             END $$; DROP AGGREGATE IF EXISTS t(text)",
        );
    }
}

#[test]
fn what_maintenance_runs_has_its_owners_rights() {
    let (mut db, mallory) = planted("hostile_maintenance");
    // The guest is quiet while the objects are made, and speaks when the superuser tends them.
    let mut owner = db.session_as(&mallory);
    owner.run("SELECT fn_set_env('tell', 'QUERY', '')");
    owner.run(
        "CREATE TABLE t (v text); INSERT INTO t SELECT i FROM generate_series(1, 100) i;
         CREATE INDEX e ON t (mark(v)); CREATE STATISTICS s ON (mark(v)), v FROM t;
         CREATE MATERIALIZED VIEW m AS SELECT mark_json('{}') AS v",
    );
    owner.run(r#"SELECT fn_set_env('tell', 'QUERY', '{"sql": "SELECT public.speak()"}')"#);
    for step in ["REINDEX TABLE t", "ANALYZE t", "VACUUM FULL t", "CLUSTER t USING e", "REFRESH MATERIALIZED VIEW m"] {
        let refusal = db.refusal(step);
        assert_eq!(refusal.message, format!("I am {mallory}"), "{step}: {refusal}");
    }
}

#[test]
fn a_superusers_own_event_trigger_does_not_lend_its_power() {
    let (mut db, mallory) = planted("hostile_event_trigger");
    let mut owner = db.session_as(&mallory);
    owner.run("CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE wasm AS 'tell'");
    owner.refused("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION on_ddl()", "42501");
    db.run("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION on_ddl()");
    let refusal = db.refusal("CREATE TABLE innocent (i int)");
    assert_eq!(refusal.message, format!("I am {mallory}"), "{refusal}");
    db.run("DROP EVENT TRIGGER e");
}
