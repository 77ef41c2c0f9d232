//! Who a job is: the role that made it, at every moment, whatever others have planted on its way.

use crate::house::House;
use alyx_tests::{guest, literal};

/// What a planted function tries, each in a block of its own. `log` gets what came of it.
const ATTEMPTS: [&str; 20] = [
    "SET SESSION AUTHORIZATION DEFAULT",
    "SET SESSION AUTHORIZATION postgres",
    "SET LOCAL SESSION AUTHORIZATION DEFAULT",
    "RESET SESSION AUTHORIZATION",
    "SET ROLE postgres",
    "SET ROLE NONE",
    "SET LOCAL ROLE NONE",
    "RESET ROLE",
    "RESET ALL",
    "SELECT set_config('role', 'postgres', false)",
    "SELECT set_config('role', 'none', true)",
    "SELECT set_config('session_authorization', 'postgres', false)",
    "SELECT set_config('session_authorization', 'default', true)",
    "UPDATE pg_settings SET setting = 'postgres' WHERE name = 'session_authorization'",
    "SELECT with_role()",
    "SELECT with_session()",
    "CREATE ROLE planted SUPERUSER",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "ALTER SYSTEM SET work_mem = '64kB'",
    "DO $x$ BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; END $x$",
];

/// A table of mallory's whose triggers, immediate and deferred, try everything; what came of it in `log`.
fn trap(house: &mut House) -> String {
    let mallory = house.role("mallory");
    house.run(&format!(
        "GRANT CREATE, USAGE ON SCHEMA public TO {mallory};
         CREATE TABLE log (place text, attempt text, code text, role text, session text, is_superuser text, power boolean);
         GRANT ALL ON log TO PUBLIC"
    ));
    let list = ATTEMPTS.map(literal).join(", ");
    let mut session = house.session_as(&mallory);
    session.run(&format!(
        "CREATE TABLE bait (n int); GRANT ALL ON bait TO PUBLIC;
         CREATE FUNCTION with_role() RETURNS void LANGUAGE sql AS '';
         CREATE FUNCTION with_session() RETURNS void LANGUAGE sql AS '';
         CREATE FUNCTION try_all(place text) RETURNS void LANGUAGE plpgsql AS $$
         DECLARE attempt text;
         BEGIN
             FOREACH attempt IN ARRAY ARRAY[{list}] LOOP
                 BEGIN
                     EXECUTE attempt;
                     INSERT INTO public.log VALUES (place, attempt, 'done', current_user, session_user, current_setting('is_superuser'),
                         has_function_privilege('pg_read_file(text)', 'EXECUTE'));
                 EXCEPTION WHEN OTHERS THEN
                     INSERT INTO public.log VALUES (place, attempt, SQLSTATE, current_user, session_user, current_setting('is_superuser'),
                         has_function_privilege('pg_read_file(text)', 'EXECUTE'));
                 END;
             END LOOP;
         END $$;
         CREATE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.try_all(TG_ARGV[0]); RETURN NEW; END $$;
         CREATE TRIGGER now BEFORE INSERT ON bait FOR EACH ROW EXECUTE FUNCTION spring('trigger');
         CREATE CONSTRAINT TRIGGER later AFTER INSERT ON bait DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION spring('commit')"
    ));
    // As functions carry settings: tried where creating them is allowed.
    for (function, setting) in [("with_role", "role = postgres"), ("with_session", "session_authorization = postgres")]
    {
        let _ = session.attempt(&format!("ALTER FUNCTION {function}() SET {setting}"));
    }
    mallory
}

/// Nothing in `log` shows any other role than this, or more power than it has.
fn assert_harmless(house: &mut House, role: &str, is_superuser: bool, places: &str) {
    let power = if is_superuser { "on|t" } else { "off|f" };
    let other = house.rows(&format!(
        "SELECT * FROM log WHERE role <> '{role}' OR session <> '{role}' OR is_superuser || '|' || CASE WHEN power THEN 't' ELSE 'f' END <> '{power}'"
    ));
    assert_eq!(other, [""; 0]);
    assert_eq!(house.value("SELECT string_agg(DISTINCT place, ' ' ORDER BY place), min(count), max(count) FROM (SELECT place, count(*) FROM log GROUP BY place) x"), format!("{places}|{n}|{n}", n = ATTEMPTS.len()));
    assert_eq!(house.value("SELECT count(*) FROM pg_roles WHERE rolname = 'planted'"), "0");
}

