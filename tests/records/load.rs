//! Counting is exact however many count, and what finds no room is told.

use crate::house::House;
use alyx_tests::guest;
use std::thread;

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is not a number"))
}

#[test]
fn a_million_calls_from_fifty_connections() {
    let mut house = House::new("million");
    let manifest = "sql:\n  - create: add(a int, b int) returns int\n    export: add\n  - create: divide(a int, b int) returns int\n    export: divide\n";
    house.deploy("math", &guest("scalars"), manifest);
    let sessions: Vec<_> = (0..50).map(|_| house.session()).collect();
    thread::scope(|scope| {
        for mut session in sessions {
            scope.spawn(move || {
                for _ in 0..4 {
                    session.run("SELECT count(add(i, 1)) FROM generate_series(1, 4999) i");
                    session.refused("SELECT divide(1, 0)", "38000");
                }
            });
        }
    });
    assert_eq!(house.stats("math", "calls, errors, traps"), "1000000|200|200");
    house.run("SELECT alyx._drain()");
    let records = number(&house.value("SELECT count(*) FROM alyx.invocations"));
    let lost = number(&house.stats("math", "lost_records"));
    assert_eq!(records + lost, 1_000_000, "{records} records and {lost} lost");
    assert!(records > 1000, "{records} records");
    assert_eq!(
        house.value("SELECT count(DISTINCT id) FROM alyx.invocations"),
        records.to_string(),
        "no two have the same id"
    );
    assert_eq!(house.value("SELECT calls FROM alyx.stats"), "1000000");
    assert_eq!(house.value("SELECT sum(calls) FROM alyx.stats_minutes"), "1000000");
}

#[test]
fn a_full_ring_is_counted_and_serves_again() {
    let mut house = House::new("full_ring");
    house.deploy("math", &guest("scalars"), "sql:\n  - create: add(a int, b int) returns int\n    export: add\n");
    for round in 1..=3 {
        house.run("SELECT count(add(i, 1)) FROM generate_series(1, 5000) i");
        house.run("SELECT alyx._drain()");
        let records = number(&house.value("SELECT count(*) FROM alyx.invocations"));
        let lost = number(&house.stats("math", "lost_records"));
        assert_eq!(records + lost, 5000 * round, "{records} records and {lost} lost");
        assert!(lost > 0 && records > 1000 * round, "{records} records and {lost} lost");
    }
    // What finds room is whole.
    assert_eq!(house.value("SELECT count(*) FROM alyx.invocations WHERE function = 'math' AND export = 'add' AND status = 'ok' AND sqlstate IS NULL AND trigger = 'sql'"), house.value("SELECT count(*) FROM alyx.invocations"));
}
