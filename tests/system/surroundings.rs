//! Functions in LANGUAGE wasm wherever Postgres uses functions: indexes, aggregates, casts, parallel plans, other encodings.

use alyx_tests::{Db, Server, assemble, guest};
use std::thread;

#[test]
fn in_indexes_checks_and_generated_columns() {
    let mut db = Db::new("around_index");
    db.deploy_guest("scalars");
    db.run(
        "CREATE FUNCTION plus(int, int) RETURNS int LANGUAGE wasm IMMUTABLE STRICT AS 'scalars:add';
         CREATE TABLE t (id int CHECK (plus(id, 1) > 0), next int GENERATED ALWAYS AS (plus(id, 1)) STORED);
         CREATE INDEX by_next ON t (plus(id, 1));
         INSERT INTO t SELECT generate_series(1, 1000); ANALYZE t; SET enable_seqscan = off",
    );
    assert_eq!(db.value("SELECT id, next FROM t WHERE plus(id, 1) = 500"), "499|500");
    db.refused("INSERT INTO t VALUES (-5)", "23514");
}

#[test]
fn in_aggregates_operators_and_casts() {
    let mut db = Db::new("around_aggregate");
    db.deploy_guest("scalars");
    db.deploy_guest("echo");
    db.run(
        "CREATE FUNCTION plus(int, int) RETURNS int LANGUAGE wasm IMMUTABLE STRICT AS 'scalars:add';
         CREATE AGGREGATE total(int) (SFUNC = plus, STYPE = int, INITCOND = '0');
         CREATE OPERATOR |+| (LEFTARG = int, RIGHTARG = int, FUNCTION = plus);
         CREATE TYPE wrapped AS (v int);
         CREATE FUNCTION wrap(v int) RETURNS wrapped LANGUAGE wasm IMMUTABLE AS 'echo';
         CREATE CAST (int AS wrapped) WITH FUNCTION wrap(int)",
    );
    assert_eq!(db.value("SELECT total(i), total(i) FILTER (WHERE i > 5) FROM generate_series(1, 10) i"), "55|40");
    assert_eq!(db.value("SELECT 20 |+| 22, (7::wrapped).v"), "42|7");
    assert_eq!(db.rows("SELECT total(i) OVER (ORDER BY i) FROM generate_series(1, 3) i"), ["1", "3", "6"]);
}

#[test]
fn in_parallel_workers() {
    let mut db = Db::new("around_parallel");
    db.deploy_guest("scalars");
    db.deploy_query();
    db.run(
        "CREATE FUNCTION plus(int, int) RETURNS int LANGUAGE wasm IMMUTABLE PARALLEL SAFE AS 'scalars:add';
         CREATE FUNCTION reads(request jsonb) RETURNS jsonb LANGUAGE wasm STABLE PARALLEL SAFE AS 'ask:db_query';
         CREATE TABLE t AS SELECT i FROM generate_series(1, 200000) i; ANALYZE t;
         SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2",
    );
    assert!(
        db.rows("EXPLAIN SELECT sum(plus(i, 1)) FROM t").join("\n").contains("Workers Planned"),
        "the plan is parallel"
    );
    assert_eq!(db.value("SELECT sum(plus(i, 1)) FROM t"), "20000300000");
    assert_eq!(
        db.value(
            r#"SELECT count(*) FROM t WHERE i <= 2000 AND reads('{"sql": "SELECT 1 AS n"}') #>> '{rows,0,n}' = '1'"#
        ),
        "2000"
    );
    db.run("CREATE FUNCTION divide(int, int) RETURNS int LANGUAGE wasm IMMUTABLE PARALLEL SAFE AS 'scalars:divide'");
    db.refused("SELECT sum(divide(1, i - 150000)) FROM t", "38000");
    assert_eq!(db.value("SELECT sum(plus(i, 1)) FROM t"), "20000300000");
}

