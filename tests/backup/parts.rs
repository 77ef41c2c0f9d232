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
    whole.restore(db.server(), db.name(), &["--trigger=tr"]);
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
fn the_catalog_alone_moves_all_functions() {
    let mut db = with_trigger("backup_catalog");
    db.run("CREATE FUNCTION by_hand(text) RETURNS text LANGUAGE wasm AS 'mark'");
    // A schema names the SQL functions in it, not the extension: its rows need a dump with the extension.
    let schema = Dump::of(&db, &["--format=custom", "--schema=public"]);
    let rows = Dump::of(&db, &["--format=custom", "--extension=alyx_functions"]);
    let mut copy = Db::empty(Server::shared(), "backup_catalog_copy");
    rows.restore(copy.server(), copy.name(), &[]);
    assert_eq!(copy.rows("SELECT name, version FROM alyx.functions"), ["mark|1"]);
    schema.restore(copy.server(), copy.name(), &["--schema=public"]);
    assert_eq!(copy.value("INSERT INTO t VALUES (2) RETURNING v"), "marked");
}
