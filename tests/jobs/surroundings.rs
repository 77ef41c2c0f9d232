//! Databases that are not as usual: their settings, their encoding, a dump of them; and more of everything than there is
//! room for at once.

use crate::house::{House, SETTINGS};
use alyx_tests::{Db, guest};
use std::io::Write;
use std::process::Stdio;

#[test]
fn the_settings_of_a_database_disturb_nothing() {
    let mut house = House::new("settings");
    let name = house.name().to_owned();
    // The name it had before 16 has gone with 18.
    let parallel =
        "SELECT name || ' = on' FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')";
    let parallel = house.value(parallel);
    for setting in [
        "default_transaction_isolation = serializable",
        "search_path = ''",
        "datestyle = 'German'",
        "intervalstyle = sql_standard",
        "timezone = 'Asia/Kolkata'",
        "standard_conforming_strings = off",
        "backslash_quote = off",
        "escape_string_warning = on",
        "bytea_output = escape",
        "extra_float_digits = -15",
        "array_nulls = off",
        "transform_null_equals = on",
        "quote_all_identifiers = on",
        "row_security = off",
        "statement_timeout = '3s'",
        "lock_timeout = '2s'",
        "idle_in_transaction_session_timeout = '2s'",
        "enable_indexscan = off",
        "enable_bitmapscan = off",
        "lc_numeric = 'C'",
        "work_mem = '64kB'",
        "plan_cache_mode = force_generic_plan",
        "check_function_bodies = off",
        "xmlbinary = hex",
        "gin_fuzzy_search_limit = 1",
        parallel.as_str(),
        "parallel_setup_cost = 0",
        "parallel_tuple_cost = 0",
    ] {
        house.run(&format!("ALTER DATABASE {name} SET {setting}"));
    }
    house.deploy_task("task", "retry: { attempts: 2, backoff: fixed, base: 50ms }\n");
    house.job_does("IF n = 2 AND event ->> 'attempt' = '1' THEN RAISE 'once'; END IF;");
    house.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'alyx manager' AND datname = current_database()");
    let mut session = house.session();
    session.run(r#"SELECT public.fn_enqueue('task', '{"n": 1}', dedupe_key => 'NULL', ordering_key => 'k''\"'), public.fn_enqueue('task', '{"n": 2}'), public.fn_enqueue('task', '{"n": 3}', run_at => clock_timestamp() + '300ms'), public.fn_enqueue('task', '{"n": 4}', ordering_key => 'NULL')"#);
    let id = session.value(r#"SELECT public.fn_schedule('task', '@every 1s', 'Europe/Berlin', '{"n": 5}')"#);
    house.wait_for("SELECT string_agg(DISTINCT n::text, ' ' ORDER BY n::text) FROM effects", "1 2 3 4 5");
    session.run(&format!("SELECT public.fn_unschedule({id})"));
    house.wait_until_done(10);
    let event = house.json("SELECT event FROM effects WHERE n = 5 LIMIT 1");
    let at = event["schedule"]["scheduled_at"].as_str().expect("a time").to_owned();
    assert!(at.starts_with("20") && at.contains('T'), "{at}");
    assert_eq!(session.value("SELECT count(*) FROM alyx.dead_jobs"), "0");
}

#[test]
fn serializable_jobs_conflict_and_all_are_done() {
    let mut house = House::new("serializable");
    let name = house.name().to_owned();
    house.run(&format!("ALTER DATABASE {name} SET default_transaction_isolation = serializable"));
    house.run("CREATE TABLE total (sum int); INSERT INTO total VALUES (0)");
    house.job_does("UPDATE public.total SET sum = sum + 1;");
    house.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'alyx manager' AND datname = current_database()");
    let mut session = house.session();
    session.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 200) i");
    house.wait_until_done(30);
    assert_eq!(
        house.value("SELECT sum, (SELECT count(*) FROM effects), (SELECT count(DISTINCT n) FROM effects) FROM total"),
        "200|200|200"
    );
}

#[test]
fn another_encoding_comes_through() {
    let house = House::new("encoding_house");
    let mut db = Db::encoded(house.server().clone(), "latin1", "LATIN1");
    db.run("CREATE TABLE seen (text text, length int); CREATE FUNCTION perform(event jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF event #>> '{input,fail}' IS NOT NULL THEN RAISE 'schön %', event #>> '{input,fail}'; END IF; INSERT INTO seen SELECT event #>> '{input,ä}', octet_length(event #>> '{input,ä}'); END $$");
    db.deploy("task", &guest("task"), "retry: { attempts: 1 }\n");
    db.run(r#"SELECT fn_enqueue('task', '{"ä": "größer"}', ordering_key => 'ü', dedupe_key => 'é'); SELECT fn_enqueue('task', '{"fail": "ß"}')"#);
    alyx_tests::wait_until("both are over", || {
        db.value("SELECT (SELECT count(*) FROM seen) + (SELECT count(*) FROM alyx.dead_jobs)") == "2"
    });
    assert_eq!(db.rows("SELECT * FROM seen"), ["größer|6"]);
    assert_eq!(db.value("SELECT last_error, input FROM alyx.dead_jobs"), r#"schön ß|{"fail": "ß"}"#);
}

#[test]
fn a_dump_takes_jobs_and_schedules_along() {
    let mut house = House::alone("dump", &[&SETTINGS[..4], &["alyx_functions.poll_interval=100ms"]].concat());
    house.deploy_task("doomed", "retry: { attempts: 1 }\n");
    house.job_does("IF event #>> '{function,name}' = 'doomed' THEN RAISE 'dead'; END IF;");
    house.run("SELECT fn_enqueue('doomed')");
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs", "1");
    house.run(r#"SELECT fn_pause('task'); SELECT fn_enqueue('task', '{"n": 1}', dedupe_key => 'k'), fn_enqueue('task', '{"n": 2}', run_at => now() + '1h'); SELECT fn_schedule('task', '@daily', input => '{"n": 3}')"#);
    let dump = house.server().client_program("pg_dump", house.name()).output().expect("pg_dump runs");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let dump = String::from_utf8(dump.stdout).expect("text").replace("\tt\t20", "\tf\t20");
    // A restore takes its time, and the manager of the new database does not wait for its end.
    let jobs = dump.find("COPY alyx._job ").expect("the jobs are in the dump");
    let end = jobs + dump[jobs..].find("\n\\.\n").expect("an end of the rows") + 4;
    let dump = format!("{}SELECT pg_sleep(0.7);\n{}", &dump[..end], &dump[end..]);
    let mut restored = Db::empty(house.server().clone(), "restored");
    let mut psql = house.server().client_program("psql", restored.name());
    psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = psql.spawn().expect("psql runs");
    child.stdin.take().expect("a pipe").write_all(dump.as_bytes()).expect("psql reads");
    assert!(child.wait().expect("psql ends").success());
    assert_eq!(
        restored.rows("SELECT function, reason FROM alyx.dead_jobs"),
        ["doomed|attempts_exhausted"],
        "no job was given up because its function had not been restored yet"
    );
    assert_eq!(restored.rows("SELECT cron, input FROM alyx.schedules"), [r#"@daily|{"n": 3}"#]);
    restored.run("SELECT fn_resume('task')");
    alyx_tests::wait_until("the job runs", || restored.value("SELECT count(*) FROM effects WHERE n = 1") == "1");
    assert_eq!(restored.rows("SELECT status, input FROM alyx.jobs"), [r#"scheduled|{"n": 2}"#]);
    restored.run("SELECT fn_replay('doomed'); SELECT fn_schedule('task', '@hourly')");
    assert_eq!(restored.value("SELECT count(DISTINCT id) FROM alyx.schedules"), "2");
}

#[test]
fn more_functions_than_the_board_has_room_for() {
    let mut house = House::new("functions");
    house.run("SELECT fn_pause('task')");
    for n in 0..180 {
        house.deploy_task(&format!("f{n}"), "");
    }
    house.run("SELECT fn_enqueue('f' || i, jsonb_build_object('n', i)) FROM generate_series(0, 179) i");
    house.wait_until_done(20);
    assert_eq!(house.value("SELECT count(*), count(DISTINCT function) FROM effects"), "180|180");
}

#[test]
fn more_roles_than_workers() {
    let mut house = House::alone(
        "roles",
        &["alyx_functions.max_workers=3", "max_worker_processes=20", "alyx_functions.poll_interval=60s"],
    );
    let roles: Vec<String> = (0..12).map(|n| house.role(&format!("r{n}"))).collect();
    for role in &roles {
        house.run(&format!("GRANT EXECUTE ON FUNCTION task(jsonb) TO {role}"));
        house
            .session_as(role)
            .run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 10) i");
    }
    house.wait_until_done(10);
    assert_eq!(house.value("SELECT count(*), count(DISTINCT role) FROM effects"), "120|12");
}

#[test]
fn a_job_that_is_committed_late_is_not_passed_over() {
    let mut house = House::new("late_commit");
    let (mut early, mut late) = (house.session(), house.session());
    late.run(r#"BEGIN; SELECT fn_enqueue('task', '{"n": 1}'), fn_enqueue('task', '{"n": 2}', ordering_key => 'k'), fn_enqueue('task', '{"n": 3}', run_at => clock_timestamp() + '200ms')"#);
    for n in 10..20 {
        early.run(&format!(r#"SELECT fn_enqueue('task', '{{"n": {n}}}'), fn_enqueue('task', '{{"n": {}}}', ordering_key => 'k'), fn_enqueue('task', '{{"n": {}}}', run_at => clock_timestamp() + '250ms')"#, n + 10, n + 20));
    }
    house.wait_until_done(10);
    late.run("COMMIT");
    house.wait_for("SELECT count(*) FROM effects WHERE n < 10", "3");
    house.wait_until_done(10);
    assert_eq!(house.value("SELECT count(*), count(DISTINCT n) FROM effects"), "33|33");
}

#[test]
fn a_job_cannot_end_its_own_transaction() {
    let mut house = House::new("transaction_control");
    house.run("CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$; CREATE PROCEDURE rolls_back() LANGUAGE plpgsql AS $$ BEGIN ROLLBACK; END $$");
    house.deploy_task("task", "retry: { attempts: 1 }\n");
    house.job_does("INSERT INTO effects (event) VALUES (event); IF n = 1 THEN CALL public.commits(); ELSIF n = 2 THEN CALL public.rolls_back(); ELSIF n = 3 THEN EXECUTE 'COMMIT'; ELSE EXECUTE 'DO $x$ BEGIN COMMIT; END $x$'; END IF;");
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 4) i");
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs", "4");
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
}

#[test]
fn jobs_that_deadlock_are_all_done() {
    let mut house = House::new("deadlocks");
    house.run(
        "CREATE TABLE rows (id int PRIMARY KEY, count int DEFAULT 0); INSERT INTO rows SELECT generate_series(0, 1)",
    );
    let name = house.name().to_owned();
    house.run(&format!("ALTER DATABASE {name} SET deadlock_timeout = '20ms'; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'alyx %' AND datname = current_database()"));
    house.job_does("UPDATE public.rows SET count = count + 1 WHERE id = n % 2; PERFORM pg_sleep(0.01); UPDATE public.rows SET count = count + 1 WHERE id = 1 - n % 2;");
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 40) i");
    house.wait_until_done(30);
    assert_eq!(house.value("SELECT (SELECT sum(count) FROM rows), (SELECT count(*) FROM effects), (SELECT count(*) FROM alyx.dead_jobs)"), "80|40|0");
}

#[test]
fn long_and_odd_keys() {
    let mut house = House::new("odd_keys");
    for key in ["''", "' '", "E'\\n\\t'", "repeat('k', 512)", "'日本語'", "'%_\\'"] {
        house.run(&format!("SELECT fn_enqueue('task', '{{\"n\": 1}}', ordering_key => {key}, dedupe_key => {key})"));
        house.wait_until_done(5);
    }
    assert_eq!(house.value("SELECT count(*) FROM effects"), "6");
    for argument in ["ordering_key", "dedupe_key"] {
        // An index could not hold a much longer one, and a row that fits one table and not another would stop the queue.
        house.refused(&format!("SELECT fn_enqueue('task', {argument} => repeat('k', 513))"), "22023");
    }
    house.wait_until_done(5);
}

#[test]
fn the_role_of_a_security_definer_is_recorded() {
    let mut house = House::new("definer");
    let (definer, caller) = (house.role("definer"), house.role("caller"));
    house.run(&format!(
        "GRANT EXECUTE ON FUNCTION task(jsonb) TO {definer};
         CREATE FUNCTION ask() RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$ SELECT fn_enqueue('task') $$; ALTER FUNCTION ask() OWNER TO {definer}"
    ));
    house.session_as(&caller).run("SELECT ask()");
    // SET ROLE counts, too.
    house.run(&format!("BEGIN; SET LOCAL ROLE {definer}; SELECT fn_enqueue('task'); COMMIT"));
    assert_eq!(
        house.rows_when_done("SELECT role, session, event #>> '{auth,role}' FROM effects"),
        vec![format!("{definer}|{definer}|{definer}"); 2]
    );
}

#[test]
fn a_limit_on_users_transactions_ends_no_worker() {
    let mut house = House::new("transaction_timeout");
    // From 17 on; it ends the session.
    if house.value("SELECT count(*) FROM pg_settings WHERE name = 'transaction_timeout'") == "0" {
        return;
    }
    let name = house.name().to_owned();
    let role = house.role("hasty");
    house.run(&format!(
        "GRANT EXECUTE ON FUNCTION task(jsonb) TO {role}; ALTER ROLE {role} SET transaction_timeout = '300ms'"
    ));
    house.run(&format!("ALTER DATABASE {name} SET transaction_timeout = '300ms'"));
    house.job_does("PERFORM pg_sleep(1);");
    house.session_as(&role).run("SELECT fn_enqueue('task', '{\"n\": 1}')");
    assert_eq!(house.rows_when_done("SELECT n, attempt FROM effects"), ["1|1"]);
}
