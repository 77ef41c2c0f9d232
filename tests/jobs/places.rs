//! Where jobs can be made: in cursors, in COPY, in deferred triggers, inside guests, inside jobs.

use crate::house::House;
use alyx_tests::guest;
use std::io::Write;
use std::process::Stdio;

const NUMBERS: &str = "SELECT string_agg(n::text, ' ' ORDER BY n) FROM effects";

#[test]
fn a_cursor_makes_what_was_fetched() {
    let mut house = House::new("cursor");
    house.run(
        "BEGIN; DECLARE c CURSOR FOR SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 10) i;
         FETCH 2 FROM c; SAVEPOINT s; FETCH 2 FROM c; ROLLBACK TO s; FETCH 1 FROM c; CLOSE c; COMMIT",
    );
    assert_eq!(house.rows_when_done(NUMBERS), ["1 2 5"]);
    house.run("TRUNCATE effects; BEGIN; DECLARE c CURSOR FOR SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 10) i; FETCH 3 FROM c; COMMIT");
    assert_eq!(house.rows_when_done(NUMBERS), ["1 2 3"], "a cursor that is never closed");
    house.run("TRUNCATE effects; DO $$ DECLARE r record; BEGIN FOR r IN SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 100) i LOOP EXIT; END LOOP; END $$");
    house.wait_until_done(10);
    assert_ne!(house.value("SELECT count(*) FROM effects"), "0", "a loop that is left");
}

