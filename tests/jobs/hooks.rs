//! Asynchronous triggers: what happened to a row becomes a job in the writer's transaction, and runs after commit.

use crate::house::House;
use alyx_tests::guest;

fn shop(test: &str) -> House {
    let mut house = House::new(test);
    house.run("CREATE TABLE orders (id int PRIMARY KEY, status text, total int); GRANT ALL ON orders TO PUBLIC");
    house
}

const OPS: &str = "SELECT event #>> '{database,op}', event #>> '{database,old,id}', event #>> '{database,new,id}' FROM effects ORDER BY id";

#[test]
fn the_manifests_hook_with_when_and_columns() {
    let mut house = shop("hook_row");
    house.deploy(
        "notify",
        &guest("task"),
        "hooks:\n  - { type: database, source: public.orders, action: [insert, update], timing: after, for_each: row, mode: async, when: \"NEW.status = 'paid'\", columns: [status] }\n",
    );
    house.run("INSERT INTO orders VALUES (1, 'open', 5), (2, 'paid', 6)");
    house.run("UPDATE orders SET total = 7");
    house.wait_until_done(10);
    assert_eq!(house.rows(OPS), ["INSERT|NULL|2"]);
    house.run("BEGIN; UPDATE orders SET status = 'paid' WHERE id = 1");
    assert_eq!(
        house.rows("SELECT function, source, status, input #>> '{new,status}' FROM alyx.jobs"),
        ["notify|database|ready|paid"],
        "seen in the same transaction"
    );
    house.run("COMMIT");
    house.wait_until_done(10);
    let event = house.json("SELECT event FROM effects ORDER BY id DESC LIMIT 1");
    assert_eq!(event["trigger"], "database");
    assert_eq!(event["function"]["name"], "notify");
    let block = &event["database"];
    assert_eq!(block["op"], "UPDATE");
    assert_eq!(
        (&block["timing"], &block["level"], &block["schema"], &block["table"]),
        (&"AFTER".into(), &"ROW".into(), &"public".into(), &"orders".into())
    );
    assert_eq!(block["old"], serde_json::json!({"id": 1, "status": "open", "total": 7}));
    assert_eq!(block["new"], serde_json::json!({"id": 1, "status": "paid", "total": 7}));
    assert_eq!(block["args"], serde_json::json!([]), "our own mark is not the user's argument");
    assert!(event.get("queue").is_none() && event["input"].is_null(), "{event}");
}

#[test]
fn a_deleted_row_is_kept_in_the_event() {
    let mut house = shop("hook_delete");
    house.run("SELECT fn_attach('task', 'orders', ARRAY['delete'], mode => 'async'); INSERT INTO orders VALUES (1, 'open', 5); DELETE FROM orders");
    house.wait_until_done(10);
    assert_eq!(house.rows(OPS), ["DELETE|1|NULL"]);
    assert_eq!(house.value("SELECT event #>> '{database,old,status}' FROM effects"), "open");
}

#[test]
fn rolled_back_writes_make_no_jobs() {
    let mut house = shop("hook_rollback");
    house.run("SELECT fn_attach('task', 'orders', ARRAY['insert'], mode => 'async')");
    house.run("BEGIN; INSERT INTO orders VALUES (1); SAVEPOINT s; INSERT INTO orders VALUES (2); ROLLBACK TO s; INSERT INTO orders VALUES (3); COMMIT");
    house.run("BEGIN; INSERT INTO orders VALUES (4); ROLLBACK");
    house.refused("INSERT INTO orders VALUES (5), (6), (3)", "23505");
    house.run("INSERT INTO orders VALUES (3), (7) ON CONFLICT DO NOTHING");
    house.wait_until_done(10);
    assert_eq!(
        house.value(
            "SELECT string_agg(event #>> '{database,new,id}', ' ' ORDER BY event #>> '{database,new,id}') FROM effects"
        ),
        "1 3 7"
    );
}

