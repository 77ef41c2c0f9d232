//! How long records stay, and what they survive.

use crate::house::{House, own};
use alyx_tests::{guest, processor_time_of, wait_until};
use std::time::{Duration, Instant};

/// A partition of `parent` for the day that was `days` ago, with nothing in it.
fn old_partition(house: &mut House, parent: &str, days: u32) -> String {
    let day = house.value(&format!("SELECT to_char(timezone('UTC', now())::date - {days}, 'YYYYMMDD')"));
    house.run(&format!(
        "CREATE TABLE alyx.{parent}_{day} PARTITION OF alyx.{parent} FOR VALUES FROM ('{day} 00:00+00') TO ('{day} 24:00+00'); ALTER EXTENSION alyx_functions ADD TABLE alyx.{parent}_{day}"
    ));
    format!("{parent}_{day}")
}

fn partitions(house: &mut House) -> Vec<String> {
    house.rows("SELECT relname FROM pg_class WHERE relname ~ '^_(invocation|log)_(ok|failed)_\\d+$' AND relkind = 'r' ORDER BY 1")
}

#[test]
fn old_days_go_as_a_whole() {
    let mut house = House::new("retention");
    let old = [old_partition(&mut house, "_invocation_ok", 9), old_partition(&mut house, "_log_failed", 32)];
    let young = [old_partition(&mut house, "_invocation_ok", 6), old_partition(&mut house, "_invocation_failed", 29)];
    let mut reader = house.session();
    reader.run(&format!("BEGIN; SELECT count(*) FROM alyx.{}", old[0]));
    let began = Instant::now();
    assert_eq!(house.value("SELECT alyx._drop_old_records()"), "1", "one is being read");
    assert!(began.elapsed() < Duration::from_secs(2), "readers are not waited for");
    reader.run("COMMIT");
    assert_eq!(house.value("SELECT alyx._drop_old_records()"), "1");
    let mut left = young.to_vec();
    left.sort();
    assert_eq!(partitions(&mut house), left);
    assert_eq!(house.value("SHOW lock_timeout"), "0");
}

#[test]
fn the_extension_takes_its_records_along() {
    let mut house = House::new("drop_extension");
    house.deploy_guest("echo");
    house.run("SELECT echo('1'); SELECT alyx._drain()");
    assert_eq!(partitions(&mut house).len(), 1);
    house.run("SELECT echo('2'); DROP EXTENSION alyx_functions CASCADE");
    assert_eq!(house.value("SELECT count(*) FROM pg_class WHERE relname ~ '^_(invocation|log)'"), "0");
    house.run("CREATE EXTENSION alyx_functions");
    house.deploy_guest("echo");
    assert_eq!(house.records("function"), [""; 0], "what was on its way belonged to the one before");
    assert_eq!(house.rows("SELECT calls FROM alyx.stats"), ["0"], "and so did what was counted");
    house.run("SELECT echo('3')");
    assert_eq!(house.records("function"), ["echo"]);
    assert_eq!(house.rows("SELECT calls FROM alyx.stats"), ["1"]);
}

#[test]
fn a_dump_leaves_them_out() {
    let mut house = House::new("dump_records");
    house.deploy_guest("echo");
    house.run("SELECT echo('1'); SELECT alyx._drain()");
    let dump = house.server().client_program("pg_dump", house.name()).output().expect("pg_dump runs");
    let text = String::from_utf8_lossy(&dump.stdout).into_owned();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    for word in ["_invocation", "_log_", "_statistics"] {
        assert!(!text.contains(word), "the dump speaks of {word}");
    }
    let mut copy = house.neighbour("dump_records_copy");
    copy.run("CREATE EXTENSION alyx_functions");
    assert_eq!(copy.rows("SELECT * FROM alyx.stats"), [""; 0]);
}