#[test]
fn copy_makes_a_job_per_row() {
    let mut house = House::new("copy");
    house.run("CREATE TABLE t (id int); SELECT fn_attach('task', 't', ARRAY['insert'], mode => 'async')");
    let copy = |house: &House, lines: &str| {
        let mut psql = house.server().client_program("psql", house.name());
        psql.args(["--no-psqlrc", "--command", "COPY t FROM STDIN"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = psql.spawn().expect("psql runs");
        child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("psql reads");
        child.wait().expect("psql ends").success()
    };
    let lines: String = (1..=3000).map(|n| format!("{n}\n")).collect();
    assert!(copy(&house, &lines));
    house.wait_until_done(20);
    assert_eq!(house.value("SELECT count(*), count(DISTINCT event #>> '{database,new,id}') FROM effects"), "3000|3000");
    assert!(!copy(&house, &format!("{lines}no number\n")));
    house.wait_until_done(20);
    assert_eq!(house.value("SELECT count(*) FROM effects"), "3000");
}

#[test]
fn a_deferred_constraint_trigger_makes_jobs_at_commit() {
    let mut house = House::new("deferred");
    house.run(
        r#"CREATE TABLE t (id int);
           CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               PERFORM fn_enqueue('task', jsonb_build_object('n', NEW.id)); RETURN NULL; END $$;
           CREATE CONSTRAINT TRIGGER later AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION later();"#,
    );
    house.run("BEGIN; INSERT INTO t VALUES (1), (2); COMMIT; INSERT INTO t VALUES (3)");
    assert_eq!(house.rows_when_done(NUMBERS), ["1 2 3"]);
    // The asynchronous trigger itself, deferred.
    house.run(
        "TRUNCATE effects; CREATE TABLE u (id int); SELECT fn_attach('task', 'u', ARRAY['insert'], mode => 'async')",
    );
    let definition = house.value("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'u'::regclass");
    let deferred = definition
        .replace("CREATE TRIGGER ", "CREATE CONSTRAINT TRIGGER d_")
        .replace(" FOR EACH ROW", " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW");
    house.run("SELECT fn_detach('task', 'u')");
    house.run(&deferred);
    house.run("BEGIN; INSERT INTO u SELECT generate_series(1, 5); COMMIT");
    house.wait_until_done(10);
    assert_eq!(house.value("SELECT count(*) FROM effects"), "5");
}

#[test]
fn a_guest_makes_jobs_in_its_callers_transaction() {
    let mut house = House::new("from_guest");
    house.deploy("maker", &guest("enqueue"), "");
    let id =
        house.json(r#"SELECT maker('{"name": "task", "input": {"n": 1}}')"#)["id"].as_str().expect("an id").to_owned();
    assert_eq!(house.rows_when_done("SELECT n, job FROM effects"), [format!("1|{id}")]);
    house.run(r#"BEGIN; SELECT maker('{"name": "task", "input": {"n": 2}}'); ROLLBACK"#);
    house.run(r#"SELECT maker('{"name": "task", "input": {"n": 3}, "delay_ms": 200, "ordering_key": "k", "dedupe_key": "d", "priority": 2}')"#);
    assert_eq!(house.value("SELECT status, ordering_key, dedupe_key, priority FROM alyx.jobs"), "scheduled|k|d|2");
    assert_eq!(house.rows_when_done(NUMBERS), ["1 3"]);
    let answer = house.json(r#"SELECT maker('{"name": "nobody"}')"#);
    assert_eq!(answer["error"]["code"], "42883", "{answer}");
    // Not what the owner may, what the caller may.
    let stranger = house.role("stranger");
    house.run(&format!("GRANT EXECUTE ON FUNCTION maker(jsonb) TO {stranger}"));
    let answer = house.session_as(&stranger).json(r#"SELECT maker('{"name": "task"}')"#);
    assert_eq!(answer["error"]["code"], "42501", "{answer}");
}

#[test]
fn a_job_makes_jobs() {
    let mut house = House::new("from_job");
    house.job_does("IF n < 5 THEN PERFORM public.fn_enqueue('task', jsonb_build_object('n', n + 1)); END IF;");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    house.wait_for(NUMBERS, "1 2 3 4 5");
    assert_eq!(house.rows_when_done(NUMBERS), ["1 2 3 4 5"]);
}

#[test]
fn what_a_failed_attempt_made_is_gone() {
    let mut house = House::new("failed_maker");
    house.deploy_task("task", "retry: { attempts: 2, backoff: fixed, base: 50ms }\n");
    house.job_does("IF n = 1 THEN PERFORM public.fn_enqueue('task', '{\"n\": 2}'); IF (event ->> 'attempt')::int = 1 THEN RAISE 'once'; END IF; END IF;");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    assert_eq!(house.rows_when_done("SELECT n, attempt FROM effects ORDER BY n"), ["1|2", "2|1"]);
}

#[test]
fn a_trigger_function_and_an_sql_function_make_jobs() {
    let mut house = House::new("from_sql");
    house.run(
        r#"CREATE FUNCTION sqlmaker(i int) RETURNS uuid LANGUAGE sql AS $$ SELECT fn_enqueue('task', jsonb_build_object('n', i)) $$;
           SELECT sqlmaker(i) FROM generate_series(1, 3) i;
           CREATE TABLE t (id int);
           CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM sqlmaker(NEW.id); RETURN NEW; END $$;
           CREATE TRIGGER b BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION before();
           INSERT INTO t VALUES (4), (5);
           WITH x AS (INSERT INTO t VALUES (6) RETURNING id) SELECT sqlmaker(id + 1) FROM x;
           EXPLAIN ANALYZE INSERT INTO t VALUES (8);
           PREPARE p AS SELECT sqlmaker($1); EXECUTE p (9); CREATE TABLE made AS SELECT sqlmaker(10) AS id;
           COPY (SELECT sqlmaker(11)) TO '/dev/null';"#,
    );
    assert_eq!(house.rows_when_done(NUMBERS), ["1 2 3 4 5 6 7 8 9 10 11"]);
}

#[test]
fn big_inputs_come_through_whole() {
    let mut house = House::new("big_input");
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i, 'text', repeat('x', 1000000))) FROM generate_series(1, 12) i");
    house.wait_until_done(20);
    assert_eq!(house.value("SELECT count(*), min(length(event #>> '{input,text}')) FROM effects"), "12|1000000");
}
