//! Whole databases by pg_dump: each format, in halves, over what is there, into other hands.

use crate::house::{Dump, furnished, job, must, shared, wait_for};
use alyx_tests::{Db, Server, guest};

/// A database with one of everything that a dump carries.
fn shop(test: &str) -> Db {
    let mut db = Db::new(test);
    db.deploy_outcome("slug", r#"{"row": {"slug": "old"}}"#);
    db.deploy_outcome("slug", r#"{"row": {"slug": "new"}}"#);
    db.deploy("math", &guest("scalars"), "sql:\n  - create: plus(a int, b int) returns int\n    export: add\n");
    db.run(
        "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE javascript IMMUTABLE AS $$ return 2 * n $$;
         CREATE TABLE posts (id int PRIMARY KEY, slug text);
         CREATE TRIGGER tr BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION slug();
         INSERT INTO posts SELECT i FROM generate_series(1, 1000) i;
         CREATE INDEX ON posts (twice(id))",
    );
    db
}

/// What must hold of a copy of it.
#[track_caller]
fn inspect(copy: &mut Db) {
    assert_eq!(copy.value("SELECT count(*), count(*) FILTER (WHERE slug = 'new') FROM posts"), "1000|1000");
    assert_eq!(copy.value("INSERT INTO posts VALUES (1001) RETURNING slug"), "new");
    assert_eq!(copy.value("SELECT plus(1, 2), twice(21)"), "3|42");
    assert_eq!(copy.value("SELECT count(*) FROM posts WHERE twice(id) = 2002"), "1");
    assert_eq!(copy.value("SELECT fn_rollback('slug')"), "1");
    assert_eq!(copy.value("INSERT INTO posts VALUES (1002) RETURNING slug"), "old");
    // Its number is none that another function has: jobs and statistics go by it.
    copy.deploy_guest("echo");
    assert_eq!(copy.value("SELECT count(*), count(DISTINCT id), max(id) = (SELECT id FROM alyx._function WHERE name = 'echo') FROM alyx._function"), "3|3|t");
}

#[test]
fn a_folder_written_and_restored_by_several_processes() {
    let source = shop("backup_folder");
    let dump = Dump::of(&source, &["--format=directory", "--jobs=3"]);
    let mut copy = Db::empty(Server::shared(), "backup_folder_copy");
    dump.restore(copy.server(), copy.name(), &["--jobs=3"]);
    inspect(&mut copy);
}

#[test]
fn a_tar_restored_in_one_transaction() {
    let source = shop("backup_tar");
    let dump = Dump::of(&source, &["--format=tar"]);
    let mut copy = Db::empty(Server::shared(), "backup_tar_copy");
    dump.restore(copy.server(), copy.name(), &["--single-transaction"]);
    inspect(&mut copy);
}

#[test]
fn the_schema_alone_says_what_is_missing_and_the_data_completes_it() {
    let source = shop("backup_schema");
    let dump = Dump::of(&source, &["--format=custom"]);
    let mut copy = Db::empty(Server::shared(), "backup_schema_copy");
    dump.restore(copy.server(), copy.name(), &["--schema-only"]);
    assert_eq!(copy.value("SELECT count(*) FROM alyx.functions"), "0");
    for call in ["SELECT plus(1, 2)", "INSERT INTO posts VALUES (1)"] {
        let refusal = copy.refused(call, "42883");
        assert!(refusal.message.ends_with("does not exist") && refusal.message.starts_with("function \""), "{refusal}");
        assert!(refusal.hint.contains("alyx.functions"), "{refusal}");
    }
    // Source in pg_proc is schema.
    assert_eq!(copy.value("SELECT twice(21)"), "42");
    dump.restore(copy.server(), copy.name(), &["--data-only", "--disable-triggers"]);
    inspect(&mut copy);
}

#[test]
fn a_dump_of_the_schema_holds_no_module_and_one_of_the_data_all() {
    let source = shop("backup_halves");
    let (schema, data) = (Dump::of(&source, &["--schema-only"]), Dump::of(&source, &["--data-only"]));
    let text = |dump: &Dump| std::fs::read_to_string(dump.path()).expect("a dump is text");
    assert!(!text(&schema).contains("COPY "), "rows in a dump of the schema");
    assert!(text(&data).contains("COPY alyx._module"), "no modules in a dump of the data");
    let mut copy = Db::empty(Server::shared(), "backup_halves_copy");
    for dump in [&schema, &data] {
        let mut psql = copy.server().client_program("psql", copy.name());
        // As --disable-triggers does: the rows are as they should be.
        psql.env("PGOPTIONS", "-c session_replication_role=replica");
        must(psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(dump.path()));
    }
    inspect(&mut copy);
}

#[test]
fn clean_if_exists_replaces_an_installation_that_is_there() {
    let mut source = furnished(shared(), "backup_clean");
    source.deploy_outcome("slug", r#"{"row": {"slug": "dumped"}}"#);
    source.run("CREATE TABLE posts (id int, slug text); CREATE TRIGGER tr BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION slug(); SELECT fn_attach('task', 'posts', ARRAY['insert'], mode => 'async')");
    let dump = Dump::of(&source, &["--format=custom"]);
    // What has happened since: other versions, other functions, another schedule.
    source.deploy_outcome("slug", r#"{"row": {"slug": "later"}}"#);
    source.deploy_guest("echo");
    source.run("SELECT fn_schedule('task', '@every 1h')");
    assert_eq!(source.value("INSERT INTO posts VALUES (1) RETURNING slug"), "later");
    wait_for(&mut source, 10, "SELECT count(*) FROM effects", "1");
    // As everywhere in Postgres, what is newer than the dump and depends on the extension holds it.
    let said = dump.restore_what_can_be(source.server(), source.name(), &["--clean", "--if-exists", "--exit-on-error"]);
    assert!(said.contains("cannot drop extension alyx_functions") && said.contains("function public.echo"), "{said}");
    source.run("SELECT fn_drop('echo')");
    dump.restore(source.server(), source.name(), &["--clean", "--if-exists"]);
    assert_eq!(source.rows("SELECT name, version FROM alyx.functions ORDER BY 1"), ["slug|1", "task|1"]);
    assert_eq!(source.value("SELECT count(*) FROM alyx.schedules"), "0");
    // A session that has used the functions before, and a new one.
    assert_eq!(source.value("INSERT INTO posts VALUES (1) RETURNING slug"), "dumped");
    assert_eq!(source.session().value("INSERT INTO posts VALUES (2) RETURNING slug"), "dumped");
    wait_for(&mut source, 10, "SELECT count(*) FROM effects", "2");
    // Once more over itself, and jobs still run.
    dump.restore(source.server(), source.name(), &["--clean", "--if-exists", "--single-transaction"]);
    source.run(&job(7));
    wait_for(&mut source, 10, "SELECT n FROM effects", "7");
}

#[test]
fn without_owners_it_belongs_to_whoever_restores_it() {
    let mut source = Db::new("backup_owner");
    let owner = source.deployer("owner");
    source.session_as(&owner).deploy("echo", &guest("echo"), "");
    let dump = Dump::of(&source, &["--format=custom", "--no-owner", "--no-privileges"]);
    let mut copy = Db::empty(Server::shared(), "backup_owner_copy");
    let heir = copy.role("heir");
    copy.run(&format!("ALTER ROLE {heir} SUPERUSER"));
    dump.restore(copy.server(), copy.name(), &["--no-owner", &format!("--role={heir}")]);
    // The SQL function has changed hands. The function has not: its owner is a value in a row, by name.
    assert_eq!(copy.value("SELECT proowner::regrole FROM pg_proc WHERE oid = 'echo(jsonb)'::regprocedure"), heir);
    assert_eq!(copy.value("SELECT owner FROM alyx.functions"), owner);
    assert_eq!(copy.value("SELECT echo('7')"), "7");
}

#[test]
fn a_role_that_is_missing_is_named_by_the_restore() {
    let mut source = Db::new("backup_role");
    let owner = source.deployer("owner");
    source.session_as(&owner).deploy("echo", &guest("echo"), "");
    let dump = Dump::of(&source, &["--format=custom", "--no-owner", "--no-privileges"]);
    // Another cluster, which does not know the role.
    let copy = Db::empty(shared().clone(), "backup_role_copy");
    let said = dump.restore_what_can_be(copy.server(), copy.name(), &["--no-owner"]);
    assert!(said.contains(&format!("role \"{owner}\" does not exist")) && said.contains("COPY failed"), "{said}");
}
