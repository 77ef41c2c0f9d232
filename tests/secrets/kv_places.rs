//! `kv_*` works wherever a guest runs, with nobody's rights on any table, and says so where nothing may be written.

use crate::house::{Alone, Lines, deploy_script, get, house, kv, set};
use alyx_tests::{Cluster, Db, Session, guest, literal, wait_until};
use serde_json::json;

/// Deploys `counter`, whose every call sets `called` and deletes `gone`.
fn deploy_counter(session: &mut Session, manifest: &str) {
    session.deploy(
        "counter",
        &guest("script"),
        &format!("entrypoint: from_config\n{manifest}\nsql:\n  - create: run_counter(lines text) returns jsonb\n    export: handler\n"),
    );
    let lines = Lines::new().line('p', &json!({"key": "called", "value": 1})).line('d', &json!({"key": "gone"}));
    session.run(&format!("SELECT fn_set_env('counter', 'SCRIPT', {})", literal(&lines.joined())));
}

#[test]
fn without_the_preload() {
    let mut db = Db::new("kv_unpreloaded");
    deploy_script(&mut db, "keeper", "");
    set(&mut db, "keeper", "k", &json!(1));
    assert_eq!(kv(&mut db, "keeper", 'p', &json!({"key": "t", "value": 1, "ttl_ms": 1})), json!({}));
    assert_eq!(get(&mut db.session(), "keeper", "k")["value"], 1);
    wait_until("what has expired is deleted", || {
        set(&mut db.session(), "keeper", "k", &json!(2));
        db.value("SELECT count(*) FROM alyx._kv") == "1"
    });
}

#[test]
fn for_a_caller_without_any_rights_and_a_function_without_the_database() {
    let mut db = house("kv_low");
    let owner = db.deployer("owner");
    let caller = db.role("caller");
    let mut session = db.session_as(&owner);
    for manifest in ["database: none", "database: read", "database: write", "run_as: owner"] {
        deploy_script(&mut session, "keeper", manifest);
        session.run(&format!("GRANT EXECUTE ON FUNCTION run_keeper(text) TO {caller}"));
        let mut calling = db.session_as(&caller);
        let lines = Lines::new()
            .line('p', &json!({"key": "k", "value": manifest}))
            .line('g', &json!({"key": "k"}))
            .line('k', &json!({}))
            .query("SELECT 1 AS one", &[])
            .line('d', &json!({"key": "k"}));
        let replies = calling.json(&lines.by("keeper"));
        assert_eq!(replies[1]["value"], manifest, "{replies}");
        assert_eq!(replies[2]["entries"][0]["value"], manifest, "{replies}");
        assert_eq!(replies[3].get("error").is_some(), manifest == "database: none", "{replies}");
        assert_eq!(replies[4], json!({"deleted": true}), "{replies}");
    }
    // The right to write is kv's alone: it is not left behind for the guest's SQL.
    deploy_script(&mut session, "keeper", "database: write");
    let replies = db.session_as(&caller).json(
        &Lines::new()
            .line('p', &json!({"key": "k", "value": 1}))
            .query("SELECT current_user::text AS v", &[])
            .query("DELETE FROM alyx._kv", &[])
            .by("keeper"),
    );
    assert_eq!(replies[1]["rows"][0]["v"], caller.as_str(), "{replies}");
    assert_eq!(replies[2]["error"]["code"], "42501", "{replies}");
}

#[test]
fn in_triggers() {
    let mut db = house("kv_trigger");
    deploy_counter(&mut db, "");
    for timing in
        ["BEFORE INSERT ON t FOR EACH ROW", "AFTER INSERT ON t FOR EACH ROW", "AFTER INSERT ON t FOR EACH STATEMENT"]
    {
        db.run(&format!("CREATE TABLE t (id int); CREATE TRIGGER tr {timing} EXECUTE FUNCTION counter()"));
        assert_eq!(kv(&mut db, "counter", 'd', &json!({"key": "called"}))["error"], json!(null));
        db.run("BEGIN; INSERT INTO t VALUES (1); ROLLBACK");
        assert_eq!(get(&mut db, "counter", "called")["exists"], false, "{timing}");
        db.run("INSERT INTO t VALUES (1), (2)");
        assert_eq!(get(&mut db, "counter", "called")["value"], 1, "{timing}");
        assert_eq!(db.value("SELECT count(*) FROM t"), "2", "{timing}");
        db.run("DROP TABLE t");
    }
    db.run("CREATE TABLE d (id int); CREATE CONSTRAINT TRIGGER late AFTER INSERT ON d DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION counter()");
    kv(&mut db, "counter", 'd', &json!({"key": "called"}));
    db.run("INSERT INTO d VALUES (1)");
    assert_eq!(get(&mut db, "counter", "called")["value"], 1, "at commit");
}

#[test]
fn in_jobs_once_per_success() {
    let mut db = house("kv_job");
    deploy_counter(&mut db, "retry: { attempts: 2, base: 1ms }");
    db.run("SELECT fn_enqueue('counter', '{}')");
    wait_until("the job has set it", || get(&mut db, "counter", "called")["value"] == 1);
    // An attempt that fails leaves nothing.
    let failing = Lines::new().line('p', &json!({"key": "failed", "value": 1})).text('t', "").joined();
    db.run(&format!(
        "SELECT fn_set_env('counter', 'SCRIPT', {}); SELECT fn_enqueue('counter', '{{}}')",
        literal(&failing)
    ));
    wait_until("the job is dead", || db.value("SELECT count(*) FROM alyx.dead_jobs") == "1");
    assert_eq!(get(&mut db, "counter", "failed")["exists"], false);
}

