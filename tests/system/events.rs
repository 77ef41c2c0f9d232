//! What a trigger function sees: `recorder()` copies every event into the table `events`.

use alyx_tests::{Db, guest};
use serde_json::{Value, json};

fn db(test: &str) -> Db {
    let mut db = Db::new(test);
    db.deploy_recorder();
    db
}

/// The `database` blocks recorded so far, oldest first; forgets them.
fn events(db: &mut Db) -> Vec<Value> {
    let events = db.rows("SELECT event -> 'database' FROM events ORDER BY id");
    db.run("TRUNCATE events");
    events.iter().map(|event| serde_json::from_str(event).expect("jsonb is JSON")).collect()
}

/// Asserts that `event` has all the members of `wanted`.
fn assert_has(event: &Value, wanted: &Value) {
    for (key, value) in wanted.as_object().expect("an object") {
        assert_eq!(&event[key], value, "member {key:?} of {event:#}");
    }
}

#[test]
fn the_envelope_around_a_trigger_event() {
    let mut db = db("events_envelope");
    let role = db.role("writer");
    db.run(&format!("CREATE TABLE t (id int); CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION recorder(); GRANT ALL ON t TO {role}"));
    let mut session = db.session_as(&role);
    session.run("BEGIN; SET LOCAL request.jwt.claims = '{\"sub\": \"u-1\", \"email\": \"a@b.c\", \"plan\": \"pro\"}'; INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2)");
    let event = db.json("SELECT event FROM events ORDER BY id LIMIT 1");
    assert_eq!(event["trigger"], "database", "{event:#}");
    assert_eq!(event["function"], json!({"name": "recorder", "version": 1}), "{event:#}");
    assert_eq!(event["attempt"], 1, "{event:#}");
    let auth = &event["auth"];
    assert_eq!(
        (&auth["role"], &auth["id"], &auth["email"], &auth["claims"]["plan"]),
        (&json!(role), &json!("u-1"), &json!("a@b.c"), &json!("pro")),
        "{event:#}"
    );
    for absent in ["schedule", "http"] {
        assert_eq!(event[absent], Value::Null, "{absent} does not belong here: {event:#}");
    }
    let ids = db.rows("SELECT DISTINCT event ->> 'id' FROM events");
    assert_eq!(ids.len(), 2, "every invocation has an id of its own: {ids:?}");
    assert!(ids.iter().all(|id| id.len() == 36), "ids are UUIDs: {ids:?}");
}

#[test]
fn rows_of_insert_update_delete_before_and_after() {
    let mut db = db("events_rows");
    db.run("CREATE TABLE t (id int, v text)");
    for timing in ["BEFORE", "AFTER"] {
        db.run(&format!("CREATE TRIGGER tr_{timing} {timing} INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION recorder('{timing}', 'two words')"));
        db.run("INSERT INTO t VALUES (1, 'a'); UPDATE t SET v = 'b'; DELETE FROM t");
        let seen = events(&mut db);
        assert_eq!(seen.len(), 3, "{seen:#?}");
        let common = json!({"timing": timing, "level": "ROW", "schema": "public", "table": "t", "trigger": format!("tr_{}", timing.to_lowercase()), "args": [timing, "two words"]});
        for event in &seen {
            assert_has(event, &common);
        }
        assert_has(&seen[0], &json!({"op": "INSERT", "new": {"id": 1, "v": "a"}}));
        assert_has(&seen[1], &json!({"op": "UPDATE", "old": {"id": 1, "v": "a"}, "new": {"id": 1, "v": "b"}}));
        assert_has(&seen[2], &json!({"op": "DELETE", "old": {"id": 1, "v": "b"}}));
        assert_eq!((&seen[0]["old"], &seen[2]["new"]), (&Value::Null, &Value::Null), "{seen:#?}");
        db.run(&format!("DROP TRIGGER tr_{timing} ON t"));
    }
}