#[test]
fn a_statement_trigger_brings_its_transition_tables() {
    let mut house = shop("hook_statement");
    house.run("SELECT fn_attach('task', 'orders', ARRAY['insert'], for_each => 'statement', mode => 'async'); SELECT fn_attach('task', 'orders', ARRAY['update'], for_each => 'statement', mode => 'async')");
    house.run("INSERT INTO orders SELECT i, 'open', i FROM generate_series(1, 100) i; UPDATE orders SET status = 'paid' WHERE id < 3");
    house.wait_until_done(10);
    assert_eq!(
        house.rows("SELECT event #>> '{database,op}', event #>> '{database,level}', jsonb_array_length(coalesce(event #> '{database,new_rows}', event -> 'new_rows')), jsonb_array_length(coalesce(event #> '{database,old_rows}', event -> 'old_rows', '[]')) FROM effects ORDER BY 1"),
        ["INSERT|STATEMENT|100|0", "UPDATE|STATEMENT|2|2"]
    );
}

#[test]
fn one_statement_writes_its_jobs_with_one_insert() {
    let mut house = shop("hook_one_insert");
    house.run("SELECT fn_pause('task'); SELECT fn_attach('task', 'orders', mode => 'async')");
    // A statement trigger of the superuser's counts the inserts.
    house.run(
        "CREATE TABLE inserts (rows bigint);
         CREATE FUNCTION count_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO public.inserts SELECT count(*) FROM made; RETURN NULL; END $$;
         CREATE TRIGGER counted AFTER INSERT ON alyx._job REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION count_rows()",
    );
    house.run("INSERT INTO orders SELECT i FROM generate_series(1, 500) i");
    assert_eq!(house.rows("SELECT rows FROM inserts"), ["500"]);
    house.run("TRUNCATE inserts; UPDATE orders SET total = 1 WHERE id <= 10");
    assert_eq!(house.rows("SELECT rows FROM inserts"), ["10"]);
    // Larger ones in a few, so that memory is bounded.
    house.run("TRUNCATE inserts; INSERT INTO orders SELECT i FROM generate_series(1001, 11000) i");
    assert_eq!(house.value("SELECT sum(rows), count(*) BETWEEN 1 AND 20 FROM inserts"), "10000|t");
    house.run("DROP TRIGGER counted ON alyx._job; DELETE FROM alyx._job");
}

#[test]
fn a_hundred_thousand_rows_in_one_statement() {
    let mut house = shop("hook_many");
    house.run("SELECT fn_pause('task'); SELECT fn_attach('task', 'orders', ARRAY['insert'], mode => 'async')");
    let before = house.resident_bytes();
    house.run("INSERT INTO orders SELECT i, 'open', i FROM generate_series(1, 100000) i");
    let grown = house.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "the writer has grown by {grown} bytes");
    assert_eq!(
        house.value("SELECT count(*), count(DISTINCT payload::jsonb #>> '{new,id}') FROM alyx._job"),
        "100000|100000"
    );
    house.run("TRUNCATE alyx._job");
}

#[test]
fn a_function_is_not_dropped_under_its_triggers() {
    let mut house = shop("hook_drop");
    house.run("SELECT fn_attach('task', 'orders', ARRAY['insert'], mode => 'async')");
    house.refused("SELECT fn_drop('task')", "2BP01");
    house.run("INSERT INTO orders VALUES (1)");
    house.wait_until_done(10);
    assert_eq!(house.value("SELECT count(*) FROM effects"), "1");
    house.run("SELECT fn_drop('task', cascade => true); INSERT INTO orders VALUES (2)");
    assert_eq!(house.value("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass"), "0");
}

#[test]
fn an_asynchronous_trigger_is_an_after_trigger() {
    let mut house = shop("hook_before");
    house.run("CREATE VIEW v AS SELECT * FROM orders");
    house.refused("SELECT fn_attach('task', 'orders', ARRAY['insert'], timing => 'before', mode => 'async')", "22023");
    house.refused("SELECT fn_attach('task', 'v', ARRAY['insert'], timing => 'instead_of', mode => 'async')", "22023");
    for timing in ["before", "instead_of"] {
        let manifest = format!(
            "hooks:\n  - {{ type: database, source: orders, action: [insert], timing: {timing}, mode: async }}\n"
        );
        let refusal = house.deploy_refused("hooked", &guest("task"), &manifest, "22023");
        assert!(refusal.says("line 2"), "{refusal}");
    }
    // By hand, with the mark that fn_attach writes.
    house.run("SELECT fn_attach('task', 'orders', ARRAY['insert'], mode => 'async')");
    let definition = house.value("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'orders'::regclass");
    house.run(&definition.replace("CREATE TRIGGER ", "CREATE TRIGGER b_").replace(" AFTER ", " BEFORE "));
    let refusal = house.refusal("INSERT INTO orders VALUES (1)");
    assert!(refusal.code != "XX000" && refusal.says("after"), "{refusal}");
}

