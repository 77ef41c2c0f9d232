//! fn_enqueue: a job is as transactional as a row, and runs after commit with what was true when it was made.

use crate::house::{House, SETTINGS};
use alyx_tests::{Cluster, Db};

#[test]
fn a_job_runs_after_commit_and_leaves_no_row() {
    let mut house = House::new("runs");
    let id = house.value(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    assert_eq!(house.rows_when_done("SELECT n, job, attempt FROM effects"), [format!("1|{id}|1")]);
    assert_eq!(house.rows("SELECT * FROM alyx.jobs UNION ALL SELECT * FROM alyx.jobs"), [""; 0]);
    assert_eq!(house.value("SELECT count(*) FROM alyx.dead_jobs"), "0");
}

#[test]
fn nothing_runs_before_commit_and_the_job_is_seen_at_once() {
    let mut house = House::new("before_commit");
    house.run("BEGIN");
    let id = house.value(r#"SELECT fn_enqueue('task', '{"n": 1}', priority => 3)"#);
    assert_eq!(
        house.rows("SELECT id, function, source, status, priority, attempt, input FROM alyx.jobs"),
        [format!(r#"{id}|task|queue|ready|3|0|{{"n": 1}}"#)]
    );
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
    house.run("COMMIT");
    assert_eq!(house.rows_when_done("SELECT n FROM effects"), ["1"]);
}

#[test]
fn a_rolled_back_job_was_never_made() {
    let mut house = House::new("rollback");
    house.run(r#"BEGIN; SELECT fn_enqueue('task', '{"n": 1}'); ROLLBACK"#);
    house.run(
        r#"BEGIN; SELECT fn_enqueue('task', '{"n": 2}'); SAVEPOINT s; SELECT fn_enqueue('task', '{"n": 3}');
           SAVEPOINT deeper; SELECT fn_enqueue('task', '{"n": 4}'); RELEASE deeper; ROLLBACK TO s;
           SELECT fn_enqueue('task', '{"n": 5}'); RELEASE s; COMMIT"#,
    );
    house.run("BEGIN; SAVEPOINT s");
    house.refused(
        "SELECT fn_enqueue('task', jsonb_build_object('n', 20 + i)), 1 / (3 - i) FROM generate_series(1, 5) i",
        "22012",
    );
    house.run("ROLLBACK TO s; SELECT 1; COMMIT");
    // The statement fails behind its third row.
    house.refused(
        r#"SELECT fn_enqueue('task', jsonb_build_object('n', 10 + i)), 1 / (3 - i) FROM generate_series(1, 5) i"#,
        "22012",
    );
    assert_eq!(house.rows_when_done("SELECT n FROM effects ORDER BY n"), ["2", "5"]);
}

#[test]
fn an_exception_block_takes_its_jobs_with_it() {
    let mut house = House::new("exception");
    house.run(
        r#"DO $$ BEGIN
               PERFORM fn_enqueue('task', '{"n": 1}');
               BEGIN
                   PERFORM fn_enqueue('task', '{"n": 2}');
                   PERFORM 1 / 0;
               EXCEPTION WHEN division_by_zero THEN
                   PERFORM fn_enqueue('task', '{"n": 3}');
               END;
               BEGIN
                   PERFORM fn_enqueue('task', '{"n": 4}');
               EXCEPTION WHEN OTHERS THEN NULL;
               END;
               BEGIN
                   -- The statement fails behind its first rows, which nobody has written yet.
                   PERFORM fn_enqueue('task', jsonb_build_object('n', 20 + i)), 1 / (3 - i) FROM generate_series(1, 5) i;
               EXCEPTION WHEN division_by_zero THEN NULL;
               END;
               FOR i IN 5..7 LOOP
                   BEGIN
                       PERFORM fn_enqueue('task', jsonb_build_object('n', i));
                       IF i = 6 THEN RAISE 'no'; END IF;
                   EXCEPTION WHEN raise_exception THEN NULL;
                   END;
               END LOOP;
           END $$"#,
    );
    assert_eq!(house.rows_when_done("SELECT n FROM effects ORDER BY n"), ["1", "3", "4", "5", "7"]);
}

#[test]
fn procedures_that_commit_in_the_middle_lose_and_repeat_nothing() {
    let mut house = House::new("procedure");
    house.run(
        "CREATE PROCEDURE many() LANGUAGE plpgsql AS $$ BEGIN
             FOR i IN 1..6 LOOP
                 PERFORM fn_enqueue('task', jsonb_build_object('n', i));
                 IF i % 3 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
             END LOOP; END $$",
    );
    house.run("CALL many()");
    assert_eq!(house.rows_when_done("SELECT n FROM effects ORDER BY n"), ["1", "2", "4", "5"]);
}

#[test]
fn a_prepared_transaction_is_found_by_the_poll() {
    let mut house = House::alone("prepared", &["max_prepared_transactions=4", "alyx_functions.poll_interval=300ms"]);
    house.run(r#"BEGIN; SELECT fn_enqueue('task', '{"n": 1}'); PREPARE TRANSACTION 'kept'"#);
    house.run(r#"BEGIN; SELECT fn_enqueue('task', '{"n": 2}'); PREPARE TRANSACTION 'lost'"#);
    house.run("ROLLBACK PREPARED 'lost'");
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
    // Committed by a session that knows nothing of jobs.
    house.session().run("COMMIT PREPARED 'kept'");
    house.wait_for("SELECT n FROM effects", "1");
    assert_eq!(house.rows_when_done("SELECT n FROM effects"), ["1"]);
}

#[test]
fn a_job_runs_as_the_role_that_made_it_with_its_claims() {
    let mut house = House::new("role");
    let (owner, caller) = (house.deployer("owner"), house.role("caller"));
    house.run(
        "CREATE TABLE notes (owner text, body text); ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         GRANT ALL ON notes TO PUBLIC;
         CREATE POLICY own ON notes USING (owner = current_user AND body LIKE nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub' || '%');
         INSERT INTO notes SELECT r, s || ' note' FROM unnest(ARRAY['a', 'b']) s, pg_roles, LATERAL (SELECT rolname::text r) x WHERE rolname LIKE '%\\_caller' OR rolname LIKE '%\\_owner';
         ALTER TABLE effects ADD seen text;",
    );
    house.run(
        "CREATE OR REPLACE FUNCTION public.perform(event jsonb) RETURNS void LANGUAGE sql AS $$
             INSERT INTO effects (event, seen) SELECT event, string_agg(body, ',') FROM notes $$",
    );
    house.session_as(&owner).deploy("task2", &alyx_tests::guest("task"), "");
    house.run(&format!("GRANT EXECUTE ON FUNCTION task2(jsonb) TO {caller}"));
    let mut session = house.session_as(&caller);
    session.run(
        r#"BEGIN; SET LOCAL request.jwt.claims = '{"sub": "b", "email": "b@example.com"}'; SELECT fn_enqueue('task2', '{"n": 1}'); COMMIT;
           SET request.jwt.claims = '{"sub": "x"}'"#,
    );
    house.wait_until_done(10);
    assert_eq!(
        house.value("SELECT role, session, is_superuser, seen, claims FROM effects"),
        format!(r#"{caller}|{caller}|off|b note|{{"sub": "b", "email": "b@example.com"}}"#)
    );
    assert_eq!(
        house.json("SELECT event -> 'auth' FROM effects"),
        serde_json::json!({"role": caller, "id": "b", "email": "b@example.com", "claims": {"sub": "b", "email": "b@example.com"}})
    );
    // No claims of the job before in the next one.
    session.run(r#"RESET request.jwt.claims; SELECT fn_enqueue('task2', '{"n": 2}')"#);
    house.wait_until_done(10);
    assert_eq!(house.value("SELECT coalesce(claims, ''), event #>> '{auth,claims}' FROM effects WHERE n = 2"), "|NULL");
}

#[test]
fn the_event_is_an_envelope() {
    let mut house = House::new("envelope");
    let id =
        house.value(r#"SELECT fn_enqueue('task', '{"n": 1, "text": "\"é\" \\ \n", "big": 12345678901234567890.5}')"#);
    house.wait_until_done(10);
    let event = house.json("SELECT event FROM effects");
    assert_eq!(event["id"], id);
    assert_eq!(event["function"], serde_json::json!({"name": "task", "version": 1}));
    assert_eq!(event["trigger"], "queue");
    assert_eq!(event["attempt"], 1);
    assert_eq!(event["auth"]["role"], "postgres");
    assert_eq!(event["input"]["text"], "\"é\" \\ \n");
    assert_eq!(house.value("SELECT event #>> '{input,big}' FROM effects"), "12345678901234567890.5");
    for absent in ["database", "schedule", "http"] {
        assert!(event.get(absent).is_none(), "{event}");
    }
    house.run("TRUNCATE effects; SELECT fn_enqueue('task'); SELECT fn_enqueue('task', NULL)");
    assert_eq!(house.rows_when_done("SELECT event ->> 'input' FROM effects ORDER BY 1"), ["{}", "NULL"]);
}

#[test]
fn enqueue_refuses() {
    let mut house = House::new("enqueue_refuses");
    let role = house.role("stranger");
    house.refused("SELECT fn_enqueue('nobody')", "42883");
    let mut session = house.session_as(&role);
    session.refused("SELECT fn_enqueue('task')", "42501");
    house.run(&format!("GRANT EXECUTE ON FUNCTION task(jsonb) TO {role}"));
    session.run("SELECT fn_enqueue('task')");
    assert_eq!(house.rows_when_done("SELECT role FROM effects"), [role]);
    house.refused("SET TRANSACTION READ ONLY; SELECT fn_enqueue('task')", "25006");
}

#[test]
fn without_preloading_the_hint_says_what_to_do() {
    let cluster = Cluster::start("jobs_unpreloaded");
    let mut db = Db::on(cluster.server().clone(), "unpreloaded");
    db.deploy_recorder();
    db.run("CREATE TABLE t (id int)");
    for sql in [
        "SELECT fn_enqueue('recorder')",
        "SELECT fn_schedule('recorder', '* * * * *')",
        "SELECT fn_attach('recorder', 't', ARRAY['insert'], mode => 'async')",
    ] {
        let refusal = db.refused(sql, "55000");
        assert!(refusal.hint.contains("shared_preload_libraries = 'alyx_functions'"), "{sql}: {refusal}");
    }
    for hook in [
        "{type: schedule, cron: '* * * * *'}",
        "{type: database, source: t, action: [insert], timing: after, mode: async}",
    ] {
        let manifest = format!("hooks:\n  - {hook}\n");
        let refusal = db.deploy_refused("hooked", &alyx_tests::guest("recorder"), &manifest, "55000");
        assert!(refusal.hint.contains("shared_preload_libraries"), "{hook}: {refusal}");
    }
    for view in ["jobs", "dead_jobs", "schedules"] {
        assert_eq!(db.value(&format!("SELECT count(*) FROM alyx.{view}")), "0");
    }
    assert_eq!(db.rows("SELECT fn_cron_next('0 0 1 1 *', 'UTC', '2030-05-05Z', 1)").len(), 1);
}

#[test]
fn jobs_survive_a_restart_of_the_server() {
    let mut house = House::alone("restart", &SETTINGS);
    house.run(
        "SELECT fn_pause('task'); SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 3) i",
    );
    let name = house.name().to_owned();
    house.cluster().stop("fast");
    house.cluster().begin();
    let mut session = house.session();
    session.run("SELECT fn_resume('task')");
    alyx_tests::wait_until("the jobs have run", || session.value("SELECT count(*) FROM effects") == "3");
    assert_eq!(session.value("SELECT count(*) FROM alyx.jobs"), "0", "{name}");
}
