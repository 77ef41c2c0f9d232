//! fn_doctor(): what is well, what is not, and what it says to do.

use alyx_tests::{Cluster, Db, guest, run_as_server_user};
use std::path::Path;

fn finding(db: &mut Db, item: &str) -> [String; 3] {
    let rows = db.rows(&format!("SELECT state, detail, coalesce(hint, '') FROM fn_doctor() WHERE item = '{item}'"));
    let parts: Vec<String> = rows.concat().splitn(3, '|').map(str::to_owned).collect();
    parts.try_into().unwrap_or_else(|parts| panic!("{item}: {parts:?}"))
}

fn on_server(program: &str, arguments: &[&str], path: &Path) {
    let status = run_as_server_user(Path::new(program)).args(arguments).arg(path).status().expect("it runs");
    assert!(status.success(), "{program} {arguments:?}");
}

#[test]
fn without_the_preload_it_gives_the_line_to_add() {
    let mut db = Db::new("doctor_plain");
    let [state, _, hint] = finding(&mut db, "preload");
    assert_eq!(state, "warning");
    assert!(hint.contains("shared_preload_libraries = 'alyx_functions'"), "{hint}");
    // What does not run is not looked at.
    assert_eq!(
        db.value("SELECT count(*) FROM fn_doctor() WHERE item IN ('processes', 'jobs', 'schedules', 'records')"),
        "0"
    );
    assert_eq!(db.value("SELECT count(*) FROM fn_doctor() WHERE state = 'problem'"), "0");
    assert_eq!(finding(&mut db, "version")[0], "ok");
    assert!(finding(&mut db, "functions of superusers")[1].starts_with("none"));
    assert!(finding(&mut db, "who may deploy")[1].ends_with("superusers aside"));
}

#[test]
fn it_is_for_those_who_watch_the_server() {
    let mut db = Db::new("doctor_rights");
    let role = db.role("somebody");
    db.session_as(&role).refused("SELECT * FROM fn_doctor()", "42501");
    db.session_as(&role).refused("SELECT alyx._surroundings()", "42501");
    db.run(&format!("ALTER ROLE {role} INHERIT; GRANT pg_monitor TO {role}"));
    assert_eq!(db.session_as(&role).value("SELECT count(*) > 8 FROM fn_doctor()"), "t");
}

#[test]
fn on_a_server_that_preloads_all_is_well_until_it_is_not() {
    let cluster = Cluster::preloaded("doctor", &["max_worker_processes=16"]);
    let mut db = Db::on(cluster.server().clone(), "doctor_all");
    alyx_tests::wait_until("the manager is there", || finding(&mut db, "processes")[0] == "ok");
    let bad = db
        .rows("SELECT item, state, detail, hint FROM fn_doctor() WHERE state <> 'ok' AND item <> 'memory overcommit'");
    assert_eq!(bad, [""; 0], "a new installation has nothing to complain of");
    assert_eq!(db.value("SELECT count(*) FROM fn_doctor() WHERE state = 'ok' AND hint IS NOT NULL"), "0");

    // A dead job, a paused function.
    db.deploy("broken", &guest("trap"), "retry: {attempts: 1}\n");
    db.run("SELECT fn_enqueue('broken')");
    alyx_tests::wait_until("the job dies", || db.value("SELECT count(*) FROM alyx.dead_jobs") == "1");
    let [state, detail, hint] = finding(&mut db, "jobs");
    assert!(state == "warning" && detail.contains("1 dead") && hint.contains("fn_replay"), "{state} {detail} {hint}");
    db.run("SELECT fn_pause('broken')");
    let [state, detail, hint] = finding(&mut db, "functions");
    assert!(state == "warning" && detail.contains("1 paused") && hint.contains("fn_resume"), "{state} {detail} {hint}");

    // Languages open to all; a function that runs as a superuser for others.
    db.run("GRANT USAGE ON LANGUAGE wasm TO PUBLIC");
    let [state, _, hint] = finding(&mut db, "who may deploy");
    assert!(state == "warning" && hint.contains("REVOKE USAGE ON LANGUAGE wasm FROM PUBLIC"), "{state} {hint}");
    db.run("REVOKE USAGE ON LANGUAGE wasm FROM PUBLIC");
    db.deploy("mighty", &guest("echo"), "run_as: owner\n");
    let [state, detail, _] = finding(&mut db, "functions of superusers");
    assert!(state == "warning" && detail.contains("mighty"), "{state} {detail}");

    // A folder of compiled modules that others can write, a key file that is lost.
    let data = cluster.server().data.clone();
    on_server("/bin/chmod", &["777"], &data.join("alyx_functions"));
    let [state, detail, hint] = finding(&mut db, "cache folder");
    assert!(state == "problem" && detail.contains("not safe") && hint.contains("0700"), "{state} {detail} {hint}");
    on_server("/bin/chmod", &["700"], &data.join("alyx_functions"));
    assert_eq!(finding(&mut db, "cache folder")[0], "ok");
    db.run("SELECT fn_set_secret('TOKEN', 'a secret of some length')");
    assert_eq!(finding(&mut db, "key of secrets")[0], "ok");
    on_server("/bin/chmod", &["644"], &data.join("alyx_functions.key"));
    let [state, _, hint] = finding(&mut db, "key of secrets");
    assert!(state == "problem" && hint.contains("0600"), "{state} {hint}");
    on_server("/bin/rm", &[], &data.join("alyx_functions.key"));
    let [state, detail, hint] = finding(&mut db, "key of secrets");
    assert!(
        state == "problem" && detail.contains("not there; 1 secrets") && hint.contains("fn_set_secret(key, NULL)"),
        "{state} {detail} {hint}"
    );

    // Jobs that wait because the server says so.
    db.run("ALTER SYSTEM SET alyx_functions.enabled = off");
    db.run("SELECT pg_reload_conf()");
    alyx_tests::wait_until("the setting is known", || finding(&mut db, "enabled")[0] == "warning");
    assert!(finding(&mut db, "enabled")[2].contains("alyx_functions.enabled = on"));
}
