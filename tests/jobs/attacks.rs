//! What somebody without power tries against the jobs of others, and what an unlucky moment does to them.

use crate::house::{House, SETTINGS};

/// A role that may call `task`, and nothing else.
fn mallory(house: &mut House) -> String {
    let role = house.role("mallory");
    house.run(&format!("GRANT EXECUTE ON FUNCTION task(jsonb) TO {role}"));
    role
}

/// Somebody else's job must run soon, whatever has been done.
fn others_jobs_run(house: &mut House) {
    house.run(r#"SELECT fn_enqueue('task', '{"n": 99}')"#);
    house.wait_for("SELECT n FROM effects WHERE n = 99", "99");
}

#[test]
fn no_ordering_key_is_too_long_for_the_queue_to_go_on() {
    let mut house = House::new("long_key");
    let mallory = mallory(&mut house);
    let mut session = house.session_as(&mallory);
    for length in 2600..2710 {
        // Text that does not compress. One key fits the index of deferred jobs and not that of ready ones.
        let key =
            format!("(SELECT left(string_agg(md5(i::text || {length}), ''), {length}) FROM generate_series(1, 100) i)");
        let made = session
            .attempt(&format!("SELECT fn_enqueue('task', '{{}}', now() + '300ms'::interval, ordering_key => {key})"));
        drop(made);
    }
    house.run("SELECT pg_sleep(0.5)");
    others_jobs_run(&mut house);
    // Also those whose time comes after that of the long keys.
    house.run(r#"SELECT fn_enqueue('task', '{"n": 98}', now() + '100ms'::interval)"#);
    house.wait_for("SELECT n FROM effects WHERE n = 98", "98");
}

#[test]
fn a_cancel_that_nobody_commits_holds_up_nobody() {
    // A roll-back tells nobody: the job that was not cancelled after all is found by the slow poll.
    let settings = [&SETTINGS[..4], &["alyx_functions.poll_interval=500ms"]].concat();
    let mut house = House::alone("open_cancel", &settings);
    let mallory = mallory(&mut house);
    house.job_does("IF n = 1 THEN PERFORM pg_advisory_xact_lock(7); END IF;");
    house.run("SELECT pg_advisory_lock(7)");
    let mut session = house.session_as(&mallory);
    session.run(r#"SELECT fn_enqueue('task', '{"n": 1}', ordering_key => 'k')"#);
    house.wait_for("SELECT count(*) FROM alyx.jobs WHERE status = 'running'", "1");
    let second = session.value(r#"SELECT fn_enqueue('task', '{"n": 2}', ordering_key => 'k')"#);
    session.run("BEGIN");
    assert_eq!(session.value(&format!("SELECT fn_cancel('{second}')")), "t");
    house.run("SELECT pg_advisory_unlock(7)");
    house.wait_for("SELECT n FROM effects", "1");
    others_jobs_run(&mut house);
    session.run("ROLLBACK");
    house.wait_until_done(10);
    assert_eq!(house.rows("SELECT n FROM effects ORDER BY n"), ["1", "2", "99"]);
}

#[test]
fn a_locked_job_that_is_due_does_not_keep_the_manager_busy() {
    let mut house = House::new("locked_due");
    let mallory = mallory(&mut house);
    let mut session = house.session_as(&mallory);
    let id = session.value("SELECT fn_enqueue('task', run_at => now() + '300ms'::interval)");
    session.run(&format!("BEGIN; SELECT fn_cancel('{id}')"));
    house.run("SELECT pg_sleep(0.5)");
    let commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
    let before: u64 = house.value(commits).parse().unwrap();
    house.run("SELECT pg_sleep(2)");
    let after: u64 = house.value(commits).parse().unwrap();
    assert!(after - before < 100, "{} transactions in two seconds", after - before);
    session.run("ROLLBACK");
    house.wait_until_done(10);
}

#[test]
fn json_that_is_no_jsonb_hides_no_jobs() {
    let mut house = House::new("strange_json");
    house.run(
        "CREATE TABLE mail (content json);
         CREATE FUNCTION on_mail() RETURNS trigger LANGUAGE wasm AS 'task';
         CREATE TRIGGER later AFTER INSERT ON mail FOR EACH ROW EXECUTE FUNCTION on_mail('alyx:async');
         SELECT fn_pause('task')",
    );
    house.run(r#"INSERT INTO mail VALUES ('"\u0000"'), ('1e999999999')"#);
    assert_eq!(house.rows("SELECT * FROM alyx.jobs").len(), 2);
    house.run("SELECT fn_cancel(id) FROM alyx._job");
    assert_eq!(house.rows("SELECT * FROM alyx.dead_jobs").len(), 2);
}

#[test]
fn a_database_is_not_left_for_who_may_not_copy_it() {
    let mut house = House::new("not_copied");
    let role = house.role("maker");
    house.run(&format!("ALTER ROLE {role} CREATEDB"));
    house.job_does("PERFORM pg_sleep(2);");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    let busy = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    house.wait_for(&format!("SELECT count(*) {busy}"), "1");
    let worker = house.value(&format!("SELECT pid {busy}"));
    let copy = format!("CREATE DATABASE stolen_{role} TEMPLATE {}", house.name());
    house.session_as(&role).refused(&copy, "42501");
    // By the same worker: who leaves gives its job back, and the next one counts the same attempt.
    assert_eq!(house.rows_when_done("SELECT n, attempt, pid FROM effects"), [format!("1|1|{worker}")]);
}

#[test]
fn a_dedupe_key_that_an_old_snapshot_shows_loses_no_job() {
    let mut house = House::new("old_snapshot");
    let first = house.value(r#"SELECT fn_enqueue('task', '{"n": 1}', now() + '1s'::interval, dedupe_key => 'key')"#);
    let mut session = house.session();
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    house.wait_until_done(10);
    match session.attempt(r#"SELECT fn_enqueue('task', '{"n": 2}', dedupe_key => 'key')"#) {
        Ok(id) => {
            assert_ne!(id, [first], "the id of a job that is done");
            session.run("COMMIT");
            assert_eq!(house.rows_when_done("SELECT n FROM effects ORDER BY n"), ["1", "2"]);
        }
        Err(refusal) => assert_eq!(refusal.code, "40001"),
    }
}

#[test]
fn an_empty_ordering_key_is_refused_or_is_a_key() {
    let mut house = House::new("empty_key");
    match house.attempt(r#"SELECT fn_enqueue('task', '{"n": 1}', ordering_key => '')"#) {
        Ok(_) => assert_eq!(house.rows_when_done("SELECT n FROM effects"), ["1"]),
        Err(refusal) => assert_eq!(refusal.code, "22023"),
    }
}

#[test]
fn a_job_has_the_settings_of_its_database_and_no_role_that_it_may_not_have() {
    let mut house = House::new("settings");
    let role = mallory(&mut house);
    let database = house.name().to_owned();
    let (mut expected, mut seen) = (Vec::new(), Vec::new());
    for (name, value) in
        [("work_mem", "2MB"), ("extra_float_digits", "2"), ("vacuum_cost_limit", "222"), ("from_collapse_limit", "5")]
    {
        house.run(&format!(
            "ALTER DATABASE {database} SET {name} = '{value}';
             ALTER ROLE postgres IN DATABASE {database} SET {name} = '{}'",
            if name == "work_mem" { "1MB" } else { "1" }
        ));
        expected.push(value);
        seen.push(format!("current_setting('{name}')"));
    }
    // Stored with a notice; a session of the role is refused it.
    house.session_as(&role).run(&format!("ALTER ROLE {role} SET role = 'postgres'"));
    seen.push("current_setting('role')".to_owned());
    expected.push("none");
    house.run("CREATE TABLE seen (settings text); GRANT INSERT ON seen TO PUBLIC");
    house.job_does(&format!("INSERT INTO public.seen VALUES (concat_ws(' ', {}));", seen.join(", ")));
    house.session_as(&role).run("SELECT fn_enqueue('task')");
    assert_eq!(house.rows_when_done("SELECT settings FROM seen"), [expected.join(" ")]);
}

#[test]
fn a_job_that_takes_no_cancel_for_an_answer_ends_all_the_same() {
    let settings = [&SETTINGS[..2], &["alyx_functions.max_workers=1", "alyx_functions.max_timeout=1s"]].concat();
    let mut house = House::alone("deaf", &settings);
    let mallory = mallory(&mut house);
    house.run("CREATE TABLE bait (n int); GRANT ALL ON bait TO PUBLIC");
    house.run(
        "CREATE FUNCTION deaf() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
             LOOP BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;
         CREATE FUNCTION deaf_later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.deaf(); END $$;
         CREATE CONSTRAINT TRIGGER later AFTER INSERT ON bait DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION deaf_later()",
    );
    house.job_does("IF n = 1 THEN PERFORM public.deaf(); ELSIF n = 2 THEN INSERT INTO public.bait VALUES (n); END IF;");
    let mut session = house.session_as(&mallory);
    for n in [1, 2] {
        let id = session.value(&format!("SELECT fn_enqueue('task', '{{\"n\": {n}}}')"));
        house.wait_for("SELECT count(*) FROM alyx.jobs WHERE status = 'running'", "1");
        // Its limit is 1 s, or 2 s at the end of the transaction; 5 s later its process ends.
        house.wait_for("SELECT count(*) FROM alyx.jobs WHERE status = 'running'", "0");
        others_jobs_run(&mut house);
        session.run(&format!("SELECT fn_cancel('{id}')"));
        house.run("DELETE FROM effects");
    }
}

#[test]
fn a_schedules_input_is_bounded() {
    let mut house = House::new("large_schedule");
    let large = "jsonb_build_object('x', repeat('x', 20000000))";
    house.refusal(&format!("SELECT fn_schedule('task', '@every 1h', input => {large})"));
}

#[test]
fn parallel_workers_of_a_job_are_the_role_too() {
    let mut house = House::new("parallel");
    let role = mallory(&mut house);
    house.run(
        "CREATE TABLE large AS SELECT n FROM generate_series(1, 3000) n; GRANT SELECT ON large TO PUBLIC;
         CREATE TABLE found (who text); GRANT INSERT ON found TO PUBLIC;
         CREATE FUNCTION tell(leader int) RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS $$ BEGIN
             IF pg_backend_pid() <> leader THEN
                 RAISE 'worker: % % %', session_user, current_user, current_setting('is_superuser');
             END IF;
             PERFORM pg_sleep(0.001);
             RETURN ''; END $$",
    );
    // Renamed in 16.
    let name =
        house.value("SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
    for setting in [format!("{name} = on").as_str(), "parallel_setup_cost = 0", "min_parallel_table_scan_size = 0"] {
        house.run(&format!("ALTER ROLE {role} SET {setting}"));
    }
    house.job_does(
        "BEGIN EXECUTE format('EXPLAIN (ANALYZE) SELECT max(public.tell(%s)) FROM public.large', pg_backend_pid());
         EXCEPTION WHEN raise_exception THEN INSERT INTO public.found VALUES (SQLERRM); END;",
    );
    house.session_as(&role).run("SELECT fn_enqueue('task')");
    assert_eq!(house.rows_when_done("SELECT who FROM found"), [format!("worker: {role} {role} off")]);
}