#[test]
fn statements_see_their_transition_tables() {
    let mut db = db("events_statements");
    db.run("CREATE TABLE t (id int, v text)");
    db.run(
        "CREATE TRIGGER i AFTER INSERT ON t REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION recorder();
         CREATE TRIGGER u AFTER UPDATE ON t REFERENCING OLD TABLE AS was NEW TABLE AS \"is\" FOR EACH STATEMENT EXECUTE FUNCTION recorder();
         CREATE TRIGGER d AFTER DELETE ON t REFERENCING OLD TABLE AS \"Quoted Name\" FOR EACH STATEMENT EXECUTE FUNCTION recorder();
         CREATE TRIGGER tr BEFORE TRUNCATE ON t FOR EACH STATEMENT EXECUTE FUNCTION recorder();
         CREATE TRIGGER plain BEFORE INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION recorder()",
    );
    db.run("INSERT INTO t VALUES (1, 'a'), (2, 'b'); UPDATE t SET v = upper(v); DELETE FROM t WHERE id = 1; DELETE FROM t WHERE false; TRUNCATE t");
    let seen = events(&mut db);
    assert_eq!(seen.len(), 6, "{seen:#?}");
    for event in &seen {
        assert_has(event, &json!({"level": "STATEMENT", "table": "t"}));
        assert_eq!((&event["new"], &event["old"]), (&Value::Null, &Value::Null), "{event:#}");
    }
    assert_has(&seen[0], &json!({"op": "INSERT", "timing": "BEFORE", "trigger": "plain"}));
    assert_has(
        &seen[1],
        &json!({"op": "INSERT", "timing": "AFTER", "new_rows": [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]}),
    );
    assert_has(
        &seen[2],
        &json!({"op": "UPDATE", "old_rows": [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}], "new_rows": [{"id": 1, "v": "A"}, {"id": 2, "v": "B"}]}),
    );
    assert_has(&seen[3], &json!({"op": "DELETE", "old_rows": [{"id": 1, "v": "A"}]}));
    assert_has(&seen[4], &json!({"op": "DELETE", "old_rows": []}));
    assert_has(&seen[5], &json!({"op": "TRUNCATE", "timing": "BEFORE"}));
}

#[test]
fn a_statement_trigger_may_query_its_transition_tables() {
    let mut db = Db::new("events_transition_query");
    db.run("CREATE TABLE t (id int); CREATE TABLE totals (n bigint)");
    db.deploy(
        "total",
        &alyx_tests::guest("configured"),
        "env: {QUERY: '{\"sql\": \"INSERT INTO totals SELECT sum(id) FROM fresh\"}'}\n",
    );
    db.run("CREATE TRIGGER tr AFTER INSERT ON t REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION total()");
    db.run("INSERT INTO t VALUES (1), (2), (3)");
    assert_eq!(db.rows("SELECT n FROM totals"), ["6"]);
}

