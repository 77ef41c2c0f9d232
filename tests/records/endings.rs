//! However an invocation ends, it leaves a record that says how.

use crate::house::House;
use alyx_tests::{guest, processor_time_of, wait_until};
use std::thread;

#[test]
fn a_statement_that_fails_after_its_trigger_ran() {
    let mut house = House::new("after_trigger");
    house.deploy("note", &guest("configured"), "env: {OUTCOME: \"null\"}\n");
    house.run("CREATE TABLE t (id int); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION note()");
    house.refused("INSERT INTO t VALUES (1) RETURNING 1 / (id - 1)", "22012");
    house.run("BEGIN; INSERT INTO t VALUES (2); ROLLBACK");
    assert_eq!(house.value("SELECT count(*) FROM t"), "0", "both rows are gone");
    let pid = house.pid();
    assert_eq!(
        house.records("function, version, export, trigger, role, status, sqlstate, error, attempt, pid"),
        vec![format!("note|1|handler|database|postgres|ok|NULL|NULL|1|{pid}"); 2]
    );
}

#[test]
fn each_way_to_fail_by_its_name() {
    let mut house = House::new("ways_to_fail");
    house.deploy("trap", &guest("trap"), "entrypoint: handler\n");
    house.run("CREATE FUNCTION divide() RETURNS jsonb LANGUAGE wasm AS 'trap:divide_by_zero'");
    house.deploy("fail", &guest("fail"), "entrypoint: error_and_code\n");
    house.deploy("grow", &guest("grow_memory"), "");
    house.deploy("recurse", &guest("recurse_forever"), "");
    house.deploy("spin", &guest("spin_forever"), "entrypoint: handler\ntimeout: 50ms\n");
    house.deploy("start", &guest("spin_at_start"), "timeout: 50ms\n");
    house.deploy_script();
    house.deploy("loud", &guest("configured"), "env: {OUTCOME: \"no json\"}\n");
    let cases = [
        ("SELECT divide()", "trap|38000"),
        ("SELECT fail('{}')", "error|38000"),
        ("SELECT grow('{}')", "limit|53200"),
        ("SELECT recurse('{}')", "limit|54000"),
        ("SELECT spin('{}')", "timeout|57014"),
        ("SELECT start('{}')", "timeout|57014"),
        (r#"SELECT script('r{"sqlstate": "P0042", "message": "no"}')"#, "error|P0042"),
        (r#"SELECT script(E'q{"sql": "SELECT 1/0"}\nx')"#, "error|22012"),
        (r#"SELECT script(E'q{"sql": "SELECT 1/0"}\nt')"#, "trap|22012"),
        ("SELECT loud('{}')", "error|38000"),
    ];
    for (statement, expected) in cases {
        let refusal = house.refusal(statement);
        let recorded = house.records("status, sqlstate, error").pop().unwrap_or_default();
        assert_eq!(recorded, format!("{expected}|{}", refusal.message), "{statement}");
    }
    assert_eq!(house.stats("trap", "calls, errors, traps, timeouts"), "1|1|1|0");
    assert_eq!(house.stats("spin", "calls, errors, traps, timeouts"), "1|1|0|1");
    assert_eq!(house.stats("script", "calls, errors, traps, timeouts"), "3|3|1|0");
}

#[test]
fn a_cancelled_statement() {
    let mut house = House::new("cancelled");
    house.deploy("spin", &guest("spin_forever"), "entrypoint: handler\ntimeout: 60s\n");
    house.deploy_query();
    house.run("SET statement_timeout = '100ms'");
    house.refused("SELECT spin('{}')", "57014");
    house.refused(r#"SELECT query('{"sql": "SELECT pg_sleep(60)"}')"#, "57014");
    house.run("RESET statement_timeout");
    assert_eq!(
        house.records("function, status, sqlstate, error, duration_ms BETWEEN 80 AND 5000"),
        [
            "spin|canceled|57014|canceling statement due to statement timeout|t",
            "ask|canceled|57014|canceling statement due to statement timeout|t"
        ]
    );
}

#[test]
fn a_session_that_was_terminated() {
    let mut house = House::new("terminated");
    house.deploy_script();
    let ways = [
        // Ended while the guest runs, and while Postgres runs for it: then the process ends under the guest.
        r#"SELECT script(E'l{"level": "info", "message": "before"}\ns')"#,
        r#"SELECT script('q{"sql": "SELECT pg_sleep(600)"}')"#,
    ];
    for way in ways {
        let mut victim = house.session();
        let pid = victim.pid();
        thread::scope(|scope| {
            let before = processor_time_of(pid);
            let running = scope.spawn(move || victim.refusal(way).code);
            // The session is active before its guest is, on a busy machine for long: one spins, the other waits.
            wait_until("the guest runs", || {
                let waits =
                    format!("SELECT wait_event IS NOT DISTINCT FROM 'PgSleep' FROM pg_stat_activity WHERE pid = {pid}");
                if way.contains("pg_sleep") {
                    house.value(&waits) == "t"
                } else {
                    processor_time_of(pid) >= before + 10
                }
            });
            house.run(&format!("SELECT pg_terminate_backend({pid}, 10000)"));
            assert_eq!(running.join().expect("the victim"), "57P01");
        });
        let row = house.records("status, sqlstate, pid").pop().unwrap_or_default();
        assert_eq!(row, format!("canceled|57P01|{pid}"), "{way}");
    }
    assert_eq!(house.rows("SELECT level, message FROM alyx.logs"), ["info|before"]);
    assert_eq!(house.stats("script", "calls, errors"), "2|2");
}

#[test]
fn a_call_within_a_call_is_an_invocation_of_its_own() {
    let mut house = House::new("nested");
    house.deploy_script();
    house.deploy_guest("echo");
    house.run(r#"SELECT script('c{"name": "echo", "input": 7}')"#);
    house.deploy("again", &guest("configured"), "env: {QUERY: '{\"sql\": \"SELECT again(''{}'')\"}'}\n");
    house.refused("SELECT again('{}')", "54000");
    assert_eq!(
        house.rows("SELECT alyx._drain() = 11"),
        ["t"],
        "the ninth call of a function that calls itself is one too many, and recorded as well"
    );
    let names =
        house.rows("SELECT function, status, sqlstate, count(*) FROM alyx.invocations GROUP BY 1, 2, 3 ORDER BY 1, 4");
    assert_eq!(names, ["again|limit|54000|1", "again|error|54000|8", "echo|ok|NULL|1", "script|ok|NULL|1"]);
}

#[test]
fn the_event_and_the_record_have_one_id() {
    let mut house = House::new("one_id");
    house.deploy_recorder();
    house.run("CREATE TABLE t (id int); CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION recorder(); INSERT INTO t SELECT generate_series(1, 300)");
    house.run("SELECT alyx._drain()");
    assert_eq!(
        house.value("SELECT count(*) FROM alyx.invocations i JOIN events e ON i.id = (e.event->>'id')::uuid AND i.trigger = 'database'"),
        "300"
    );
    assert_eq!(
        house.value("SELECT count(*) FROM (SELECT id > lag(id) OVER (ORDER BY e.id) AS grows FROM (SELECT e.id AS at, (e.event->>'id')::uuid AS id FROM events e) e WINDOW w AS () ) x WHERE NOT grows"),
        "0"
    );
    assert_eq!(
        house.value("SELECT count(*) FROM alyx.invocations WHERE substr(id::text, 15, 1) = '7' AND abs(extract(epoch FROM started_at) - ('x' || lpad(replace(left(id::text, 13), '-', ''), 16, '0'))::bit(64)::bigint / 1000.0) < 1"),
        "300",
        "version 7, of the time when the invocation began"
    );
}
