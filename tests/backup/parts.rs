//! One table, or one schema, taken out of a database.

use crate::house::Dump;
use alyx_tests::{Db, Server};

fn with_trigger(test: &str) -> Db {
    let mut db = Db::new(test);
    db.deploy_outcome("mark", r#"{"row": {"v": "marked"}}"#);
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mark(); INSERT INTO t VALUES (1); CREATE TABLE other (id int)");
    db
}

#[test]
fn a_table_comes_back_with_its_trigger_where_the_function_is() {
    let mut db = with_trigger("backup_table");
    let dump = Dump::of(&db, &["--format=custom", "--table=t"]);
    db.run("DROP TABLE t");
    dump.restore(db.server(), db.name(), &[]);
    assert_eq!(db.rows("SELECT id, v FROM t"), ["1|marked"]);
    assert_eq!(db.value("INSERT INTO t VALUES (2) RETURNING v"), "marked");
    // Out of a dump of everything, the same.
    let whole = Dump::of(&db, &["--format=custom"]);
    db.run("DROP TABLE t");
    whole.restore(db.server(), db.name(), &["--table=t"]);
    // pg_restore knows a trigger by both names.
    whole.restore(db.server(), db.name(), &["--trigger=t tr"]);
    assert_eq!(db.value("INSERT INTO t VALUES (3) RETURNING v"), "marked");
    assert_eq!(db.value("SELECT count(*) FROM t"), "3");
}

#[test]
fn a_table_comes_back_without_its_trigger_where_the_function_is_not() {
    let db = with_trigger("backup_table_away");
    let dump = Dump::of(&db, &["--format=custom", "--table=t"]);
    let without = Db::empty(Server::shared(), "backup_table_without");
    let with = Db::new("backup_table_with");
    for mut copy in [without, with] {
        let said = dump.restore_what_can_be(copy.server(), copy.name(), &[]);
        assert!(said.contains("function public.mark() does not exist"), "{said}");
        assert!(said.contains("errors ignored on restore: 1"), "the trigger alone is missing: {said}");
        assert_eq!(copy.rows("SELECT id, v FROM t"), ["1|marked"]);
        assert_eq!(copy.value("INSERT INTO t VALUES (2) RETURNING v"), "NULL");
        if copy.value("SELECT count(*) FROM pg_extension WHERE extname = 'alyx_functions'") == "1" {
            copy.deploy_outcome("mark", r#"{"row": {"v": "marked"}}"#);
            dump.restore(copy.server(), copy.name(), &["--section=post-data", "--clean", "--if-exists"]);
            assert_eq!(copy.value("INSERT INTO t VALUES (3) RETURNING v"), "marked");
        }
    }
}

#[test]
fn a_schema_and_the_extension_move_all_functions() {
    let mut db = with_trigger("backup_catalog");
    db.run("CREATE SCHEMA api");
    db.deploy(
        "twice",
        &alyx_tests::guest("scalars"),
        "schema: api\nsql:\n  - create: api.plus(a int, b int) returns int\n    export: add\n",
    );
    // A schema names the SQL functions in it and not the extension, whose rows come along with it.
    let dump = Dump::of(&db, &["--format=custom", "--schema=api", "--extension=alyx_functions"]);
    let alone = Dump::of(&db, &["--format=custom", "--schema=api"]);
    let mut copy = Db::empty(Server::shared(), "backup_catalog_copy");
    let said = alone.restore_what_can_be(copy.server(), copy.name(), &[]);
    assert!(said.contains("language \"wasm\" does not exist"), "{said}");
    copy.run("DROP SCHEMA api");
    dump.restore(copy.server(), copy.name(), &[]);
    assert_eq!(copy.value("SELECT api.plus(1, 2)"), "3");
    assert_eq!(copy.rows("SELECT name, version FROM alyx.functions ORDER BY 1"), ["mark|1", "twice|1"]);
    // Its SQL functions were in another schema; a deploy makes them.
    assert_eq!(copy.value("SELECT to_regprocedure('mark()')"), "NULL");
    copy.deploy_outcome("mark", r#"{"row": {"v": "again"}}"#);
    copy.run(
        "CREATE TABLE t (id int, v text); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mark()",
    );
    assert_eq!(copy.value("INSERT INTO t VALUES (2) RETURNING v"), "again");
}

#[test]
fn a_copy_for_tests_leaves_work_and_secrets_behind() {
    let mut db = crate::house::furnished(crate::house::shared(), "backup_without");
    crate::house::keep_secret(&mut db, "open sesame");
    db.run("SELECT fn_pause('task'); SELECT fn_schedule('task', '@every 1s')");
    db.run(r#"SELECT fn_enqueue('task', '{"n": 1}', dedupe_key => 'one'), fn_enqueue('task', '{"n": 2}', run_at => now() + interval '1 hour')"#);
    let left = ["_job", "_deferred", "_dedupe", "_schedule", "_secret"]
        .map(|table| format!("--exclude-table-data=alyx.{table}"));
    let options: Vec<&str> = left.iter().map(String::as_str).chain(["--format=custom"]).collect();
    let dump = Dump::of(&db, &options);
    let mut copy = Db::empty(db.server().clone(), "backup_without_copy");
    dump.restore(copy.server(), copy.name(), &[]);
    assert_eq!(
        copy.value("SELECT (SELECT count(*) FROM alyx.jobs), (SELECT count(*) FROM alyx.schedules), (SELECT count(*) FROM alyx.secrets)"),
        "0|0|0"
    );
    copy.run("SELECT fn_resume('task')");
    assert_ne!(copy.value("SELECT fn_enqueue('task', '{\"n\": 3}', dedupe_key => 'one')"), "NULL");
    crate::house::wait_for(&mut copy, 10, "SELECT string_agg(n::text, ' ') FROM effects", "3");
}

#[test]
fn who_dumps_it_must_be_able_to_read_all_of_it() {
    let mut db = with_trigger("backup_reader");
    let (reader, owner) = (db.role("reader"), db.role("owner"));
    let name = db.name().to_owned();
    db.run(&format!(
        "GRANT pg_read_all_data TO {reader}; ALTER ROLE {reader} INHERIT; ALTER DATABASE {name} OWNER TO {owner}; ALTER TABLE t OWNER TO {owner}; ALTER TABLE other OWNER TO {owner}"
    ));
    let dump = |role: &str| {
        let mut command = db.server().client_program("pg_dump", &name);
        command.args(["--username", role]).output().expect("pg_dump runs")
    };
    let (refused, read) = (dump(&owner), dump(&reader));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("permission denied for") && said.contains(" _"), "{said}");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    assert!(String::from_utf8_lossy(&read.stdout).contains("COPY alyx._module"));
    db.run(&format!("ALTER DATABASE {name} OWNER TO postgres; REASSIGN OWNED BY {owner} TO postgres"));
}