#[test]
fn records_of_a_drain_that_was_rolled_back_are_stored_by_the_next() {
    let mut house = House::new("drain_rolled_back");
    house.deploy_guest("echo");
    house.run("SELECT echo('1')");
    house.run("BEGIN; SELECT alyx._drain(); ROLLBACK");
    assert_eq!(house.records("function"), ["echo"]);
    assert_eq!(house.records("function"), ["echo"], "and once only");
    house.run("BEGIN; SELECT echo('2'); SELECT alyx._drain(); SELECT echo('3'); SELECT alyx._drain(); COMMIT");
    assert_eq!(house.records("function").len(), 3);
    assert_eq!(house.stats("echo", "calls"), "3");
}

#[test]
fn the_manager_stores_them_by_itself() {
    let mut house = House::new("manager");
    house.deploy_guest("echo");
    for count in 1..=3 {
        house.run("SELECT echo('1')");
        let sql = "SELECT count(*) FROM alyx.invocations";
        wait_until("the record is stored", || house.value(sql) == count.to_string());
    }
    // Somebody in the way is not waited for, and costs nothing.
    let mut rude = house.session();
    rude.run("BEGIN; LOCK TABLE alyx._invocation_ok");
    house.run("SELECT echo('2')");
    std::thread::sleep(Duration::from_millis(700));
    rude.run("COMMIT");
    wait_until("the record is stored after all", || {
        house.value("SELECT count(*), (SELECT lost_records FROM alyx.stats) FROM alyx.invocations") == "4|0"
    });
}

#[test]
fn a_fast_stop_is_the_end_of_a_guest_and_told() {
    let (cluster, mut db) = own("fast_stop");
    db.deploy("spin", &guest("spin_forever"), "entrypoint: handler\ntimeout: 60s\n");
    db.run("SELECT alyx._drain()");
    let mut victim = db.session();
    let pid = victim.pid();
    std::thread::scope(|scope| {
        let running = scope.spawn(move || victim.refusal("SELECT spin('{}')").code);
        // Active it is before the guest is: while its module is loaded there is no invocation that could end.
        let before = processor_time_of(pid);
        wait_until("the guest spins", || processor_time_of(pid) >= before + 10);
        cluster.stop("fast");
        running.join().expect("the victim");
    });
    cluster.begin();
    assert_eq!(
        db.session().rows("SELECT status, sqlstate, pid FROM alyx.invocations WHERE function = 'spin'"),
        [format!("canceled|57P01|{pid}")]
    );
    assert_eq!(db.session().value("SELECT calls, errors FROM alyx.stats WHERE function = 'spin'"), "1|1");
    drop(db);
}

#[test]
fn totals_survive_the_server() {
    let (cluster, mut db) = own("totals");
    db.deploy("echo", &guest("echo"), "");
    db.run("SELECT echo('1') FROM generate_series(1, 10); SELECT alyx._drain(); SELECT echo('1') FROM generate_series(1, 5); SELECT alyx._drain()");
    let since = db.value("SELECT since FROM alyx.stats");
    cluster.stop("fast");
    cluster.begin();
    let mut session = db.session();
    let stats = "SELECT calls, errors FROM alyx.stats";
    assert_eq!(session.value(stats), "15|0");
    session.run("SELECT echo('1'); SELECT echo('2')");
    assert_eq!(session.value(stats), "17|0", "before the first snapshot of this start");
    session.run("SELECT alyx._drain()");
    assert_eq!(session.value(stats), "17|0", "and after it");
    session.run("SELECT echo('3'); SELECT alyx._drain()");
    cluster.stop("fast");
    cluster.begin();
    let mut session = db.session();
    assert_eq!(session.value(stats), "18|0");
    assert_eq!(session.value("SELECT since FROM alyx.stats"), since);
    assert_eq!(session.value("SELECT sum(calls) FROM alyx.stats_minutes"), "18");
    assert_eq!(session.value("SELECT count(*) FROM alyx.invocations"), "18");
    drop(session);
    drop(db);
}
