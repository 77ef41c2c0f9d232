//! While a dump is being restored: jobs are there before the tables, indexes and grants that they need.

use crate::house::{Dump, SETTINGS, done, furnish, furnished, job, must, shared, wait_for};
use alyx_tests::{Cluster, Db};
use std::time::Duration;

/// A database with jobs, some of them of a role that lives on a grant, and a table that takes its time when it is
/// restored: after the extension's tables, before `effects`, and once more for its index.
fn with_jobs(test: &str) -> Db {
    let mut source = furnished(shared(), test);
    let clerk = source.role("clerk");
    source.run(&format!("GRANT EXECUTE ON FUNCTION task(jsonb) TO {clerk}"));
    source.run(&job(100));
    wait_for(&mut source, 10, "SELECT count(*) FROM effects", "1");
    source.run(
        "CREATE FUNCTION nap(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_sleep(1.5); RETURN id; END $$;
         CREATE TABLE a_nap AS SELECT 1 AS id; CREATE INDEX ON a_nap (public.nap(id))",
    );
    source.run("SELECT fn_pause('task')");
    source.run(&job(1));
    let mut session = source.session_as(&clerk);
    (2..=3).for_each(|n| session.run(&job(n)));
    // Paused here, but not for those who look later: no session is told.
    source.run("UPDATE alyx._function SET paused = false");
    source
}

/// The copy, when the restore has ended and its jobs too.
#[track_caller]
fn inspect(copy: &mut Db) {
    wait_for(copy, 15, "SELECT count(*) FROM alyx._job", "0");
    assert_eq!(copy.rows("SELECT function, reason, last_error FROM alyx.dead_jobs"), [""; 0]);
    assert_eq!(copy.rows("SELECT status, error FROM alyx.invocations WHERE status <> 'ok'"), [""; 0]);
    assert_eq!(done(copy, 100), "1 2 3 100");
}

fn by_psql(dump: &Dump, copy: &Db, options: &[&str]) {
    let mut psql = copy.server().client_program("psql", copy.name());
    must(psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]).args(options).arg("-f").arg(dump.path()));
}

#[test]
fn jobs_wait_until_psql_has_restored_them() {
    let source = with_jobs("restoring_psql");
    let dump = Dump::of(&source, &[]);
    let mut copy = Db::empty(shared().clone(), "restoring_psql_copy");
    by_psql(&dump, &copy, &[]);
    inspect(&mut copy);
}

#[test]
fn jobs_wait_until_pg_restore_has_restored_them() {
    let source = with_jobs("restoring_archive");
    let dump = Dump::of(&source, &["--format=custom"]);
    let mut copy = Db::empty(shared().clone(), "restoring_archive_copy");
    dump.restore(copy.server(), copy.name(), &[]);
    inspect(&mut copy);
    // Over what is there, by several processes.
    dump.restore(copy.server(), copy.name(), &["--clean", "--if-exists", "--jobs=3"]);
    inspect(&mut copy);
}

#[test]
fn jobs_wait_until_the_data_has_come() {
    let source = with_jobs("restoring_data");
    let dump = Dump::of(&source, &["--format=custom"]);
    let mut copy = Db::empty(shared().clone(), "restoring_data_copy");
    dump.restore(copy.server(), copy.name(), &["--schema-only"]);
    // Its manager is at work.
    wait_for(&mut copy, 10, MANAGERS, "1");
    std::thread::sleep(Duration::from_secs(1));
    dump.restore(copy.server(), copy.name(), &["--data-only"]);
    inspect(&mut copy);
}

/// Managers of this database.
const MANAGERS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'alyx manager' AND datname = current_database()";

#[test]
fn a_restore_in_one_transaction_shows_them_when_all_is_there() {
    let source = with_jobs("restoring_once");
    let (plain, archive) = (Dump::of(&source, &[]), Dump::of(&source, &["--format=custom"]));
    let mut copy = Db::empty(shared().clone(), "restoring_once_copy");
    by_psql(&plain, &copy, &["--single-transaction"]);
    inspect(&mut copy);
    archive.restore(copy.server(), copy.name(), &["--single-transaction", "--clean", "--if-exists"]);
    inspect(&mut copy);
}

#[test]
fn the_extension_works_at_once_where_no_dump_made_it() {
    let mut db = Db::empty(shared().clone(), "restoring_none");
    // A setting of those who write functions in any order; its session goes on.
    db.run("CREATE EXTENSION alyx_functions");
    furnish(&mut db);
    db.run("SET check_function_bodies = off; SET row_security = off");
    db.run(&job(1));
    wait_for(&mut db, 10, "SELECT n FROM effects", "1");
    // Anybody may take the name, and keeps nobody's jobs from running.
    let stranger = db.role("stranger");
    let mut session = db.session_as(&stranger);
    session.run("SET application_name = 'pg_restore'");
    let mut clerk = db.session();
    clerk.run("INSERT INTO alyx._job SELECT gen_random_uuid(), id, 'queue', 'postgres', NULL, '{\"n\": 2}', 0, now(), 0 FROM alyx._function");
    wait_for(&mut db, 10, "SELECT string_agg(n::text, ' ' ORDER BY n) FROM effects", "1 2");
}

#[test]
fn a_server_whose_jobs_are_off_is_restored_in_peace() {
    let cluster = Cluster::preloaded("backup_off", &SETTINGS);
    let mut admin = cluster.server().session("postgres");
    ["source", "copy"].iter().for_each(|name| admin.run(&format!("CREATE DATABASE {name}")));
    let mut source = cluster.server().session("source");
    source.run("CREATE EXTENSION alyx_functions");
    furnish(&mut source);
    source.run("ALTER SYSTEM SET alyx_functions.enabled = off; ");
    source.run("SELECT pg_reload_conf()");
    wait_for(&mut source, 10, "SHOW alyx_functions.enabled", "off");
    source.run(
        r#"SELECT fn_schedule('task', '@every 1s', overlap => 'allow', missed => 'once', input => '{"n": 1000}')"#,
    );
    (1..=3).for_each(|n| source.run(&job(n)));
    let dump = Dump::made(cluster.server(), "source", &["--format=custom"]);
    dump.restore(cluster.server(), "copy", &["--jobs=2"]);
    let mut copy = cluster.server().session("copy");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(copy.value("SELECT count(*) FROM effects"), "0");
    source.run("DROP EXTENSION alyx_functions CASCADE");
    copy.run("ALTER SYSTEM RESET alyx_functions.enabled");
    copy.run("SELECT pg_reload_conf()");
    wait_for(&mut copy, 10, "SELECT count(*) FROM effects WHERE n <= 3", "3");
    wait_for(&mut copy, 10, "SELECT count(*) > 3 FROM effects WHERE n = 1000", "t");
    assert_eq!(done(&mut copy, 100), "1 2 3");
    // Of what was missed, one run; from there on the clock.
    let late = "SELECT count(*) FROM effects WHERE n = 1000 AND (event #>> '{schedule,scheduled_at}')::timestamptz < at - interval '1.5 seconds'";
    assert_eq!(copy.value(late), "0", "an instant was made up for that is not the latest");
    let _ = must(cluster.server().client_program("psql", "copy").args(["-X", "-c", "SELECT 1"]));
}
