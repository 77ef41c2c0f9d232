//! A physical standby runs nothing; promoted, it goes on where the primary ended, and repeats nothing.

use crate::house::{House, SETTINGS};
use alyx_tests::{Cluster, wait_until};
use std::thread;
use std::time::Duration;

#[test]
fn a_standby_runs_nothing_until_it_is_promoted() {
    let mut house = House::alone(
        "primary",
        &[&SETTINGS[..], &["wal_level=replica", "max_wal_senders=4", "hot_standby=on"]].concat(),
    );
    let name = house.name().to_owned();
    house.deploy_task("held", "timeout: 60s\n");
    house.job_does(
        "IF event #>> '{function,name}' = 'held' AND event ->> 'attempt' = '1' THEN PERFORM pg_sleep(60); END IF;",
    );
    house.run(r#"SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 50) i; SELECT fn_schedule('task', '@every 1s', overlap => 'allow', missed => 'all', input => '{"n": 1000}')"#);
    house.wait_for("SELECT count(*) FROM effects WHERE n <= 50", "50");
    let standby = Cluster::standby_of(house.cluster(), "jobs_standby", &SETTINGS);
    let mut watching = standby.server().session(&name);
    // What happens on the primary from now on: a job that runs, jobs that wait, one for later.
    house.run("SELECT fn_enqueue('held', '{\"n\": 2000}')");
    house.wait_for("SELECT status FROM alyx.jobs WHERE function = 'held'", "running");
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i), run_at => now() + '2s'::interval) FROM generate_series(51, 60) i");
    wait_until("the standby follows", || {
        watching.value("SELECT count(*) FROM alyx.jobs WHERE status = 'scheduled'") == "10"
    });
    assert_eq!(
        watching.value(
            "SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'alyx %')"
        ),
        "t|0"
    );
    watching.refused("SELECT fn_enqueue('task')", "25006");
    house.cluster().stop("immediate");
    thread::sleep(Duration::from_millis(2300));
    assert_eq!(watching.value("SELECT count(*) FROM effects WHERE n > 50 AND n < 1000"), "0");
    assert_eq!(watching.value("SELECT pg_promote()"), "t");
    let mut promoted = standby.server().session(&name);
    wait_until("deferred jobs run", || {
        promoted.value("SELECT count(*) FROM effects WHERE n BETWEEN 51 AND 60") == "10"
    });
    wait_until("the interrupted job runs again", || {
        promoted.value("SELECT string_agg(attempt::text, ' ') FROM effects WHERE n = 2000") == "2"
    });
    let ticks = promoted.value("SELECT count(*) FROM effects WHERE n = 1000");
    wait_until("the schedule goes on", || {
        promoted.value(&format!("SELECT count(*) > {ticks} + 2 FROM effects WHERE n = 1000")) == "t"
    });
    assert_eq!(promoted.value("SELECT count(*) - count(DISTINCT n) FROM effects WHERE n <> 1000"), "0", "none twice");
    assert_eq!(
        promoted
            .value("SELECT count(*) - count(DISTINCT event #>> '{schedule,scheduled_at}') FROM effects WHERE n = 1000"),
        "0"
    );
    drop((watching, promoted));
    house.cluster().begin();
}
