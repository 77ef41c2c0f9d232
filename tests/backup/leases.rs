//! A dump that is taken while jobs run has them as running, by processes that the copy does not have.

use crate::house::{Dump, SETTINGS, done, furnished, job, job_does, shared, wait_for};
use alyx_tests::{Cluster, Db};

/// A database in which four jobs run and two wait, and a dump of that moment.
fn caught_at_work(test: &str) -> (Db, Dump) {
    let mut source = furnished(shared(), test);
    source.run("CREATE TABLE gate (is_open boolean); INSERT INTO gate VALUES (false); CREATE TABLE marks (n int)");
    job_does(
        &mut source,
        "WHILE n <= 4 AND NOT EXISTS (SELECT FROM gate WHERE is_open) LOOP PERFORM pg_sleep(0.01); END LOOP;",
    );
    (1..=4).for_each(|n| source.run(&job(n)));
    wait_for(
        &mut source,
        10,
        "SELECT count(*) FROM alyx.jobs WHERE status = 'running' AND started_at IS NOT NULL",
        "4",
    );
    source.run(r#"SELECT fn_enqueue('task', '{"n": 5}', run_at => now() + interval '1 hour'), fn_enqueue('task', '{"n": 6}', run_at => now() + interval '3 seconds', dedupe_key => 'six')"#);
    let dump = Dump::of(&source, &["--format=custom"]);
    assert_eq!(source.value("SELECT count(*) FROM alyx._job WHERE lease IS NOT NULL"), "4", "still running");
    (source, dump)
}

#[test]
fn jobs_that_ran_when_it_was_taken_run_again_in_the_copy_and_once_in_each() {
    let (mut source, dump) = caught_at_work("backup_leases");
    source.run("UPDATE gate SET is_open = true");
    wait_for(&mut source, 10, "SELECT count(*) FROM effects", "5");
    let mut copy = Db::empty(shared().clone(), "backup_leases_copy");
    dump.restore(copy.server(), copy.name(), &[]);
    copy.run("UPDATE gate SET is_open = true");
    // Nobody tells of such jobs: the manager looks for them once a minute.
    wait_for(&mut copy, 90, "SELECT count(*) FROM effects WHERE n <= 4", "4");
    wait_for(&mut copy, 10, "SELECT count(*) FROM effects", "5");
    for session in [&mut source, &mut copy] {
        assert_eq!(done(session, 100), "1 2 3 4 6");
        assert_eq!(session.rows("SELECT n, attempt FROM effects WHERE attempt > 1"), [""; 0]);
        assert_eq!(session.value("SELECT count(*) FROM alyx._dedupe"), "0");
    }
}

#[test]
fn a_start_of_the_server_finds_them_at_once() {
    let (mut source, dump) = caught_at_work("backup_leases_start");
    let mut cluster = Cluster::start("backup_leases_heir");
    cluster.server().session("postgres").run("CREATE DATABASE heir");
    // Without the preload nothing runs while it is restored.
    dump.restore(cluster.server(), "heir", &[]);
    cluster.server().session("heir").run("UPDATE gate SET is_open = true");
    cluster.restarted_with(&SETTINGS);
    let mut copy = cluster.server().session("heir");
    wait_for(&mut copy, 15, "SELECT count(*) FROM effects", "5");
    assert_eq!(done(&mut copy, 100), "1 2 3 4 6");
    source.run("UPDATE gate SET is_open = true");
    wait_for(&mut source, 10, "SELECT count(*) FROM effects", "5");
}
