//! A guest that lays hands on the extension: its tables, views, functions, language, on what others deployed, and on Postgres'
//! own catalogs. Whatever it runs, it is a deployer without power who runs it.

use alyx_tests::{Db, Session, guest, literal};
use serde_json::{Value, json};

/// Everything that belongs to the extension, in one value: what is defined, by whom, open to whom.
const STATE: &str = "SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
    SELECT format('%s %s %s %s %s', oid::regclass, relowner, relacl, relrowsecurity, (SELECT string_agg(r::text, ' ' ORDER BY oid) FROM pg_rewrite r WHERE ev_class = c.oid)) AS line
      FROM pg_class c WHERE relnamespace = 'alyx'::regnamespace AND relkind IN ('r', 'v', 'p', 'S')
    UNION ALL SELECT format('%s %s', oid, p) FROM pg_proc p WHERE pronamespace = 'alyx'::regnamespace OR proname ~ '^fn_'
    UNION ALL SELECT format('%s', t) FROM pg_trigger t WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'alyx'::regnamespace)
    UNION ALL SELECT format('%s', l) FROM pg_language l
    UNION ALL SELECT format('%s', x) FROM pg_extension x
    UNION ALL SELECT format('%s', e) FROM pg_event_trigger e
    UNION ALL SELECT format('%s', f) FROM alyx._function f
    UNION ALL SELECT format('%s', s.nspacl) FROM pg_namespace s WHERE nspname = 'alyx') x";

fn ask(session: &mut Session, sql: &str) -> Value {
    session.json(&format!("SELECT probe({})", literal(&json!({ "sql": sql }).to_string())))
}

/// A victim's function with a secret in its environment, and mallory's session, whose guest `probe` runs any SQL.
fn house(test: &str) -> (Db, Session) {
    let mut db = Db::new(test);
    let (victim, mallory) = (db.deployer("victim"), db.deployer("mallory"));
    let manifest = "env: {TOKEN: victims-token}\nentrypoint: db_query\n";
    db.session_as(&victim).deploy("precious", &guest("ask"), manifest);
    db.session_as(&victim).deploy("precious", &guest("ask"), &format!("{manifest}timeout: 9s\n"));
    let name = db.name().to_owned();
    db.run(&format!("GRANT CREATE ON DATABASE {name} TO {mallory}"));
    let mut session = db.session_as(&mallory);
    session.deploy("probe", &guest("ask"), "entrypoint: db_query\n");
    (db, session)
}

/// None of these works from mallory's guest, from her own session, or as run by a superuser.
fn assert_denied(test: &str, statements: &[&str]) {
    let (mut db, mut session) = house(test);
    let before = db.value(STATE);
    let mut got_through = Vec::new();
    for statement in statements {
        for caller in [&mut session, &mut *db] {
            let reply = ask(caller, statement);
            let code = reply["error"]["code"].as_str().unwrap_or("success").to_owned();
            // A GRANT of what one has not got is a warning; that nothing was granted shows below.
            let is_denied = ["42501", "42809", "0A000", "42883", "55000"].contains(&code.as_str());
            if !is_denied && !statement.starts_with("GRANT") {
                got_through.push(format!("{statement}: {reply}"));
            }
        }
        assert_eq!(db.value(STATE), before, "after {statement}");
    }
    assert!(got_through.is_empty(), "{}", got_through.join("\n"));
    assert_eq!(session.json("SELECT probe('{\"sql\": \"SELECT 1 AS n\"}')")["rows"][0]["n"], 1);
}

#[test]
fn the_extensions_tables_are_neither_read_nor_written() {
    assert_denied(
        "hostile_tables",
        &[
            "SELECT * FROM alyx._function",
            "TABLE alyx._module",
            "SELECT env FROM alyx._function WHERE name = 'precious'",
            "SELECT * FROM alyx._version FOR UPDATE",
            "SELECT * FROM alyx._job",
            "SELECT * FROM alyx._deferred",
            "SELECT nextval('alyx._function_id')",
            "UPDATE alyx._function SET owner = current_user::regrole",
            "DELETE FROM alyx._version",
            "INSERT INTO alyx._hook SELECT",
            "TRUNCATE alyx._module",
            "UPDATE alyx.functions SET owner = current_user::regrole",
            "DELETE FROM alyx.versions",
            "SELECT setval('alyx._function_id', 1)",
            "SELECT pg_catalog.pg_extension_config_dump('alyx.functions', '')",
        ],
    );
}

#[test]
fn nothing_is_planted_on_the_extensions_objects() {
    assert_denied(
        "hostile_planted",
        &[
            "CREATE TRIGGER spy BEFORE INSERT ON alyx._function EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "CREATE TRIGGER spy INSTEAD OF INSERT ON alyx.functions FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "CREATE RULE spy AS ON INSERT TO alyx._job DO ALSO SELECT 1",
            "CREATE RULE spy AS ON INSERT TO alyx.functions DO INSTEAD NOTHING",
            "CREATE POLICY spy ON alyx._function",
            "ALTER TABLE alyx._function ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE alyx._function DISABLE TRIGGER ALL",
            "ALTER TABLE alyx._version ADD COLUMN spy text",
            "ALTER TABLE alyx._version ALTER COLUMN version SET DEFAULT 1",
            "CREATE INDEX ON alyx._function ((env::text))",
            "CREATE STATISTICS alyx.spy ON name, owner FROM alyx._function",
            "CREATE VIEW alyx.spy AS SELECT 1",
            "CREATE OR REPLACE VIEW alyx.functions AS SELECT 1",
            "ALTER VIEW alyx.functions RESET (security_barrier)",
            "CREATE TABLE alyx.spy (i int)",
            "CREATE TABLE spy () INHERITS (alyx._function)",
            "CREATE TABLE spy (i text REFERENCES alyx._function)",
            "CREATE FUNCTION alyx.spy() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE EVENT TRIGGER spy ON ddl_command_end EXECUTE FUNCTION alyx._call()",
            "GRANT ALL ON alyx._function TO CURRENT_USER",
            "GRANT ALL ON SCHEMA alyx TO CURRENT_USER",
            "COMMENT ON TABLE alyx._function IS 'mine'",
            "CREATE PUBLICATION spy FOR TABLE alyx._function",
        ],
    );
}