#[test]
fn when_and_update_of_decide_before_the_guest_is_asked() {
    let mut db = db("events_when");
    db.run(
        "CREATE TABLE t (id int, status text, note text);
         CREATE TRIGGER w AFTER UPDATE OF status ON t FOR EACH ROW WHEN (NEW.status = 'paid' AND OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION recorder();
         INSERT INTO t VALUES (1, 'open', ''), (2, 'open', '')",
    );
    db.run("UPDATE t SET note = 'x'; UPDATE t SET status = 'open'; UPDATE t SET status = 'paid' WHERE id = 2; UPDATE t SET status = 'paid' WHERE id = 2");
    let seen = events(&mut db);
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert_has(&seen[0], &json!({"op": "UPDATE", "new": {"id": 2, "status": "paid", "note": "x"}}));
}

#[test]
fn instead_of_triggers_of_views() {
    let mut db = db("events_views");
    db.run(
        "CREATE TABLE base (id int, v text); INSERT INTO base VALUES (1, 'a');
         CREATE VIEW v AS SELECT id, upper(v) AS shout FROM base;
         CREATE TRIGGER tr INSTEAD OF INSERT OR UPDATE OR DELETE ON v FOR EACH ROW EXECUTE FUNCTION recorder()",
    );
    db.run("INSERT INTO v VALUES (2, 'B'); UPDATE v SET shout = 'Z'; DELETE FROM v");
    let seen = events(&mut db);
    assert_eq!(seen.len(), 3, "{seen:#?}");
    for event in &seen {
        assert_has(event, &json!({"timing": "INSTEAD OF", "table": "v", "level": "ROW"}));
    }
    assert_has(&seen[0], &json!({"op": "INSERT", "new": {"id": 2, "shout": "B"}}));
    assert_has(&seen[1], &json!({"op": "UPDATE", "old": {"id": 1, "shout": "A"}, "new": {"id": 1, "shout": "Z"}}));
    assert_has(&seen[2], &json!({"op": "DELETE", "old": {"id": 1, "shout": "A"}}));
    assert_eq!(db.rows("SELECT * FROM base"), ["1|a"]);
}

#[test]
fn partitions_report_themselves() {
    let mut db = db("events_partitions");
    db.run(
        "CREATE TABLE p (id int, region text) PARTITION BY LIST (region);
         CREATE TABLE p_north (region text, junk int, id int); ALTER TABLE p_north DROP junk; ALTER TABLE p ATTACH PARTITION p_north FOR VALUES IN ('n');
         CREATE TABLE p_south PARTITION OF p FOR VALUES IN ('s');
         CREATE TRIGGER tr AFTER INSERT OR UPDATE ON p FOR EACH ROW EXECUTE FUNCTION recorder()",
    );
    db.run("INSERT INTO p VALUES (1, 'n'), (2, 's')");
    let seen = events(&mut db);
    assert_has(&seen[0], &json!({"table": "p_north", "new": {"id": 1, "region": "n"}}));
    assert_has(&seen[1], &json!({"table": "p_south", "new": {"id": 2, "region": "s"}}));
    // A row that moves is deleted and inserted.
    db.run("UPDATE p SET region = 's' WHERE id = 1");
    let seen = events(&mut db);
    assert!(seen.iter().any(|event| event["op"] == "INSERT" && event["table"] == "p_south"), "{seen:#?}");
}

#[test]
fn generated_columns_dropped_columns_quoted_names_and_big_values() {
    let mut db = db("events_columns");
    db.run(
        r#"CREATE SCHEMA "My Schema";
           CREATE TABLE "My Schema"."Odd ""Table" (id int, gone text, "Mixed Case" text, twice int GENERATED ALWAYS AS (id * 2) STORED, big text);
           ALTER TABLE "My Schema"."Odd ""Table" DROP gone;
           CREATE TRIGGER "Tr igger" BEFORE INSERT OR UPDATE ON "My Schema"."Odd ""Table" FOR EACH ROW EXECUTE FUNCTION recorder();
           CREATE TRIGGER "after" AFTER INSERT OR UPDATE ON "My Schema"."Odd ""Table" FOR EACH ROW EXECUTE FUNCTION recorder()"#,
    );
    db.run(r#"INSERT INTO "My Schema"."Odd ""Table" (id, "Mixed Case", big) SELECT 21, 'x', string_agg(md5(i::text), '') FROM generate_series(1, 20000) i"#);
    let seen = events(&mut db);
    assert_has(&seen[0], &json!({"schema": "My Schema", "table": "Odd \"Table", "trigger": "Tr igger"}));
    assert_eq!(seen[0]["new"]["twice"], Value::Null, "a stored generated column is not computed yet before the insert");
    assert_eq!((&seen[1]["new"]["twice"], &seen[1]["new"]["Mixed Case"]), (&json!(42), &json!("x")));
    assert_eq!(seen[1]["new"]["big"].as_str().map(str::len), Some(640_000));
    assert!(
        seen[1]["new"].get("gone").is_none() && !seen[1]["new"].to_string().contains("pg.dropped"),
        "{}",
        seen[1]["trigger"]
    );
    // The old value is external now and must be fetched.
    db.run(r#"UPDATE "My Schema"."Odd ""Table" SET id = 22"#);
    let seen = events(&mut db);
    assert_eq!(seen[1]["old"]["big"].as_str().map(str::len), Some(640_000));
    db.run(r#"ALTER TABLE "My Schema"."Odd ""Table" ADD later int DEFAULT 5; UPDATE "My Schema"."Odd ""Table" SET id = 23"#);
    let seen = events(&mut db);
    assert_eq!(seen[1]["old"]["later"], 5, "a column added with a fast default");
}

#[test]
fn values_of_all_common_types_look_as_to_jsonb_shows_them() {
    let mut db = db("events_types");
    db.run(
        "SET timezone = 'UTC'; CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
         CREATE TABLE t (i2 smallint, i4 int, i8 bigint, n numeric, f4 real, f8 float8, b boolean, tx text, c char(5), v varchar(9), j json, jb jsonb, by bytea, d date, tm time,
                         ts timestamp, tz timestamptz, iv interval, u uuid, xs int[], ts2 text[], m mood, p pair, dom positive, r int4range, ip inet, oidc oid, nothing int, ps pair[]);
         CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION recorder();
         INSERT INTO t VALUES (-32768, 2147483647, -9223372036854775808, 123456789.000000000000000000000001, 0.1, 1e300, true, E'a\\n\"b\"\\\\\\u0001é', 'ab', 'cd', '{\"z\":1, \"a\": 2}', '{\"z\":1}', '\\xdeadbeef',
           '2024-02-29', '12:34:56.789', '2024-02-29 12:00:00.123456', '2024-02-29 12:00:00+02', '1 mon -2 days 03:00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{{1,2},{3,NULL}}', '{a,\"b,c\",NULL}',
           'happy', '(1,\"x y\")', 5, '[1,5)', '10.0.0.1/8', 4294967295, NULL, ARRAY[ROW(1,'a')::pair, NULL])",
    );
    assert_eq!(
        db.value("SELECT (SELECT event -> 'database' -> 'new' FROM events) = (SELECT to_jsonb(whole) FROM t AS whole)"),
        "t",
        "{}",
        db.value("SELECT event -> 'database' -> 'new' FROM events")
    );
    db.run("TRUNCATE events, t; INSERT INTO t (f8, f4, tz, d) VALUES ('NaN', '-Infinity', 'infinity', '-infinity')");
    assert_eq!(
        db.value("SELECT (SELECT event -> 'database' -> 'new' FROM events) = (SELECT to_jsonb(whole) FROM t AS whole)"),
        "t",
        "{}",
        db.value("SELECT event -> 'database' -> 'new' FROM events")
    );
}

#[test]
fn names_that_change_between_events() {
    let mut db = db("events_renamed");
    db.run("CREATE SCHEMA one; CREATE TABLE one.t (a int); CREATE TRIGGER tr AFTER INSERT ON one.t FOR EACH ROW EXECUTE FUNCTION recorder()");
    let mut other = db.session();
    db.run("INSERT INTO one.t VALUES (1)");
    assert_has(&events(&mut db)[0], &json!({"schema": "one", "table": "t", "trigger": "tr", "new": {"a": 1}}));
    // From another session, so that only an invalidation can tell.
    for (rename, insert, wanted) in [
        ("ALTER SCHEMA one RENAME TO two", "INSERT INTO two.t VALUES (1)", json!({"schema": "two"})),
        ("ALTER TABLE two.t RENAME TO u", "INSERT INTO two.u VALUES (1)", json!({"schema": "two", "table": "u"})),
        ("ALTER TABLE two.u RENAME a TO b", "INSERT INTO two.u VALUES (1)", json!({"new": {"b": 1}})),
        ("ALTER TRIGGER tr ON two.u RENAME TO tr2", "INSERT INTO two.u VALUES (1)", json!({"trigger": "tr2"})),
        ("ALTER TABLE two.u SET SCHEMA public", "INSERT INTO public.u VALUES (1)", json!({"schema": "public"})),
    ] {
        other.run(rename);
        db.run(insert);
        assert_has(&events(&mut db)[0], &wanted);
    }
}

#[test]
fn constraint_and_deferred_triggers() {
    let mut db = db("events_deferred");
    db.run(
        "CREATE TABLE t (id int);
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION recorder()",
    );
    db.run("BEGIN; INSERT INTO t VALUES (1)");
    assert_eq!(db.value("SELECT count(*) FROM events"), "0");
    db.run("COMMIT");
    assert_has(&events(&mut db)[0], &json!({"op": "INSERT", "new": {"id": 1}, "trigger": "late"}));
}

#[test]
fn copy_merge_upsert_and_foreign_key_actions_fire_too() {
    let mut db = db("events_statement_kinds");
    db.run(
        "CREATE TABLE parent (id int PRIMARY KEY, v int); CREATE TABLE child (id int REFERENCES parent ON DELETE CASCADE);
         CREATE TRIGGER tr AFTER INSERT OR UPDATE OR DELETE ON parent FOR EACH ROW EXECUTE FUNCTION recorder();
         CREATE TRIGGER tr AFTER DELETE ON child FOR EACH ROW EXECUTE FUNCTION recorder()",
    );
    db.run("INSERT INTO parent VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = 9; INSERT INTO parent VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = 9");
    db.run("MERGE INTO parent USING (VALUES (1), (2)) s(id) ON parent.id = s.id WHEN MATCHED THEN UPDATE SET v = 10 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 10)");
    db.run("INSERT INTO child VALUES (2); DELETE FROM parent WHERE id = 2");
    let seen: Vec<String> =
        events(&mut db).iter().map(|event| format!("{} {}", event["op"], event["table"]).replace('"', "")).collect();
    assert_eq!(
        seen,
        ["INSERT parent", "UPDATE parent", "UPDATE parent", "INSERT parent", "DELETE parent", "DELETE child"]
    );
}

#[test]
fn an_event_trigger_sees_the_command() {
    let mut db = db("events_ddl");
    db.run("CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE wasm AS 'recorder'");
    db.run("CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION on_ddl()");
    db.run("CREATE TABLE made (id int)");
    let seen = db.value("SELECT event FROM events");
    assert!(seen.contains("CREATE TABLE") && seen.contains("ddl_command_end"), "{seen}");
    db.run("DROP EVENT TRIGGER watch");
}

#[test]
fn a_function_gets_the_columns_that_it_says_it_reads() {
    let mut db = db("events_reads");
    db.deploy("recorder", &guest("recorder"), "reads: [title, id]\n");
    db.run(
        "CREATE TABLE posts (id int, gone int, title text, body text DEFAULT repeat('x', 100000), \"Odd Name\" int)",
    );
    db.run("ALTER TABLE posts DROP COLUMN gone");
    db.run(
        "CREATE TRIGGER r AFTER INSERT OR UPDATE OR DELETE ON posts FOR EACH ROW EXECUTE FUNCTION recorder();
         CREATE TRIGGER s AFTER UPDATE ON posts REFERENCING NEW TABLE AS n OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION recorder()",
    );
    db.run("INSERT INTO posts (id, title) VALUES (1, 'a')");
    db.run("UPDATE posts SET title = NULL");
    db.run("DELETE FROM posts");
    let (before, after) = (json!({"id": 1, "title": "a"}), json!({"id": 1, "title": null}));
    let seen = events(&mut db);
    assert_eq!(seen.len(), 4);
    assert_has(&seen[0], &json!({"new": before}));
    assert_has(&seen[1], &json!({"new": after, "old": before}));
    assert_has(&seen[2], &json!({"new_rows": [after], "old_rows": [before]}));
    assert_has(&seen[3], &json!({"old": after}));

    // A row that is changed keeps what was not read; other columns may be set.
    db.deploy(
        "configured",
        &guest("configured"),
        "reads: [id]\nenv: {OUTCOME: '{\"row\": {\"title\": \"set\", \"Odd Name\": 7}}'}\n",
    );
    db.run("CREATE TRIGGER b BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION configured()");
    let row = db.value("INSERT INTO posts (id, title) VALUES (2, 'b') RETURNING id, title, length(body), \"Odd Name\"");
    assert_eq!(row, "2|set|100000|7");

    // One that is not there is an error, as it would be in other languages; the schema is looked at anew when it changes.
    db.run("CREATE TABLE notes (title text); CREATE TRIGGER r AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION recorder()");
    let refusal = db.refused("INSERT INTO notes VALUES ('n')", "42703");
    assert!(refusal.message.contains("\"id\"") && refusal.hint.contains("reads"), "{refusal}");
    db.run("ALTER TABLE notes ADD COLUMN id int; TRUNCATE events");
    db.run("INSERT INTO notes VALUES ('n', 3)");
    assert_has(&events(&mut db)[0], &json!({"new": {"title": "n", "id": 3}}));
    // None at all: an event without columns.
    db.deploy("recorder", &guest("recorder"), "reads: []\n");
    db.run("INSERT INTO notes VALUES ('n', 4)");
    assert_has(&events(&mut db)[0], &json!({"new": {}}));
    db.run(
        "CREATE FUNCTION first() RETURNS trigger LANGUAGE javascript AS $$// alyx: {reads: [id]}
           raise(Object.keys(NEW).join(',')); $$;
         CREATE TRIGGER j BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION first()",
    );
    let refusal = db.refusal("INSERT INTO notes VALUES ('n', 5)");
    assert_eq!(refusal.message, "id");
}
