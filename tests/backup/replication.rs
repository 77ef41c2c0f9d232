//! Logical replication: triggers on the subscriber, in the worker that applies changes.

use crate::house::wait_for;
use crate::subscriber::Pair;
use std::time::Duration;

const JAVASCRIPT: &str =
    "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE javascript AS $$ return { ...NEW, note: `${TG_OP} ${NEW.v}` } $$";

#[test]
fn triggers_that_are_enabled_for_it_fire_in_both_languages() {
    let mut pair = Pair::new("backup_apply");
    let there = &mut pair.subscriber;
    there.deploy_recorder();
    there.run(JAVASCRIPT);
    there.run(
        "CREATE TRIGGER always BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION stamp();
         CREATE TRIGGER replica AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION recorder();
         CREATE TRIGGER origin AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION recorder();
         CREATE TRIGGER disabled AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION recorder();
         ALTER TABLE t ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER replica, DISABLE TRIGGER disabled",
    );
    // One row before the subscription: the first copy of the table fires the same triggers.
    pair.publisher.run("INSERT INTO t VALUES (1, 'a')");
    pair.subscribe();
    pair.publisher.run("INSERT INTO t VALUES (2, 'b'); UPDATE t SET v = 'c' WHERE id = 2; DELETE FROM t WHERE id = 1");
    let there = &mut pair.subscriber;
    wait_for(there, 20, "SELECT string_agg(concat_ws(' ', id, v, note), ', ' ORDER BY id) FROM t", "2 c UPDATE c");
    let events = "SELECT string_agg(concat_ws(' ', event #>> '{database,trigger}', event #>> '{database,op}',
        coalesce(event #>> '{database,new,note}', event #>> '{database,old,note}')), ', ' ORDER BY id) FROM events";
    wait_for(
        there,
        10,
        events,
        "replica INSERT INSERT a, replica INSERT INSERT b, replica UPDATE UPDATE c, replica DELETE INSERT a",
    );
    assert_eq!(
        there.value("SELECT string_agg(DISTINCT event #>> '{auth,role}', ' ') FROM events"),
        "postgres",
        "the subscription's owner, up to PostgreSQL 15; the table's from 16 on"
    );
    // Rows written here fire those that are not for replicas.
    there.run("INSERT INTO t VALUES (3, 'd')");
    assert_eq!(there.rows("SELECT event #>> '{database,trigger}' FROM events ORDER BY id OFFSET 4"), ["origin"]);
    pair.end();
}

#[test]
fn hooks_make_jobs_that_run_on_the_subscriber() {
    let mut pair = Pair::new("backup_apply_jobs");
    let there = &mut pair.subscriber;
    let name = there.value("SELECT fn_attach('task', 't', ARRAY['insert', 'update'], mode => 'async')");
    there.run(&format!("ALTER TABLE t ENABLE ALWAYS TRIGGER {name}"));
    pair.publisher.run("INSERT INTO t VALUES (1, 'a')");
    pair.subscribe();
    pair.publisher.run("INSERT INTO t SELECT i, 'b' FROM generate_series(2, 100) i");
    pair.publisher.run("BEGIN; UPDATE t SET v = 'c' WHERE id = 2; SAVEPOINT s; UPDATE t SET v = 'd' WHERE id = 3; ROLLBACK TO s; COMMIT");
    pair.publisher.run("BEGIN; UPDATE t SET v = 'never'; ROLLBACK");
    let there = &mut pair.subscriber;
    wait_for(there, 20, "SELECT count(*) FROM effects", "101");
    let ids =
        "SELECT count(DISTINCT event #>> '{database,new,id}') FROM effects WHERE event #>> '{database,op}' = 'INSERT'";
    assert_eq!(there.value(ids), "100");
    assert_eq!(
        there.rows("SELECT event #>> '{database,new,id}', event #>> '{database,old,v}', event #>> '{database,new,v}' FROM effects WHERE event #>> '{database,op}' = 'UPDATE'"),
        ["2|b|c"],
        "the old row is the one that was here"
    );
    assert_eq!(there.value("SELECT string_agg(DISTINCT role, ' ') FROM effects"), "postgres");
    assert_eq!(there.value("SELECT string_agg(DISTINCT attempt::text, ' ') FROM effects"), "1");
    assert_eq!(pair.publisher.value("SELECT count(*) FROM pg_extension WHERE extname = 'alyx_functions'"), "0");
    pair.end();
}

#[test]
fn large_and_prepared_transactions_make_their_jobs_when_they_end() {
    let mut pair = Pair::new("backup_apply_prepared");
    let there = &mut pair.subscriber;
    let name = there.value("SELECT fn_attach('task', 't', ARRAY['insert'], mode => 'async')");
    there.run(&format!("ALTER TABLE t ENABLE REPLICA TRIGGER {name}"));
    // From 16 on a large one has a worker of its own.
    let is_new = there.value("SELECT current_setting('server_version_num')::int >= 160000") == "t";
    pair.subscribe_with(if is_new { "two_phase = on, streaming = parallel" } else { "two_phase = on, streaming = on" });
    let gone = "BEGIN; INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, 2000) i; SAVEPOINT s; INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(2001, 3000) i; ROLLBACK TO s; PREPARE TRANSACTION";
    pair.publisher.run(&format!("{gone} 'kept'"));
    wait_for(&mut pair.subscriber, 20, "SELECT count(*) FROM pg_prepared_xacts", "1");
    assert_eq!(pair.subscriber.value("SELECT count(*) FROM alyx._job"), "0");
    pair.publisher.run("COMMIT PREPARED 'kept'");
    wait_for(
        &mut pair.subscriber,
        30,
        "SELECT count(DISTINCT event #>> '{database,new,id}'), count(*) FROM effects",
        "2000|2000",
    );
    pair.publisher.run("TRUNCATE t");
    pair.publisher.run(&format!("{gone} 'lost'"));
    pair.publisher.run("ROLLBACK PREPARED 'lost'");
    pair.publisher.run("INSERT INTO t VALUES (5000, 'last')");
    wait_for(&mut pair.subscriber, 20, "SELECT count(*) FROM effects", "2001");
    assert_eq!(pair.subscriber.value("SELECT count(*) FROM pg_prepared_xacts"), "0");
    pair.end();
}

#[test]
fn a_deploy_leaves_triggers_as_they_are_enabled() {
    let mut pair = Pair::new("backup_apply_deploy");
    let hook = "hooks:\n  - { type: database, source: public.t, action: insert, mode: async }\n";
    let there = &mut pair.subscriber;
    there.deploy("task", &alyx_tests::guest("task"), hook);
    let enabled = "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 't'::regclass";
    assert_eq!(there.rows(enabled), ["alyx_task_1|O"]);
    there.run("ALTER TABLE t ENABLE ALWAYS TRIGGER alyx_task_1");
    there.deploy("task", &alyx_tests::guest("task"), &format!("timeout: 3s\n{hook}"));
    assert_eq!(there.rows(enabled), ["alyx_task_1|A"]);
    there.run("SELECT fn_rollback('task')");
    assert_eq!(there.rows(enabled), ["alyx_task_1|A"]);
    pair.end();
}

#[test]
fn an_error_stops_it_and_is_logged_with_its_context() {
    let mut pair = Pair::new("backup_apply_error");
    let request = r#"env: {REQUEST: '{"sqlstate": "P4321", "message": "not this one", "hint": "Send another."}'}"#;
    let there = &mut pair.subscriber;
    there.deploy("refuse", &alyx_tests::guest("refuse"), request);
    there.run("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse(); ALTER TABLE t ENABLE REPLICA TRIGGER tr");
    pair.subscribe();
    let (_, before) = pair.server().log_since(0);
    pair.publisher.run("INSERT INTO t VALUES (1, 'a')");
    alyx_tests::wait_until("the error is logged", || pair.server().log_since(before).0.contains("not this one"));
    std::thread::sleep(Duration::from_millis(300));
    let (log, _) = pair.server().log_since(before);
    assert!(log.contains("HINT:  Send another."), "{log}");
    let context = log.split("CONTEXT:").nth(1).unwrap_or_default();
    assert!(context.contains("alyx function \"refuse\" version 1"), "{log}");
    assert!(context.contains("processing remote data"), "{log}");
    let there = &mut pair.subscriber;
    assert_eq!(there.value("SELECT count(*) FROM t"), "0");
    wait_for(there, 10, "SELECT apply_error_count > 0 FROM pg_stat_subscription_stats", "t");
    // Mended, it goes on with the same row.
    there.run("ALTER TABLE t DISABLE TRIGGER tr");
    wait_for(there, 20, "SELECT id FROM t", "1");
    pair.end();
}

#[test]
fn who_runs_it_and_what_it_may() {
    let mut pair = Pair::new("backup_apply_role");
    let there = &mut pair.subscriber;
    let owner = there.deployer("owner");
    // The caller is the subscription's owner, a superuser; the function's owner is not, so it runs as that one.
    let query = r#"env: {QUERY: '{"sql": "INSERT INTO public.seen SELECT current_user, session_user, count(*) FROM public.hidden"}'}"#;
    there.run(&format!(
        "CREATE TABLE seen (who text, session text, rows bigint); CREATE TABLE hidden (id int); INSERT INTO hidden VALUES (1), (2);
         ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON hidden USING (id = 1);
         GRANT ALL ON seen TO {owner}; GRANT SELECT ON hidden TO {owner}"
    ));
    there.session_as(&owner).deploy("look", &alyx_tests::guest("configured"), query);
    there.deploy("look_all", &alyx_tests::guest("configured"), query);
    there.run("CREATE TRIGGER a AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION look(); CREATE TRIGGER b AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION look_all(); ALTER TABLE t ENABLE ALWAYS TRIGGER a, ENABLE ALWAYS TRIGGER b");
    pair.subscribe();
    pair.publisher.run("INSERT INTO t VALUES (1, 'a')");
    let there = &mut pair.subscriber;
    wait_for(there, 20, "SELECT count(*) FROM seen", "2");
    assert_eq!(
        there.rows("SELECT * FROM seen ORDER BY 3"),
        [format!("{owner}|postgres|1"), "postgres|postgres|2".into()]
    );
    pair.end();
}

#[test]
fn twenty_thousand_changes_leave_the_worker_as_small_as_it_was() {
    let mut pair = Pair::new("backup_apply_memory");
    let there = &mut pair.subscriber;
    there.run(JAVASCRIPT);
    there.deploy_outcome("mark", r#"{"row": {"note": "marked"}}"#);
    there.run("CREATE TRIGGER a BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION stamp(); CREATE TRIGGER b BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mark(); ALTER TABLE t ENABLE ALWAYS TRIGGER a, ENABLE ALWAYS TRIGGER b");
    pair.subscribe();
    let mut sizes = Vec::new();
    for round in 0..6 {
        let (from, to) = (round * 4000 + 1, (round + 1) * 4000);
        // Half of it row by row in transactions of their own, as an application writes, half at once.
        pair.publisher.run(&format!(
            "DO $$ BEGIN FOR i IN {from}..{} LOOP INSERT INTO t VALUES (i, 'a'); IF i % 20 = 0 THEN COMMIT; END IF; END LOOP; END $$",
            from + 1999
        ));
        pair.publisher.run(&format!("INSERT INTO t SELECT i, 'b' FROM generate_series({}, {to}) i", from + 2000));
        pair.publisher.run(&format!("UPDATE t SET v = 'c' WHERE id BETWEEN {from} AND {}", from + 999));
        let there = &mut pair.subscriber;
        wait_for(
            there,
            60,
            "SELECT count(*), count(*) FILTER (WHERE note = 'UPDATE c') FROM t",
            &format!("{to}|{}", (round + 1) * 1000),
        );
        sizes.push(pair.apply_worker_bytes());
    }
    // The first round makes engine, plans and caches.
    let grown = sizes[5].saturating_sub(sizes[1]);
    assert!(grown < 4 << 20, "the worker has grown by {grown} bytes over 20 000 changes: {sizes:?}");
    pair.end();
}
