//! pg_upgrade from an older PostgreSQL: functions, schedules and jobs are there, nothing of ours runs meanwhile, and all goes
//! on in the new cluster.

use crate::house::House;
use alyx_tests::{Cluster, Db, Server, guest, run_as_server_user, wait_until};
use std::path::PathBuf;
use std::process::Stdio;

const SETTINGS: &[&str] = &["max_worker_processes=20", "alyx_functions.poll_interval=500ms"];

/// The programs of an older major with the extension; 15, the oldest one, has none below it.
fn older() -> Option<PathBuf> {
    let found = std::env::var_os("ALYX_TEST_OLDER_BIN").map(PathBuf::from);
    let tested: u32 = Server::shared().session("postgres").value("SHOW server_version_num").parse().unwrap();
    assert!(
        found.is_some() || tested < 160_000,
        "run \"cargo xtask setup\" first: pg_upgrade begins with PostgreSQL 15"
    );
    found
}

fn knows_attribute_versions() -> bool {
    let program = std::fs::read(Server::shared().bin.join("pg_dump")).expect("pg_dump is there");
    program.windows(b"pg_attver".len()).any(|part| part == b"pg_attver")
}

#[test]
fn functions_schedules_and_jobs_go_on_after_pg_upgrade() {
    let Some(older) = older() else { return };
    let old = Cluster::of_release(&older, "jobs_upgrade_old", SETTINGS);
    let mut house = House::of(Db::on(old.server().clone(), "upgraded"));
    let name = house.name().to_owned();
    house.deploy("echo", &guest("echo"), "env: {A: b}\n");
    house.deploy_task("doomed", "retry: {attempts: 1}\n");
    house.job_does("IF event #>> '{function,name}' = 'doomed' THEN RAISE 'no'; END IF;");
    house.run("CREATE FUNCTION twice(n int) RETURNS int LANGUAGE javascript AS 'return 2 * n'");
    house.run(
        "CREATE FUNCTION mark() RETURNS trigger LANGUAGE javascript AS 'NEW.v = \"marked\"; return NEW';
         CREATE TABLE t (v text); CREATE TRIGGER mark BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mark()",
    );
    house.run("SELECT fn_set_secret('TOKEN', 'a secret of some length'), fn_grant_secret('TOKEN', 'echo')");
    house.run(
        r#"SELECT fn_schedule('task', '@every 1s', overlap => 'allow', missed => 'once', input => '{"n": 1000}')"#,
    );
    house.run("SELECT fn_enqueue('doomed', '{\"n\": 5}')");
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs", "1");
    house.wait_for("SELECT count(*) > 1 FROM effects WHERE n = 1000", "t");
    house.run("SELECT twice(1), echo('1')");
    // A job for the time after, one that is paused, made last: nothing has the time to run it here.
    house.run("SELECT fn_enqueue('task', '{\"n\": 1}', run_at => now() + interval '1 second'); SELECT fn_enqueue('task', '{\"n\": 2}')");
    if !knows_attribute_versions() {
        // Minor releases of 2026-11 note a version with each column, in a place that a pg_dump from before takes for an option.
        // Debian's 15 has it, its 18 not yet: no table at all could be carried over.
        house.run("SET allow_system_table_mods = on; UPDATE pg_attribute SET attoptions = NULL WHERE attoptions::text LIKE '%pg_attver=%'");
    }
    house.leave();
    old.stop("fast");
    let done = old_effects(&old, &name);

    let mut new = Cluster::upgraded(&old, "jobs_upgrade_new", &[SETTINGS, &["alyx_functions.enabled=off"]].concat());
    let mut db = new.server().session(&name);
    assert_eq!(
        db.value("SELECT count(*) FROM effects WHERE n <= 2 OR n = 1000"),
        done,
        "something ran during pg_upgrade"
    );
    assert_eq!(db.value("SELECT state FROM fn_doctor() WHERE item = 'version'"), "ok");
    // pg_upgrade knows nothing of the file beside the data.
    assert_eq!(db.value("SELECT state FROM fn_doctor() WHERE item = 'key of secrets'"), "problem");
    assert_eq!(db.value("SELECT echo('2')"), "2");
    assert_eq!(db.value("SELECT twice(21)"), "42");
    assert_eq!(db.value("INSERT INTO t VALUES ('x') RETURNING v"), "marked");
    assert_eq!(db.value("SELECT count(*) FROM alyx.dead_jobs"), "1");
    assert_eq!(db.value("SELECT count(*) FROM alyx.schedules"), "1");
    let owner = db.value("SELECT owner FROM alyx.functions WHERE name = 'echo'");
    assert_eq!(owner, "postgres");
    drop(db);
    new.restarted_with(SETTINGS);
    let mut db = new.server().session(&name);
    wait_until("jobs that waited run", || db.value("SELECT count(*) FROM effects WHERE n IN (1, 2)") == "2");
    // Its OID is another's now, or nobody's: who owns that must not see the old records.
    assert_eq!(db.value("SELECT count(*) FROM alyx._invocation WHERE function = 'twice' AND function_id = 0"), "1");
    assert_eq!(
        db.value("SELECT count(*) FROM alyx.invocations WHERE function = 'twice'"),
        "2",
        "the old call and a new one"
    );
    let before = db.value("SELECT count(*) FROM effects WHERE n = 1000");
    wait_until("the schedule goes on", || {
        db.value(&format!("SELECT count(*) > {before} FROM effects WHERE n = 1000")) == "t"
    });
    assert_eq!(db.value("SELECT fn_adopt_copy()"), "f", "a cluster that pg_upgrade made is no copy");
    assert_eq!(db.value("SELECT version FROM fn_deploy('echo', (SELECT wasm FROM alyx._module m JOIN alyx._version v USING (sha256) WHERE v.function = 'echo'), 'env: {A: c}')"), "2");
    drop(db);
    // Its database is dropped with the house.
    old.begin();
}

/// What has been done, read by a server of the old release with the jobs stopped.
fn old_effects(old: &Cluster, database: &str) -> String {
    let mut single = run_as_server_user(&old.server().bin.join("postgres"));
    single.args(["--single", "-D"]).arg(&old.server().data).arg(database);
    single.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = single.spawn().expect("postgres --single starts");
    let ask = "SELECT 'found:' || count(*) FROM effects WHERE n <= 2 OR n = 1000\n";
    std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), ask.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = text.split("found:").nth(1).unwrap_or_else(|| panic!("{text}"));
    found.chars().take_while(char::is_ascii_digit).collect()
}