#[test]
fn where_nothing_may_be_written() {
    let mut db = house("kv_read_only");
    deploy_script(&mut db, "keeper", "");
    set(&mut db, "keeper", "k", &json!("kept"));
    assert_eq!(kv(&mut db, "keeper", 'p', &json!({"key": "old", "value": 1, "ttl_ms": 1})), json!({}));
    std::thread::sleep(std::time::Duration::from_millis(10));
    let lines = Lines::new()
        .line('p', &json!({"key": "k", "value": "changed"}))
        .line('d', &json!({"key": "k"}))
        .line('g', &json!({"key": "k"}))
        .line('k', &json!({}))
        .by("keeper");
    for begin in ["BEGIN READ ONLY", "BEGIN; SET TRANSACTION READ ONLY", "BEGIN; SET transaction_read_only = on"] {
        db.run(begin);
        let replies = db.json(&lines);
        assert_eq!(replies[0]["error"]["code"], "25006", "{begin}: {replies}");
        assert_eq!(replies[1]["error"]["code"], "25006", "{begin}: {replies}");
        assert_eq!(replies[2]["value"], "kept", "{begin}: {replies}");
        assert_eq!(replies[3]["entries"].as_array().map(Vec::len), Some(1), "{begin}: {replies}");
        db.run("COMMIT");
    }
}

/// PostgreSQL lets a STABLE function write nothing through SPI; what it sees is the calling query's snapshot.
#[test]
fn in_stable_functions() {
    let mut db = house("kv_stable");
    deploy_script(&mut db, "keeper", "");
    set(&mut db, "keeper", "k", &json!("kept"));
    db.run("ALTER FUNCTION run_keeper(text) STABLE");
    let lines = Lines::new()
        .line('g', &json!({"key": "k"}))
        .line('p', &json!({"key": "k", "value": "changed"}))
        .line('g', &json!({"key": "k"}));
    let replies = db.json(&lines.by("keeper"));
    assert_eq!(replies[0]["value"], "kept", "{replies}");
    // Whether it may be set or not: no crash, and what it says is what is there afterwards.
    let refused = replies[1].get("error").is_some();
    db.run("ALTER FUNCTION run_keeper(text) VOLATILE");
    assert_eq!(get(&mut db, "keeper", "k")["value"], if refused { "kept" } else { "changed" }, "{replies}");
}

#[test]
fn in_parallel_workers_it_is_read() {
    let mut db = house("kv_parallel");
    deploy_script(&mut db, "keeper", "");
    set(&mut db, "keeper", "k", &json!("kept"));
    db.run("ALTER FUNCTION run_keeper(text) STABLE PARALLEL SAFE; CREATE TABLE many AS SELECT i FROM generate_series(1, 500) i; ANALYZE many; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2; ALTER TABLE many SET (parallel_workers = 2)");
    let call = Lines::new().line('g', &json!({"key": "k"})).by("keeper");
    let call = call.trim_start_matches("SELECT ");
    assert_eq!(db.value(&format!("SELECT count(*) FROM many WHERE i > 0 AND ({call})::text LIKE '%kept%'")), "500");
    let write = Lines::new().line('p', &json!({"key": "k", "value": "changed"})).by("keeper");
    let write = write.trim_start_matches("SELECT ");
    let _ = db.attempt(&format!("SELECT count(*) FROM many WHERE i > 0 AND ({write})::text LIKE '%{{}}%'"));
    assert_eq!(db.value("SELECT 1"), "1");
}

#[test]
fn on_a_standby_it_is_read() {
    let mut house = Alone::new("kv_standby", &["wal_level=replica", "max_wal_senders=4", "hot_standby=on"]);
    let name = house.name().to_owned();
    deploy_script(&mut house, "keeper", "");
    set(&mut house, "keeper", "k", &json!("kept"));
    assert_eq!(kv(&mut house, "keeper", 'p', &json!({"key": "old", "value": 1, "ttl_ms": 1})), json!({}));
    std::thread::sleep(std::time::Duration::from_millis(10));
    let standby = Cluster::standby_of(house.cluster(), "kv_standby_copy", &[]);
    let mut reading = standby.server().session(&name);
    assert_eq!(get(&mut reading, "keeper", "k")["value"], "kept");
    assert_eq!(get(&mut reading, "keeper", "old")["exists"], false);
    let reply = kv(&mut reading, "keeper", 'p', &json!({"key": "k", "value": 1}));
    assert_eq!(reply["error"]["code"], "25006", "{reply}");
    assert_eq!(kv(&mut reading, "keeper", 'd', &json!({"key": "k"}))["error"]["code"], "25006");
    drop(reading);
    drop(standby);
}

#[test]
fn what_it_costs_is_counted() {
    let mut db = house("kv_bounded");
    deploy_script(&mut db, "keeper", "");
    // A thousand requests that fail leave nothing behind in the backend.
    let mut lines = Lines::new();
    for n in 0..200 {
        lines =
            lines.line('p', &json!({"key": format!("k{n}"), "value": n})).line('p', &json!({"key": "", "value": n}));
    }
    let call = lines.by("keeper");
    for _ in 0..3 {
        db.run(&call);
    }
    let before = db.resident_bytes();
    for _ in 0..10 {
        db.run(&call);
    }
    let grown = db.resident_bytes().saturating_sub(before);
    assert!(grown < 8 << 20, "grown by {grown} bytes");
}
