//! A session does not grow with what it does: each kind of call is repeated, and memory is looked at in between.

use alyx_tests::{Db, assemble, guest, literal};

/// Calls before the first look: caches fill.
const WARM_UP: usize = 600;
/// Calls between the two looks.
const CALLS: usize = 3000;
/// Growth that allocators make without being asked.
const MOST_BYTES: u64 = 192 << 10;

fn must_not_grow(db: &mut Db, what: &str, mut call: impl FnMut(&mut Db, usize)) {
    for turn in 0..WARM_UP {
        call(db, turn);
    }
    let before = db.resident_bytes();
    for turn in WARM_UP..WARM_UP + CALLS {
        call(db, turn);
    }
    let grown = db.resident_bytes().saturating_sub(before);
    eprintln!("{what}: {} bytes in {CALLS} calls", grown);
    assert!(grown <= MOST_BYTES, "{what}: {grown} bytes more after {CALLS} calls");
}

#[test]
fn a_session_does_not_grow_with_its_calls() {
    let mut db = Db::new("growth_calls");
    for name in ["echo", "trap", "counter", "scalars", "recurse_forever", "grow_memory", "bad_offset"] {
        db.deploy(name, &guest(name), "memory: 8mb\n");
    }
    db.deploy_script();
    db.run("CREATE FUNCTION add(integer, integer) RETURNS integer LANGUAGE wasm AS 'scalars:add'");
    let lines = [
        r#"q{"sql": "SELECT count(*) FROM pg_class WHERE relname LIKE $1", "params": ["p%"]}"#,
        r#"q{"sql": "SELECT 1/0"}"#,
        r#"q{"sql": "SET ROLE postgres"}"#,
        r#"q{"sql": "SET work_mem = '1MB'"}"#,
        r#"p{"key": "k", "value": 1}"#,
        r#"g{"key": "k"}"#,
    ];
    for line in lines {
        let sql = format!("SELECT script({})", literal(line));
        must_not_grow(&mut db, line, |db, _| drop(db.attempt(&sql)));
    }
    for sql in [
        "SELECT echo('{\"a\": 1}')",
        "SELECT add(1, 2)",
        "SELECT trap('{}')",
        "SELECT recurse_forever('{}')",
        "SELECT grow_memory('{}')",
        "SELECT nobody('{}')",
        "DEALLOCATE ALL; PREPARE p AS SELECT add(1, 2); EXECUTE p; EXECUTE p",
    ] {
        must_not_grow(&mut db, sql, |db, _| drop(db.attempt(sql)));
    }
}

#[test]
fn a_session_does_not_grow_with_deploys_of_others() {
    let mut db = Db::new("growth_deploys");
    let mut deployer = db.session();
    let version = |number: usize| {
        assemble(&format!(
            "(module (func (export \"handler\") (result i32) (i32.const 0)) (func (export \"n\") (result i32) (i32.const {number})))"
        ))
    };
    let versions: Vec<Vec<u8>> = (0..8).map(version).collect();
    db.deploy("churn", &versions[0], "");
    db.run("CREATE FUNCTION n() RETURNS integer LANGUAGE wasm AS 'churn:n'");
    must_not_grow(&mut db, "a function that changes", |db, turn| {
        if turn % 3 == 0 {
            deployer.deploy("churn", &versions[turn / 3 % 8], "");
        }
        assert_eq!(db.value("SELECT n()"), (turn / 3 % 8).to_string());
        db.value("SELECT churn('{}') IS NULL");
    });
}

#[test]
fn a_session_does_not_grow_with_tables_that_change() {
    let mut db = Db::new("growth_tables");
    let mut other = db.session();
    db.deploy_outcome("slug", r#"{"row": {"slug": "set"}}"#);
    db.deploy_recorder();
    db.run("CREATE TABLE playground (id int, slug text)");
    db.run("SELECT fn_attach('slug', 'playground', ARRAY['insert'], timing => 'before')");
    let mut alone = |db: &mut Db, _| {
        db.run("INSERT INTO playground (id) VALUES (1)");
    };
    must_not_grow(&mut db, "rows with a trigger", &mut alone);
    must_not_grow(&mut db, "rows of a table that changes", |db, turn| {
        let change = match turn % 400 {
            // Dropped columns count towards the most that a table can have.
            0 => {
                "DROP TABLE playground; CREATE TABLE playground (id int, slug text);
                  SELECT fn_attach('slug', 'playground', ARRAY['insert'], timing => 'before')"
            }
            turn if turn % 6 == 1 => "ALTER TABLE playground ADD COLUMN note text",
            turn if turn % 6 == 4 => "ALTER TABLE playground DROP COLUMN note",
            _ => "SELECT 1",
        };
        other.run(change);
        db.run("INSERT INTO playground (id) VALUES (1)");
    });
}
