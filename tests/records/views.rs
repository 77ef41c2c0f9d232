//! What the views say, and to whom.

use crate::house::House;
use alyx_tests::{Db, Server, guest};

#[test]
fn a_record_tells_what_was_used() {
    let mut house = House::new("used");
    house.deploy_script();
    house.run(r#"SELECT script(E'q{"sql": "SELECT generate_series(1, 5)"}\nb{"statements": [{"sql": "CREATE TEMP TABLE x AS SELECT 1 AS a"}, {"sql": "INSERT INTO x SELECT generate_series(1, 7)"}]}\ne{"key": "A"}')"#);
    assert_eq!(
        house.records(
            "host_calls, rows, peak_memory_bytes >= 64 * 65536, duration_ms > 0, now() - started_at < '1 min'"
        ),
        ["3|13|t|t|t"]
    );
    assert_eq!(
        house.stats("script", "calls, rows, peak_memory_bytes >= 64 * 65536, mean_ms = max_ms, p50_ms <= max_ms"),
        "1|13|t|t|t"
    );
}

#[test]
fn quantiles_are_near_the_truth() {
    let mut house = House::new("quantiles");
    house.deploy_query();
    for (count, seconds) in [(90, 0.002), (10, 0.05)] {
        house.run(&format!(
            r#"SELECT query('{{"sql": "SELECT pg_sleep({seconds})"}}') FROM generate_series(1, {count})"#
        ));
    }
    house.run("SELECT alyx._drain()");
    for (column, q) in [("p50_ms", "0.5"), ("p95_ms", "0.95"), ("p99_ms", "0.99")] {
        let truth = format!("SELECT percentile_disc({q}) WITHIN GROUP (ORDER BY duration_ms) FROM alyx.invocations");
        let sql = format!("SELECT abs({column} / ({truth}) - 1) <= 0.06 FROM alyx.stats");
        assert_eq!(house.value(&sql), "t", "{sql}");
    }
    assert_eq!(
        house.value("SELECT s.max_ms = max(i.duration_ms) AND abs(s.mean_ms - avg(i.duration_ms)) < 0.001 FROM alyx.stats s, alyx.invocations i GROUP BY s.max_ms, s.mean_ms"),
        "t"
    );
    assert_eq!(
        house.value("SELECT sum(calls), count(DISTINCT function), bool_and(minute = date_trunc('minute', minute)), max(max_ms) = (SELECT max_ms FROM alyx.stats) FROM alyx.stats_minutes"),
        "100|1|t|t"
    );
}

#[test]
fn each_role_sees_what_it_owns() {
    let mut house = House::new("ownership");
    let (ann, bob) = (house.deployer("ann"), house.deployer("bob"));
    house.session_as(&ann).deploy("of_ann", &guest("script"), "");
    house.session_as(&bob).deploy("of_bob", &guest("script"), "");
    house.run(&format!("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {ann}, {bob}"));
    for name in ["of_ann", "of_bob"] {
        house.run(&format!("CREATE FUNCTION say_{name}(text) RETURNS jsonb LANGUAGE wasm AS '{name}'"));
        house.session_as(&ann).run(&format!(r#"SELECT say_{name}('l{{"message": "hello"}}')"#));
    }
    house.run("SELECT alyx._drain()");
    let views = [
        "SELECT string_agg(DISTINCT function, ',') FROM alyx.invocations",
        "SELECT string_agg(DISTINCT function, ',') FROM alyx.logs",
        "SELECT string_agg(function, ',' ORDER BY function) FROM alyx.stats",
        "SELECT string_agg(DISTINCT function, ',') FROM alyx.stats_minutes",
    ];
    for view in views {
        assert_eq!(house.session_as(&ann).value(view), "of_ann", "{view}");
        assert_eq!(house.session_as(&bob).value(view), "of_bob", "{view}");
        assert_eq!(house.value(view), "of_ann,of_bob", "{view}");
    }
    assert_eq!(
        house.session_as(&bob).value("SELECT DISTINCT role::text FROM alyx.invocations"),
        ann,
        "who called, which is not who owns"
    );
    for refused in [
        "SELECT alyx._drain()",
        "SELECT alyx._drop_old_records()",
        "SELECT alyx._forget_records()",
        "SELECT * FROM alyx._invocation",
        "SELECT * FROM alyx._log_ok",
        "SELECT * FROM alyx._statistics",
    ] {
        house.session_as(&ann).refused(refused, "42501");
    }
    let partition =
        house.value("SELECT min(oid::regclass::text) FROM pg_class WHERE relname LIKE '\\_invocation\\_ok\\_2%'");
    house.session_as(&ann).refused(&format!("SELECT * FROM {partition}"), "42501");
}

#[test]
fn a_dropped_function_leaves_records_to_the_owner_of_the_extension() {
    let mut house = House::new("dropped");
    let ann = house.deployer("ann");
    house.session_as(&ann).deploy("gone", &guest("echo"), "");
    house.session_as(&ann).run("SELECT gone('1')");
    house.run("SELECT alyx._drain()");
    house.session_as(&ann).run("SELECT fn_drop('gone')");
    assert_eq!(house.rows("SELECT * FROM alyx.stats"), [""; 0], "statistics go with the function");
    assert_eq!(house.rows("SELECT function FROM alyx.invocations"), ["gone"]);
    assert_eq!(house.session_as(&ann).value("SELECT count(*) FROM alyx.invocations"), "0");
    // A function of the same name is another one.
    house.session_as(&ann).deploy("gone", &guest("echo"), "");
    assert_eq!(house.session_as(&ann).rows("SELECT calls FROM alyx.stats"), ["0"]);
    assert_eq!(house.session_as(&ann).value("SELECT count(*) FROM alyx.invocations"), "0");
    house.run("SELECT alyx._drain()");
    assert_eq!(house.value("SELECT count(*) FROM alyx._statistics"), "0");
}

#[test]
fn a_call_of_a_deploy_that_was_rolled_back() {
    let mut house = House::new("rolled_back");
    let mut session = house.session();
    session.run("BEGIN");
    session.deploy("never", &guest("echo"), "");
    session.run("SELECT never('1'); ROLLBACK");
    assert_eq!(house.records("function, status"), ["never|ok"]);
}

#[test]
fn a_server_that_did_not_preload_shows_nothing() {
    let mut db = Db::new("no_preload");
    assert_eq!(Server::shared().port, db.server().port);
    db.deploy_guest("echo");
    db.run("SELECT echo('1')");
    for view in ["invocations", "logs", "stats", "stats_minutes"] {
        assert_eq!(db.value(&format!("SELECT count(*) FROM alyx.{view}")), "0", "{view}");
    }
    assert_eq!(db.value("SELECT alyx._drain()"), "0");
}
