//! A whole cluster by pg_dumpall, roles and all, into a new one: what waits there goes on here, once.

use crate::house::{SETTINGS, ask_secret, furnish, job, keep_secret, must, shell, wait_for};
use alyx_tests::{Cluster, Server, Session, guest};
use std::path::Path;

const APP: &str = "shop";

/// A cluster with a database that has something of everything in the middle of its work.
fn busy() -> Cluster {
    let cluster = Cluster::preloaded("backup_all", &SETTINGS);
    let mut admin = cluster.server().session("postgres");
    admin.run("CREATE ROLE clerk LOGIN");
    admin.run(&format!("CREATE DATABASE {APP}"));
    let mut shop = cluster.server().session(APP);
    shop.run("CREATE EXTENSION alyx_functions");
    furnish(&mut shop);
    shop.run("GRANT EXECUTE ON FUNCTION task(jsonb) TO clerk");
    let refusal = r#"env: {REQUEST: '{"message": "closed", "non_retryable": true}'}"#;
    shop.deploy("refuse", &guest("refuse"), refusal);
    keep_secret(&mut shop, "open sesame");
    shop.run(r#"SELECT run_vault('p{"key": "seen", "value": 7}')"#);
    shop.run("SELECT fn_enqueue('refuse', '{\"n\": 9}')");
    shop.run(&job(100));
    wait_for(&mut shop, 10, "SELECT count(*) FROM alyx.dead_jobs", "1");
    wait_for(&mut shop, 10, "SELECT count(*) FROM effects", "1");
    // From here on nothing runs: what is dumped is known.
    shop.run("SELECT fn_pause('task')");
    shop.run(&job(1));
    shop.run(r#"SELECT fn_enqueue('task', '{"n": 2}', dedupe_key => 'two')"#);
    shop.run(r#"SELECT fn_enqueue('task', '{"n": 3}', run_at => now() + interval '4 seconds')"#);
    shop.run(r#"SELECT fn_enqueue('task', '{"n": 4}', run_at => now() + interval '1 hour', ordering_key => 'o')"#);
    shop.run(r#"SELECT fn_schedule('task', '0 3 * * *', 'Europe/Berlin', '{"n": 1000}')"#);
    let mut clerk = Session::new(cluster.server().connect(APP, "clerk"));
    clerk.run(&job(5));
    cluster
}

/// Everything that should be the same here and there.
fn state(server: &Server) -> Vec<String> {
    let mut session = server.session(APP);
    [
        "SELECT id, function, source, priority, attempt, run_at, ordering_key, dedupe_key, role, input FROM alyx.jobs ORDER BY id",
        "SELECT id, function, reason, sqlstate, last_error, errors, died_at FROM alyx.dead_jobs",
        "SELECT id, function, cron, timezone, input, next_run_at, previous_run_at FROM alyx.schedules",
        "SELECT key, owner, granted_to, updated_at FROM alyx.secrets",
        "SELECT name, owner, version, paused FROM alyx.functions ORDER BY 1",
        "SELECT key, name FROM alyx._dedupe JOIN alyx._function ON id = function_id",
        "SELECT n FROM effects",
    ]
    .iter()
    .flat_map(|sql| session.rows(sql))
    .collect()
}

#[test]
fn jobs_schedules_secrets_and_entries_go_on_in_a_new_cluster() {
    let source = busy();
    let file = std::env::temp_dir().join(format!("alyx-backup-all-{}.sql", std::process::id()));
    let address = source.server().url("postgres", "postgres");
    must(
        std::process::Command::new(source.server().bin.join("pg_dumpall"))
            .args(["--dbname", &address, "--file"])
            .arg(&file),
    );
    let before = state(source.server());
    assert_eq!(before.len(), 5 + 1 + 1 + 1 + 3 + 1 + 1, "{before:#?}");
    source.stop("fast");

    let heir = Cluster::preloaded("backup_heir", &SETTINGS);
    let output = heir.server().client_program("psql", "postgres").args(["-X", "-q", "-f"]).arg(&file).output();
    let said = String::from_utf8_lossy(&output.expect("psql runs").stderr).into_owned();
    let _ = std::fs::remove_file(&file);
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(matches!(complaints[..], [one] if one.ends_with("role \"postgres\" already exists")), "{said}");
    assert_eq!(state(heir.server()), before);

    let mut shop = heir.server().session(APP);
    waiting_jobs_run_once(&mut shop);
    // The dead one is dead for the same reason, and can be replayed.
    assert_eq!(shop.value("SELECT fn_replay('refuse')"), "1");
    wait_for(&mut shop, 10, "SELECT last_error, attempt FROM alyx.dead_jobs", "closed|1");
    assert_eq!(shop.value(r#"SELECT run_vault('g{"key": "seen"}')"#), r#"[{"value": 7, "exists": true}]"#);
    // A new schedule gets a number of its own, and so does a new function.
    assert_eq!(shop.value("SELECT fn_schedule('task', '@every 1h')"), "2");
    secrets_want_their_key(&source, &heir, &mut shop);
}

fn waiting_jobs_run_once(shop: &mut Session) {
    let key = r#"SELECT fn_enqueue('task', '{"n": 2}', dedupe_key => 'two')"#;
    let holder = shop.value("SELECT id FROM alyx.jobs WHERE dedupe_key = 'two'");
    assert_eq!(shop.value(key), holder, "a key in flight is held by the job that came along");
    shop.run("SELECT fn_resume('task')");
    wait_for(shop, 15, "SELECT string_agg(n::text, ' ' ORDER BY n) FROM effects", "1 2 3 5 100");
    assert_eq!(shop.value("SELECT role FROM effects WHERE n = 5"), "clerk");
    assert_eq!(shop.value("SELECT bool_and(attempt = 1) FROM effects"), "t");
    wait_for(shop, 10, "SELECT input ->> 'n', status, ordering_key FROM alyx.jobs", "4|scheduled|o");
    assert_ne!(shop.value(key), holder, "the key is free once its job is done");
    wait_for(shop, 10, "SELECT count(*) FROM effects WHERE n = 2", "2");
}

fn secrets_want_their_key(source: &Cluster, heir: &Cluster, shop: &mut Session) {
    let told = ask_secret(shop);
    assert!(told.starts_with("55000: "), "{told}");
    assert!(told.contains("key"), "{told}");
    // A secret that is set here makes a key file here: the old ones still want theirs.
    let file = |cluster: &Cluster| cluster.server().data.join("alyx_functions.key");
    assert!(!Path::new(&file(heir)).exists());
    shell("cp -p \"$1\" \"$2\"", &[&file(source), &file(heir)]);
    assert_eq!(ask_secret(&mut heir.server().session(APP)), "open sesame");
    assert_eq!(ask_secret(shop), "open sesame", "a session that was refused before");
}

#[test]
fn secrets_of_two_clusters_meet_when_their_key_files_are_joined() {
    let one = Cluster::preloaded("backup_key_one", &SETTINGS[..3]);
    let two = Cluster::preloaded("backup_key_two", &SETTINGS[..3]);
    for (cluster, value) in [(&one, "of the first"), (&two, "of the second")] {
        let mut admin = cluster.server().session("postgres");
        admin.run("CREATE EXTENSION alyx_functions");
        keep_secret(&mut admin, value);
    }
    let dump = crate::house::Dump::made(one.server(), "postgres", &["--format=custom"]);
    two.server().session("postgres").run("CREATE DATABASE moved");
    dump.restore(two.server(), "moved", &[]);
    let mut moved = two.server().session("moved");
    let told = ask_secret(&mut moved);
    assert!(told.starts_with("55000: "), "{told}");
    let file = |cluster: &Cluster| cluster.server().data.join("alyx_functions.key");
    // The own key stays the first, which new secrets are encrypted with.
    shell("grep '^[0-9a-zA-Z]' \"$1\" >> \"$2\"", &[&file(&one), &file(&two)]);
    assert_eq!(ask_secret(&mut moved), "of the first");
    assert_eq!(ask_secret(&mut two.server().session("postgres")), "of the second");
    // Encrypted anew, the old line is not needed any more.
    moved.run("SELECT fn_rotate_secret_key()");
    shell(
        "grep -v -F -f \"$1\" \"$2\" > \"$2.new\"; grep '^#' \"$2\" > /dev/null || true; chmod 600 \"$2.new\"; mv \"$2.new\" \"$2\"",
        &[&file(&one), &file(&two)],
    );
    assert_eq!(ask_secret(&mut two.server().session("moved")), "of the first");
}