#[test]
fn the_extensions_functions_and_language_stay_what_they_are() {
    assert_denied(
        "hostile_replaced",
        &[
            "CREATE OR REPLACE FUNCTION public.fn_version(OUT extension text, OUT wasmtime text, OUT abi text) LANGUAGE sql AS 'SELECT 1, 2, 3'",
            "CREATE OR REPLACE FUNCTION alyx._is_visible(owner regrole) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
            "ALTER FUNCTION public.fn_deploy(text, bytea, text) OWNER TO CURRENT_USER",
            "ALTER FUNCTION public.fn_deploy(text, bytea, text) RENAME TO gone",
            "ALTER FUNCTION public.fn_deploy(text, bytea, text) SECURITY DEFINER",
            "ALTER FUNCTION public.fn_deploy(text, bytea, text) SET search_path = evil",
            "ALTER FUNCTION alyx._call() RENAME TO gone",
            "DROP FUNCTION public.fn_invoke(text, jsonb)",
            "DROP VIEW alyx.functions",
            "DROP SCHEMA alyx CASCADE",
            "ALTER SCHEMA alyx RENAME TO mine",
            "DROP LANGUAGE wasm CASCADE",
            "ALTER LANGUAGE wasm OWNER TO CURRENT_USER",
            "CREATE OR REPLACE TRUSTED LANGUAGE wasm HANDLER alyx._call",
            "GRANT USAGE ON LANGUAGE wasm TO PUBLIC",
            "DROP EXTENSION alyx_functions CASCADE",
            "ALTER EXTENSION alyx_functions DROP FUNCTION public.fn_deploy(text, bytea, text)",
            "ALTER EXTENSION alyx_functions ADD FUNCTION public.probe(jsonb)",
            "ALTER EXTENSION alyx_functions SET SCHEMA pg_catalog",
            "ALTER EXTENSION alyx_functions UPDATE",
            "CREATE FUNCTION spy() RETURNS int LANGUAGE c AS 'alyx_functions', 'alyx_call'",
            "CREATE FUNCTION spy() RETURNS int LANGUAGE internal AS 'pg_backend_pid'",
        ],
    );
}

#[test]
fn what_others_deployed_is_out_of_reach() {
    assert_denied(
        "hostile_others",
        &[
            "SELECT precious('{}')",
            "SELECT fn_invoke('precious')",
            "SELECT fn_drop('precious', true)",
            "SELECT fn_rollback('precious')",
            "SELECT fn_versions('precious')",
            "SELECT fn_set_env('precious', 'TOKEN', 'mine')",
            "SELECT fn_pause('precious')",
            "SELECT fn_deploy('precious', '\\x0061736d01000000')",
            "ALTER FUNCTION precious(jsonb) OWNER TO CURRENT_USER",
            "GRANT EXECUTE ON FUNCTION precious(jsonb) TO PUBLIC",
            "CREATE OR REPLACE FUNCTION precious(input jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT input'",
            "CREATE FUNCTION steal(jsonb) RETURNS jsonb LANGUAGE wasm AS 'precious:env'",
            "DROP FUNCTION precious(jsonb)",
            "SELECT pg_read_file('postgresql.conf')",
            "SELECT pg_ls_dir('alyx_functions')",
            "SELECT lo_import('/etc/passwd')",
            "SELECT * FROM pg_authid",
            "UPDATE pg_proc SET proowner = 10",
            "UPDATE pg_class SET relacl = NULL",
            "INSERT INTO pg_auth_members SELECT",
            "CREATE OPERATOR pg_catalog.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
            "CREATE FUNCTION pg_catalog.lower(jsonb) RETURNS text LANGUAGE sql AS 'SELECT NULL'",
            "CREATE CAST (jsonb AS int[]) WITH INOUT AS IMPLICIT",
            "ALTER ROLE CURRENT_USER SUPERUSER",
            "CREATE ROLE planted",
            "ALTER SYSTEM SET alyx_functions.superuser_guard = off",
            "SET alyx_functions.max_memory = '4GB'",
            "SET session_replication_role = replica",
        ],
    );
}

#[test]
fn views_and_errors_show_nothing_of_others() {
    let (mut db, mut session) = house("hostile_shown");
    for sql in [
        "SELECT * FROM alyx.functions",
        "SELECT * FROM alyx.versions",
        "SELECT * FROM alyx.hooks",
        "SELECT * FROM alyx.jobs",
        "SELECT * FROM alyx.dead_jobs",
        "SELECT * FROM alyx.schedules",
        "SELECT * FROM alyx.invocations",
        "SELECT * FROM alyx.logs",
        "SELECT * FROM alyx.stats",
        "SELECT fn_set_env('precious', 'TOKEN', NULL)",
        "SELECT fn_invoke('precious', '{}')",
        "SELECT query FROM pg_stat_activity",
        "SELECT * FROM pg_stats WHERE schemaname = 'alyx'",
        "SELECT pg_get_functiondef('precious(jsonb)'::regprocedure)",
    ] {
        for caller in [&mut session, &mut *db] {
            let reply = ask(caller, sql).to_string();
            assert!(!reply.contains("victims-token") && !reply.contains("9s"), "{sql}: {reply}");
        }
    }
}
