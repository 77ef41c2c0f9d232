//! The input of what is called later: looked at when it is asked for, and again when it runs.

use crate::house::House;

const WANTS_N: &str = "input: {n: {type: integer, required: true}}\nretry: {attempts: 1}\n";

#[test]
fn a_job_without_its_input_is_refused_at_once() {
    let mut house = House::new("schema_enqueue");
    house.deploy_task("strict", WANTS_N);
    let refusal = house.refused(r#"SELECT fn_enqueue('strict', '{"n": "1"}')"#, "22023");
    assert_eq!(refusal.message, r#"invalid input of function "strict": n: "1" is not of type "integer""#);
    house.refused("SELECT fn_enqueue('strict')", "22023");
    assert_eq!(house.value("SELECT count(*) FROM alyx.jobs"), "0");
    house.run(r#"SELECT fn_enqueue('strict', '{"n": 1}')"#);
    house.wait_for("SELECT n, function FROM effects", "1|strict");
}

#[test]
fn a_job_from_before_a_new_schema_dies_of_it() {
    let mut house = House::new("schema_later");
    house.deploy_task("strict", "retry: {attempts: 1}");
    house.run("SELECT fn_pause('strict')");
    house.run("SELECT fn_enqueue('strict', '{}')");
    house.deploy_task("strict", WANTS_N);
    house.run("SELECT fn_resume('strict')");
    house.wait_for(
        "SELECT sqlstate, last_error LIKE 'invalid input of function \"strict\": n: is required%' FROM alyx.dead_jobs",
        "22023|t",
    );
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
}

#[test]
fn a_row_of_an_asynchronous_hook_is_no_input() {
    let mut house = House::new("schema_hook");
    house.run("CREATE TABLE things (id int)");
    let hook = "hooks:\n  - {type: database, source: things, action: insert, timing: after, mode: async}\n";
    house.deploy_task("strict", &format!("{WANTS_N}{hook}"));
    house.run("INSERT INTO things VALUES (1)");
    house.wait_for("SELECT event -> 'database' ->> 'op' FROM effects", "INSERT");
}

#[test]
fn a_schedule_gives_its_input() {
    let mut house = House::new("schema_schedule");
    let hook = |input: &str| format!("{WANTS_N}hooks:\n  - {{type: schedule, cron: '@every 1s', input: {input}}}\n");
    let refusal = house.deploy_refused("strict", &alyx_tests::guest("task"), &hook("{}"), "22023");
    assert!(
        refusal.says("input of a schedule") && refusal.says("n: is required") && refusal.says("line 4"),
        "{refusal}"
    );
    house.deploy_task("strict", &hook("{n: 3}"));
    // Each level is looked at twice: without its limit the check would outlive us, before anything is deployed or queued.
    let deep = format!("{{n: {}1{}}}", "[".repeat(24), "]".repeat(24));
    let doubling = "timeout: 300ms\ninput: {type: object, properties: {n: {$ref: '#/$defs/a'}}, $defs: {a: {oneOf: [{items: {$ref: '#/$defs/a'}}, {items: {$ref: '#/$defs/a'}}, {type: 'null'}]}}}\n";
    let schedule = format!("{doubling}hooks:\n  - {{type: schedule, cron: '@daily', input: {deep}}}\n");
    let refusal = house.deploy_refused("doubling", &alyx_tests::guest("task"), &schedule, "57014");
    assert!(refusal.says("time limit of 300 ms"), "{refusal}");
    house.deploy_task("doubling", doubling);
    let input = deep.replace("{n:", "{\"n\":");
    assert!(house.refused(&format!("SELECT fn_enqueue('doubling', '{input}')"), "57014").says("time limit of 300 ms"));
    house.refused("SELECT fn_schedule('strict', '@daily', input => '{}')", "22023");
    house.wait_for("SELECT DISTINCT n FROM effects", "3");
}
