//! While a dump is being restored: jobs are there before the tables, indexes and grants that they need.

use crate::house::{Dump, SETTINGS, done, furnish, furnished, job, must, shared, wait_for};
use alyx_tests::{Cluster, Db};
use std::time::Duration;

/// A database with jobs of a role that lives on a grant, and a plain dump of it.
fn with_jobs(test: &str) -> (Db, Dump) {
    let mut source = furnished(shared(), test);
    let clerk = source.role("clerk");
    source.run(&format!("GRANT EXECUTE ON FUNCTION task(jsonb) TO {clerk}"));
    source.run(&job(100));
    wait_for(&mut source, 10, "SELECT count(*) FROM effects", "1");
    source.run("SELECT fn_pause('task')");
    let mut session = source.session_as(&clerk);
    (1..=3).for_each(|n| session.run(&job(n)));
    // Paused in the original only.
    source.run("UPDATE alyx._function SET paused = false");
    let dump = Dump::of(&source, &[]);
    source.run("UPDATE alyx._function SET paused = true");
    (source, dump)
}

/// Restores a plain dump that takes three seconds more between the jobs and all that comes after them.
fn restore_slowly(dump: &Dump, copy: &Db, options: &[&str]) -> String {
    let text = std::fs::read_to_string(dump.path()).expect("a dump is text");
    // The last of the extension's tables; without it no job can begin.
    let (head, rest) = text.split_once("COPY alyx._version ").expect("it has functions");
    let (rows, rest) = rest.split_once("\n\\.\n").expect("rows end");
    let slow = dump.path().with_extension("slow.sql");
    std::fs::write(&slow, format!("{head}COPY alyx._version {rows}\n\\.\nSELECT pg_sleep(3);\n{rest}"))
        .expect("it is written");
    let mut psql = copy.server().client_program("psql", copy.name());
    let output = psql.args(["-X", "-q"]).args(options).arg("-f").arg(&slow).output().expect("psql runs");
    let _ = std::fs::remove_file(slow);
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
#[ignore = "jobs begin while the dump is being restored, and die of grants that have not come yet; a patch is proposed"]
fn jobs_wait_until_the_restore_has_ended() {
    let (_source, dump) = with_jobs("backup_restoring");
    let mut copy = Db::empty(shared().clone(), "backup_restoring_copy");
    assert_eq!(restore_slowly(&dump, &copy, &[]), "");
    wait_for(&mut copy, 10, "SELECT count(*) FROM alyx._job", "0");
    assert_eq!(copy.rows("SELECT function, reason, last_error FROM alyx.dead_jobs"), [""; 0]);
    assert_eq!(done(&mut copy, 100), "1 2 3 100");
}

#[test]
fn a_restore_in_one_transaction_shows_them_when_all_is_there() {
    let (_source, dump) = with_jobs("backup_restoring_once");
    let mut copy = Db::empty(shared().clone(), "backup_restoring_once_copy");
    assert_eq!(restore_slowly(&dump, &copy, &["--single-transaction"]), "");
    wait_for(&mut copy, 10, "SELECT count(*) FROM alyx._job", "0");
    assert_eq!(copy.rows("SELECT function, reason, last_error FROM alyx.dead_jobs"), [""; 0]);
    assert_eq!(done(&mut copy, 100), "1 2 3 100");
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