#[test]
fn what_others_planted_runs_as_the_jobs_role() {
    let mut house = House::new("planted");
    let app = house.role("app");
    trap(&mut house);
    house.run(&format!("GRANT EXECUTE ON FUNCTION task(jsonb) TO {app}"));
    house.job_does("PERFORM public.try_all('call'); INSERT INTO public.bait VALUES (n);");
    house.session_as(&app).run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    house.wait_until_done(10);
    assert_eq!(house.rows("SELECT last_error FROM alyx.dead_jobs"), [""; 0]);
    assert_harmless(&mut house, &app, false, "call commit trigger");
    // The worker is still who it was.
    house.run("TRUNCATE log");
    house.job_does("");
    house.session_as(&app).run(r#"SELECT fn_enqueue('task', '{"n": 2}')"#);
    assert_eq!(
        house.rows_when_done("SELECT n, role, session, is_superuser FROM effects ORDER BY n"),
        [format!("1|{app}|{app}|off"), format!("2|{app}|{app}|off")]
    );
    assert_eq!(house.value("SELECT count(DISTINCT pid) FROM effects"), "1");
}

#[test]
fn an_owners_job_is_the_owner_at_commit() {
    let mut house = House::new("planted_owner");
    let (owner, app) = (house.deployer("owner"), house.role("app"));
    trap(&mut house);
    house.session_as(&owner).deploy("owned", &guest("task"), "run_as: owner\n");
    house.run(&format!("GRANT EXECUTE ON FUNCTION owned(jsonb) TO {app}"));
    house.job_does("PERFORM public.try_all('call'); INSERT INTO public.bait VALUES (n);");
    house.session_as(&app).run(r#"SELECT fn_enqueue('owned', '{"n": 1}')"#);
    house.wait_until_done(10);
    assert_harmless(&mut house, &owner, false, "call commit trigger");
    assert_eq!(
        house.value("SELECT role, event #>> '{auth,role}' FROM effects"),
        format!("{owner}|{app}"),
        "auth is who asked"
    );
}

#[test]
fn a_superuser_lends_nobody_its_power() {
    let mut house = House::new("superuser");
    let owner = house.deployer("owner");
    trap(&mut house);
    house.session_as(&owner).deploy("owned", &guest("task"), "");
    house.job_does("PERFORM public.try_all('call'); INSERT INTO public.bait VALUES (n);");
    house.run(r#"SELECT fn_enqueue('owned', '{"n": 1}')"#);
    house.wait_until_done(10);
    assert_harmless(&mut house, &owner, false, "call commit trigger");
    // So does a trigger that a superuser's statement fires, and a schedule that one makes.
    house.run("TRUNCATE log, effects; CREATE TABLE t (id int)");
    house.run(&format!("ALTER TABLE t OWNER TO {owner}"));
    house.session_as(&owner).run("SELECT fn_attach('owned', 't', ARRAY['insert'], mode => 'async')");
    house.run("INSERT INTO t VALUES (1)");
    house.wait_until_done(10);
    assert_harmless(&mut house, &owner, false, "call commit trigger");
    house.run("SELECT fn_schedule('owned', '@every 1s')");
    house.wait_for("SELECT count(*) > 0 FROM effects WHERE event ->> 'trigger' = 'schedule'", "t");
    assert_eq!(
        house.rows("SELECT DISTINCT role, session, is_superuser FROM effects"),
        [format!("{owner}|{owner}|off")]
    );
}

#[test]
fn a_holdable_cursor_is_filled_as_the_role_or_refused() {
    let mut house = House::new("holdable");
    let app = house.role("app");
    house.run(&format!(
        "GRANT EXECUTE ON FUNCTION task(jsonb) TO {app};
         CREATE TABLE log (role text, session text, is_superuser text); GRANT ALL ON log TO PUBLIC;
         CREATE FUNCTION spy() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES (current_user, session_user, current_setting('is_superuser')); RETURN 1; END $$;"
    ));
    house.job_does("BEGIN EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT public.spy()'; EXCEPTION WHEN insufficient_privilege OR feature_not_supported THEN NULL; END;");
    house.session_as(&app).run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    house.wait_until_done(10);
    assert_eq!(house.rows("SELECT last_error FROM alyx.dead_jobs"), [""; 0]);
    assert_eq!(house.value("SELECT count(*) FROM effects"), "1");
    for row in house.rows("SELECT * FROM log") {
        assert_eq!(row, format!("{app}|{app}|off"));
    }
    // Gone before the next job.
    house.job_does("IF EXISTS (SELECT FROM pg_cursors WHERE is_holdable) THEN RAISE 'a cursor is left'; END IF;");
    house.session_as(&app).run(r#"SELECT fn_enqueue('task', '{"n": 2}')"#);
    assert_eq!(house.rows_when_done("SELECT n FROM effects ORDER BY n"), ["1", "2"]);
}

#[test]
fn the_guests_own_sql_stays_in_its_role() {
    let mut house = House::new("guest_sql");
    for (at, sql) in [
        "SET SESSION AUTHORIZATION DEFAULT",
        "RESET SESSION AUTHORIZATION",
        "SET ROLE NONE",
        "RESET ROLE",
        "SET ROLE postgres",
        "SELECT set_config('role', 'none', false)",
        "SELECT set_config('session_authorization', 'postgres', false)",
        "DISCARD ALL",
        "COMMIT",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "LISTEN x",
    ]
    .iter()
    .enumerate()
    {
        let query = serde_json::json!({"sql": sql}).to_string().replace('\'', "''");
        house.deploy(
            &format!("f{at}"),
            &guest("configured"),
            &format!("retry: {{ attempts: 1 }}\nenv:\n  QUERY: '{query}'\n"),
        );
        house.run(&format!("SELECT fn_enqueue('f{at}')"));
    }
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs", "11");
    for code in house.rows("SELECT DISTINCT sqlstate FROM alyx.dead_jobs") {
        assert!(["42501", "0A000", "25001", "2D000"].contains(&code.as_str()), "{code}");
    }
}

#[test]
fn nothing_of_a_job_is_left_for_the_next() {
    let mut house = House::new("leftovers");
    let app = house.role("app");
    let name = house.name().to_owned();
    house.run(&format!(
        "GRANT EXECUTE ON FUNCTION task(jsonb) TO {app}; GRANT CREATE, TEMPORARY ON DATABASE {name} TO {app}"
    ));
    house.run(&format!("ALTER ROLE {app} SET my.role_setting = 'of the role'; ALTER DATABASE {name} SET my.database_setting = 'of the database'; ALTER TABLE effects ADD seen jsonb"));
    house.run(
        "CREATE FUNCTION surroundings() RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object(
             'custom', current_setting('my.custom', true), 'path', current_setting('search_path'), 'timeout', current_setting('statement_timeout'),
             'role_setting', current_setting('my.role_setting', true), 'database_setting', current_setting('my.database_setting', true),
             'temporary', to_regclass('pg_temp.mine'), 'locks', (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
             'statements', (SELECT count(*) FROM pg_prepared_statements), 'cursors', (SELECT count(*) FROM pg_cursors),
             'name', current_setting('application_name'), 'isolation', current_setting('transaction_isolation'), 'claims', current_setting('request.jwt.claims', true)) $$",
    );
    house.run(
        "CREATE OR REPLACE FUNCTION public.perform(event jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO public.effects (event, seen) VALUES (event, public.surroundings());
             IF event #>> '{input,dirty}' = 'yes' THEN
                 PERFORM set_config('my.custom', 'left', false), set_config('search_path', 'pg_temp', false), set_config('statement_timeout', '1h', false),
                         set_config('application_name', 'left', false), set_config('default_transaction_isolation', 'serializable', false), set_config('my.role_setting', 'changed', false);
                 PERFORM pg_advisory_lock(77);
                 EXECUTE 'PREPARE mine AS SELECT 1';
             END IF;
             IF event #>> '{input,temporary}' = 'yes' THEN EXECUTE 'CREATE TEMPORARY TABLE mine (id int)'; END IF;
         END $$",
    );
    let mut session = house.session_as(&app);
    for (n, input) in
        [r#"{"n": 1}"#, r#"{"n": 2, "dirty": "yes"}"#, r#"{"n": 3}"#, r#"{"n": 4, "temporary": "yes"}"#, r#"{"n": 5}"#]
            .iter()
            .enumerate()
    {
        session.run(&format!("SELECT fn_enqueue('task', '{input}')"));
        house.wait_for("SELECT count(*) FROM effects", &(n + 1).to_string());
    }
    let first = house.json("SELECT seen FROM effects WHERE n = 1");
    assert_eq!(first["role_setting"], "of the role");
    assert_eq!(first["database_setting"], "of the database");
    assert_eq!(first["name"], format!("alyx worker: {app}"));
    for n in [3, 5] {
        let mut later = house.json(&format!("SELECT seen FROM effects WHERE n = {n}"));
        // A setting that was made once exists as an empty one.
        if later["custom"] == "" {
            later["custom"] = serde_json::Value::Null;
        }
        if later["claims"] == "" {
            later["claims"] = serde_json::Value::Null;
        }
        assert_eq!(later, first, "job {n}");
    }
    assert_eq!(house.value("SELECT pg_try_advisory_lock(77)"), "t");
    assert_eq!(house.value("SELECT count(*) FROM pg_class WHERE relname = 'mine'"), "0");
    assert_eq!(house.value("SELECT count(DISTINCT pid) FROM effects WHERE n < 4"), "1", "one worker ran them");
}

#[test]
fn a_failed_job_leaves_nothing_either() {
    let mut house = House::new("failed_leftovers");
    house.deploy_task("task", "retry: { attempts: 1 }\n");
    house.job_does("IF n = 1 THEN PERFORM set_config('my.custom', 'left', false), pg_advisory_lock(77); RAISE 'no'; END IF; IF coalesce(current_setting('my.custom', true), '') <> '' OR EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) THEN RAISE 'something is left'; END IF;");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs", "1");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 2}')"#);
    assert_eq!(house.rows_when_done("SELECT n FROM effects"), ["2"]);
    assert_eq!(house.value("SELECT pg_try_advisory_lock(77)"), "t");
}

#[test]
fn the_jobs_bookkeeping_is_not_fooled_by_the_roles_objects() {
    let mut house = House::new("shadows");
    let app = house.role("app");
    let name = house.name().to_owned();
    house.run(&format!(
        "GRANT EXECUTE ON FUNCTION task(jsonb) TO {app}; GRANT CREATE ON DATABASE {name} TO {app};
         CREATE TABLE log (role text); GRANT ALL ON log TO PUBLIC"
    ));
    let mut session = house.session_as(&app);
    session.run(
        "CREATE SCHEMA evil;
         CREATE FUNCTION evil.spy(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES (current_user); RETURN true; END $$;
         CREATE OPERATOR evil.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = evil.spy);
         CREATE FUNCTION evil.spy8(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES (current_user); RETURN true; END $$;
         CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.spy8);
         CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES (current_user); RETURN pg_catalog.now(); END $$;
         CREATE FUNCTION evil.unnest(text[], bigint[]) RETURNS SETOF record LANGUAGE sql AS $$ SELECT 1 $$;",
    );
    house.run(&format!("ALTER ROLE {app} SET search_path = evil, pg_catalog, public"));
    let mut session = house.session_as(&app);
    house.deploy_task("task", "retry: { attempts: 2, backoff: fixed, base: 10ms }\n");
    house.job_does("SET search_path = evil, pg_catalog; IF n = 1 AND event ->> 'attempt' = '1' THEN RAISE 'no'; END IF; PERFORM public.fn_enqueue('task', '{\"n\": 5}', run_at => pg_catalog.now() + '1h', dedupe_key => 'k');");
    session.run(r#"SELECT public.fn_enqueue('task', '{"n": 1}', dedupe_key => 'x', ordering_key => 'y')"#);
    house.wait_for("SELECT count(*) FROM effects", "1");
    assert_eq!(house.rows("SELECT * FROM log"), [""; 0]);
}