#[test]
fn in_plpgsql_with_loops_cursors_and_exceptions() {
    let mut db = Db::new("around_plpgsql");
    db.deploy_guest("echo");
    db.deploy_guest("scalars");
    db.run(
        "CREATE FUNCTION ints(json) RETURNS SETOF int LANGUAGE wasm AS 'echo';
         CREATE FUNCTION divide(int, int) RETURNS int LANGUAGE wasm AS 'scalars:divide';
         CREATE FUNCTION walk() RETURNS int LANGUAGE plpgsql AS $$
           DECLARE n int; total int := 0; c CURSOR FOR SELECT x FROM ints('[1, 2, 3]') x;
           BEGIN
             FOR n IN SELECT * FROM ints('[10, 20]') LOOP total := total + n; END LOOP;
             OPEN c; FETCH c INTO n; total := total + n; CLOSE c;
             FOR i IN 0..9 LOOP
               BEGIN total := total + divide(10, i % 2); EXCEPTION WHEN external_routine_exception THEN total := total - 1; END;
             END LOOP;
             RETURN total;
           END $$",
    );
    assert_eq!(db.value("SELECT walk(), walk()"), "76|76");
}

#[test]
fn as_procedures_or_not_at_all() {
    let mut db = Db::new("around_procedure");
    db.deploy_query();
    db.run("CREATE TABLE t (id int)");
    match db.attempt("CREATE PROCEDURE p(request jsonb) LANGUAGE wasm AS 'ask:db_query'") {
        Ok(_) => {
            db.run(r#"CALL p('{"sql": "INSERT INTO t VALUES (1)"}')"#);
            assert_eq!(db.value("SELECT count(*) FROM t"), "1");
        }
        Err(refusal) => assert!(["0A000", "42P13"].contains(&refusal.code.as_str()), "{refusal}"),
    }
}

#[test]
fn a_replaced_binding_is_seen_at_once() {
    let mut db = Db::new("around_replace");
    db.deploy_guest("echo");
    db.deploy_outcome("say", "\"said\"");
    db.run("CREATE FUNCTION f(jsonb) RETURNS jsonb LANGUAGE wasm AS 'echo'");
    let mut other = db.session();
    assert_eq!([db.value("SELECT f('1')"), other.value("SELECT f('1')")], ["1", "1"]);
    db.run("CREATE OR REPLACE FUNCTION f(jsonb) RETURNS jsonb LANGUAGE wasm AS 'say'");
    assert_eq!([db.value("SELECT f('1')"), other.value("SELECT f('1')")], ["\"said\"", "\"said\""]);
    db.run("DROP FUNCTION f(jsonb); CREATE FUNCTION f(jsonb) RETURNS text LANGUAGE wasm AS 'echo'");
    assert_eq!([db.value("SELECT f('1')"), other.value("SELECT f('1')")], ["1", "1"]);
}

#[test]
fn types_that_change_between_calls() {
    let mut db = Db::new("around_types");
    db.deploy_guest("echo");
    db.run("CREATE TYPE pair AS (a int, b text); CREATE FUNCTION f(json) RETURNS pair LANGUAGE wasm AS 'echo'; CREATE FUNCTION s(json) RETURNS SETOF pair LANGUAGE wasm AS 'echo'");
    assert_eq!(db.value(r#"SELECT * FROM f('{"a": 1, "b": "x", "c": 7}')"#), "1|x");
    assert_eq!(db.value(r#"SELECT * FROM s('[{"a": 1, "b": "x", "c": 7}]')"#), "1|x");
    db.run("ALTER TYPE pair ADD ATTRIBUTE c int, DROP ATTRIBUTE a");
    assert_eq!(db.value(r#"SELECT * FROM f('{"a": 1, "b": "x", "c": 7}')"#), "x|7");
    assert_eq!(db.value(r#"SELECT * FROM s('[{"a": 1, "b": "x", "c": 7}]')"#), "x|7");
}

#[test]
fn one_trigger_function_on_tables_of_different_shape() {
    let mut db = Db::new("around_shapes");
    db.deploy_outcome("mark", r#"{"row": {"mark": "m"}}"#);
    db.run(
        "CREATE TABLE a (id int, mark text); CREATE TABLE b (mark varchar(9), x float8, y int[]); CREATE TEMP TABLE c (mark text);
         CREATE TRIGGER tr BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION mark();
         CREATE TRIGGER tr BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION mark();
         CREATE TRIGGER tr BEFORE INSERT ON c FOR EACH ROW EXECUTE FUNCTION mark()",
    );
    for _ in 0..3 {
        assert_eq!(db.value("INSERT INTO a VALUES (1) RETURNING *"), "1|m");
        assert_eq!(db.value("INSERT INTO b (x, y) VALUES (0.5, '{1}') RETURNING *"), "m|0.5|{1}");
        assert_eq!(db.value("INSERT INTO c VALUES (NULL) RETURNING *"), "m");
    }
    db.run("ALTER TABLE a DROP id; ALTER TABLE a ADD late int DEFAULT 5; ALTER TABLE a ALTER mark TYPE char(3)");
    assert_eq!(db.value("INSERT INTO a DEFAULT VALUES RETURNING *"), "m  |5");
}

#[test]
fn a_very_wide_row() {
    let mut db = Db::new("around_wide");
    db.deploy_outcome("mark", r#"{"row": {"c1599": 7}}"#);
    let columns: Vec<String> = (0..1600).map(|n| format!("c{n} int DEFAULT {n}")).collect();
    db.run(&format!(
        "CREATE TABLE wide ({}); CREATE TRIGGER tr BEFORE INSERT ON wide FOR EACH ROW EXECUTE FUNCTION mark()",
        columns.join(", ")
    ));
    assert_eq!(db.value("INSERT INTO wide DEFAULT VALUES RETURNING c0, c1598, c1599"), "0|1598|7");
}

#[test]
fn databases_in_other_encodings() {
    let server = Server::shared();
    for (encoding, text) in [("LATIN1", "Größe"), ("EUC_JP", "日本"), ("SQL_ASCII", "plain")] {
        let mut db = Db::encoded(server.clone(), &format!("around_{}", encoding.to_lowercase()), encoding);
        db.deploy_guest("echo");
        db.deploy_query();
        db.run("CREATE FUNCTION say(text) RETURNS text LANGUAGE wasm AS 'echo'; CREATE FUNCTION bytes(text) RETURNS bytea LANGUAGE wasm AS 'echo'");
        assert_eq!(
            db.value(&format!("SELECT say('{text}'), echo('\"{text}\"')")),
            format!("{text}|\"{text}\""),
            "{encoding}"
        );
        let reply = db.json(&format!(
            r#"SELECT query('{{"sql": "SELECT $1::text AS v, ''{text}'' AS w", "params": ["{text}"]}}')"#
        ));
        assert_eq!(
            (reply["rows"][0]["v"].as_str(), reply["rows"][0]["w"].as_str()),
            (Some(text), Some(text)),
            "{encoding}: {reply}"
        );
        let sent = db.value(&format!("SELECT encode(bytes('{text}'), 'hex')"));
        let utf8: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sent, utf8, "{encoding}: guests speak UTF-8");
    }
    // What the database's encoding cannot hold is an error of conversion, not a broken string.
    let mut db = Db::encoded(server, "around_narrow", "LATIN1");
    let wasm = assemble(
        r#"(module
             (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
             (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
             (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
             (func (export "handler") (result i32) (local $block i64)
               (local.set $block (call $alloc (i64.const 8)))
               (call $store (local.get $block) (i64.const 0xa597e6))
               (call $output_set (local.get $block) (i64.const 3)) (i32.const 0)))"#,
    );
    db.deploy("sun", &wasm, "");
    db.run("CREATE FUNCTION sun_text(text) RETURNS text LANGUAGE wasm AS 'sun'");
    db.refused("SELECT sun_text('x')", "22P05");
}

#[test]
fn a_stampede_of_first_calls_compiles_once_and_fails_never() {
    let db = &mut Db::new("around_stampede");
    db.deploy("echo", &guest("echo"), "");
    thread::scope(|scope| {
        for _ in 0..16 {
            let mut session = db.session();
            scope.spawn(move || {
                for n in 0..20 {
                    assert_eq!(session.value(&format!("SELECT echo('{n}')")), n.to_string());
                }
            });
        }
    });
}

#[test]
fn two_phase_commit_and_savepoints() {
    let mut db = Db::new("around_savepoints");
    db.deploy("tally", &guest("counter"), "entrypoint: count\ninstances: transaction\n");
    db.deploy_query();
    db.run("CREATE TABLE t (id int); BEGIN");
    assert_eq!(db.value("SELECT tally('{}')"), "1");
    db.run(r#"SAVEPOINT s; SELECT query('{"sql": "INSERT INTO t VALUES (1)"}')"#);
    db.refusal("SELECT nonsense");
    db.run("ROLLBACK TO s");
    let after = db.value("SELECT tally('{}')");
    assert!(["1", "2"].contains(&after.as_str()), "{after}");
    db.run("COMMIT");
    assert_eq!(db.value("SELECT count(*) FROM t"), "0");
}