#[test]
fn triggers_that_set_each_other_off_come_to_an_end() {
    let mut house = shop("hook_recursion");
    house.run("SELECT fn_attach('task', 'orders', ARRAY['insert'], mode => 'async')");
    house.deploy("task", &guest("task"), "retry: { attempts: 1 }\n");
    let limit = format!("ALTER DATABASE {} SET alyx_functions.max_job_depth = 5", house.name());
    house.run(&limit);
    house.job_does("INSERT INTO public.orders VALUES ((event #>> '{database,new,id}')::int + 1);");
    house.run("INSERT INTO orders VALUES (1)");
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs", "1");
    house.wait_until_done(10);
    let dead = house.value("SELECT function, sqlstate, last_error FROM alyx.dead_jobs");
    assert!(dead.starts_with("task|54000|") && dead.contains("5"), "{dead}");
    // What failed wrote nothing.
    assert_eq!(house.value("SELECT max(id), count(*) FROM orders"), "6|6");
}

#[test]
fn the_hook_follows_its_manifest() {
    let mut house = shop("hook_redeploy");
    let manifest = |event: &str| {
        format!(
            "hooks:\n  - {{ type: database, source: orders, action: [{event}], timing: after, for_each: row, mode: async }}\n"
        )
    };
    house.deploy("notify", &guest("task"), &manifest("insert"));
    house.deploy("notify", &guest("task"), &manifest("delete"));
    house.run("INSERT INTO orders VALUES (1); DELETE FROM orders");
    house.wait_until_done(10);
    assert_eq!(house.rows(OPS), ["DELETE|1|NULL"]);
    house.deploy("notify", &guest("task"), "");
    house.run("INSERT INTO orders VALUES (1); DELETE FROM orders");
    house.wait_until_done(10);
    assert_eq!(house.value("SELECT count(*) FROM effects"), "1");
}

#[test]
fn the_writer_needs_no_rights_on_the_function_and_is_whom_it_runs_as() {
    let mut house = shop("hook_writer");
    let writer = house.role("writer");
    house.run("SELECT fn_attach('task', 'orders', ARRAY['insert'], mode => 'async')");
    let mut session = house.session_as(&writer);
    session.run(r#"SET request.jwt.claims = '{"sub": "u1"}'; INSERT INTO orders VALUES (1)"#);
    house.wait_until_done(10);
    assert_eq!(
        house.value("SELECT role, event #>> '{auth,role}', event #>> '{auth,id}' FROM effects"),
        format!("{writer}|{writer}|u1")
    );
}

#[test]
fn partitions_inheritance_and_upserts() {
    let mut house = House::new("hook_partitions");
    house.run(
        "CREATE TABLE p (id int PRIMARY KEY, v int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
         SELECT fn_attach('task', 'p', mode => 'async')",
    );
    house.run("INSERT INTO p VALUES (1, 1), (11, 1)");
    house.run("INSERT INTO p VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET v = excluded.v");
    house.run("MERGE INTO p USING (VALUES (1), (12)) s(id) ON p.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.id, 9)");
    house.wait_until_done(10);
    let ops = house.value("SELECT string_agg(event #>> '{database,op}' || coalesce(event #>> '{database,new,id}', event #>> '{database,old,id}'), ' ' ORDER BY 1) FROM (SELECT event FROM effects ORDER BY event #>> '{database,op}', id) e");
    for op in ["INSERT1", "INSERT11", "INSERT12", "UPDATE1", "DELETE1"] {
        assert!(ops.split(' ').any(|found| found == op), "{op} in {ops}");
    }
    assert_eq!(ops.split(' ').count(), 5, "{ops}");
}
