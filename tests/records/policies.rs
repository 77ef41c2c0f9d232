//! What the manifest's `log` keeps; counters do not ask it.

use crate::house::House;
use alyx_tests::guest;

#[test]
fn all_errors_a_sample_or_none() {
    let mut house = House::new("policies");
    for (name, policy) in [("every", "all"), ("bad", "errors"), ("some", "sample:0.2"), ("none", "off")] {
        let manifest =
            format!("log: {policy}\nsql:\n  - create: {name}_divide(a int, b int) returns int\n    export: divide\n");
        house.deploy(name, &guest("scalars"), &manifest);
        house.run(&format!("SELECT {name}_divide(i, 1) FROM generate_series(1, 500) i"));
        house.refused(&format!("SELECT {name}_divide(1, 0)"), "38000");
        assert_eq!(house.stats(name, "calls, errors, lost_records"), "501|1|0");
        house.run("SELECT alyx._drain()");
    }
    let mut count = |name: &str, status: &str| -> u32 {
        let sql = format!("SELECT count(*) FROM alyx.invocations WHERE function = '{name}' AND status = '{status}'");
        house.value(&sql).parse().expect("a number")
    };
    assert_eq!((count("every", "ok"), count("every", "trap")), (500, 1));
    assert_eq!((count("bad", "ok"), count("bad", "trap")), (0, 1));
    assert_eq!((count("none", "ok"), count("none", "trap")), (0, 0));
    assert_eq!(count("some", "trap"), 1, "failures are no matter of luck");
    let some = count("some", "ok");
    assert!((50..150).contains(&some), "{some} of 500 for 0.2");
}

#[test]
fn log_lines_with_their_levels() {
    let mut house = House::new("log_lines");
    house.deploy_script();
    house.run("SET client_min_messages = error");
    house.run(
        r#"SELECT script(E'l{"level": "debug", "message": "a"}\nl{"message": "b", "fields": {"n": 1}}\nl{"level": "warn", "message": "c"}\nl{"level": "error", "message": "d"}')"#,
    );
    house.run("SELECT alyx._drain()");
    assert_eq!(
        house.rows("SELECT l.line, l.level, l.message, l.function, l.logged_at >= i.started_at FROM alyx.logs l JOIN alyx.invocations i ON i.id = l.invocation ORDER BY 1"),
        ["1|debug|a|script|t", "2|info|b {\"n\": 1}|script|t", "3|warn|c|script|t", "4|error|d|script|t"]
    );
}

#[test]
fn what_one_invocation_leaves_is_bounded() {
    let mut house = House::new("bounded");
    house.deploy("flood", &guest("flood_log"), "timeout: 60s\n");
    house.deploy_script();
    house.run("SET client_min_messages = error; SELECT flood('{}')");
    let long = "é".repeat(3000);
    house.refusal(&format!(r#"SELECT script('r{{"message": "{long}"}}')"#));
    house.run("SELECT alyx._drain()");
    let bytes: u32 = house.value("SELECT sum(octet_length(message)) FROM alyx.logs").parse().expect("a number");
    assert!((8_000..=16_384).contains(&bytes), "{bytes} bytes of a gigabyte");
    assert_eq!(
        house.value(
            "SELECT count(*) FROM alyx.logs WHERE message LIKE '%[cut]' AND line = (SELECT max(line) FROM alyx.logs)"
        ),
        "1"
    );
    assert_eq!(
        house.value("SELECT octet_length(error) BETWEEN 1000 AND 1040 AND error LIKE '%é [cut]' FROM alyx.invocations WHERE function = 'script'"),
        "t"
    );
}
