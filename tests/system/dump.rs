//! Functions survive pg_dump and a restore into an empty database.

use alyx_tests::{Db, Server, guest};

/// Dumps `source` and restores the dump into the empty `target`.
pub(crate) fn copy(source: &Db, target: &Db) {
    let dump = source.server().client_program("pg_dump", source.name()).output().expect("pg_dump runs");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let folder = std::env::temp_dir().join(format!("{}.sql", source.name()));
    std::fs::write(&folder, &dump.stdout).expect("the dump is written");
    let restore = target
        .server()
        .client_program("psql", target.name())
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
        .arg(&folder)
        .output()
        .expect("psql runs");
    let _ = std::fs::remove_file(&folder);
    assert!(restore.status.success(), "restore failed: {}", String::from_utf8_lossy(&restore.stderr));
}

#[test]
fn functions_versions_triggers_and_grants_survive() {
    let mut db = Db::new("dump_source");
    let owner = db.deployer("owner");
    let caller = db.role("caller");
    db.deploy_outcome("slug", r#"{"row": {"slug": "old"}}"#);
    db.deploy_outcome("slug", r#"{"row": {"slug": "new"}}"#);
    db.deploy("math", &guest("scalars"), "sql:\n  - create: plus(a int, b int) returns int\n    export: add\n");
    db.run("CREATE TABLE posts (title text, slug text); INSERT INTO posts VALUES ('before', 'before'); CREATE TRIGGER tr BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION slug()");
    db.deploy_recorder();
    db.deploy("recorder", &guest("recorder"), "hooks:\n  - { type: database, source: posts, action: [delete] }\n");
    db.session_as(&owner).deploy("echo", &guest("echo"), "env: {A: b}\n");
    db.session_as(&owner).run(&format!("GRANT EXECUTE ON FUNCTION echo(jsonb) TO {caller}; CREATE FUNCTION by_hand(text) RETURNS text LANGUAGE wasm AS 'echo'"));
    let state = "SELECT name FROM alyx.functions ORDER BY 1";
    let (functions, versions) = (db.rows(state), db.value("SELECT count(*) FROM alyx.versions"));

    let mut copied = Db::empty(Server::shared(), "dump_target");
    copy(&db, &copied);
    assert_eq!(copied.rows(state), functions);
    assert_eq!(copied.value("SELECT count(*) FROM alyx.versions"), versions);
    assert_eq!(copied.rows("SELECT slug FROM posts"), ["before"], "triggers did not fire for restored rows");
    assert_eq!(copied.value("INSERT INTO posts (title) VALUES ('x') RETURNING slug"), "new");
    copied.run("SELECT fn_rollback('slug')");
    assert_eq!(copied.value("INSERT INTO posts (title) VALUES ('x') RETURNING slug"), "old");
    assert_eq!(copied.value("SELECT plus(1, 2)"), "3");
    copied.run("DELETE FROM posts");
    assert_eq!(copied.value("SELECT count(*) FROM events"), "3");
    assert_eq!(copied.session_as(&caller).value("SELECT echo('1')"), "1");
    assert_eq!(copied.session_as(&owner).value("SELECT by_hand('a')"), "a");
    // Life goes on: ownership, hooks and version numbers are known.
    assert_eq!(copied.session_as(&owner).deploy("echo", &guest("echo"), "env: {A: c}\n").version, 2);
    copied.session_as(&caller).refused("SELECT fn_drop('echo')", "42501");
    copied.deploy("recorder", &guest("recorder"), "");
    assert_eq!(
        copied.value("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"),
        "1",
        "the manifest's hook was reconciled away"
    );
    drop(copied);
}

#[test]
fn an_archive_restored_by_several_processes() {
    let mut db = Db::new("dump_archive");
    db.deploy_outcome("mark", r#"{"row": {"v": "marked"}}"#);
    db.run("CREATE TABLE t (id int, v text); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mark(); INSERT INTO t VALUES (1)");
    let mut target = Db::empty(Server::shared(), "dump_archive_target");
    let archive = std::env::temp_dir().join(format!("{}.dump", db.name()));
    let dumped = db
        .server()
        .client_program("pg_dump", db.name())
        .args(["--format=custom", "--file"])
        .arg(&archive)
        .output()
        .expect("pg_dump runs");
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let restored = target
        .server()
        .client_program("pg_restore", target.name())
        .args(["--jobs=3", "--exit-on-error"])
        .arg(&archive)
        .output()
        .expect("pg_restore runs");
    let _ = std::fs::remove_file(&archive);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert_eq!(target.value("INSERT INTO t VALUES (2) RETURNING v"), "marked");
    assert_eq!(target.value("SELECT count(*) FROM t WHERE v = 'marked'"), "2");
}

#[test]
fn a_database_made_from_a_template_works_too() {
    let mut db = Db::new("dump_template");
    db.deploy_guest("echo");
    let copy = format!("{}_copy", db.name());
    let mut admin = Db::empty(Server::shared(), "dump_template_admin");
    let name = db.name().to_owned();
    let server = db.server().clone();
    // A template must have no visitors; the test's own session is one.
    admin.run(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"));
    alyx_tests::wait_until("the template is free", || {
        admin.attempt(&format!("CREATE DATABASE {copy} TEMPLATE {name}")).is_ok()
    });
    let answer = server.connect(&copy, "postgres").simple_query("SELECT echo('7')").map(|messages| messages.len());
    admin.run(&format!("DROP DATABASE {copy} WITH (FORCE)"));
    assert!(answer.is_ok(), "{answer:?}");
}
