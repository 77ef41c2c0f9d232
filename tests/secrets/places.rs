//! Wherever a guest runs it reads its secrets: without the preload, in jobs, schedules and triggers, on a standby.

use crate::house::{Alone, LAST, Lines, deploy_script, grant, house, read, refused, set_secret};
use alyx_tests::{Cluster, Db, Session, guest, literal, wait_until};

/// Deploys `teller`, whose every call writes the secret `KEY` into the table `told`.
fn deploy_teller(session: &mut Session, manifest: &str) {
    session.deploy("teller", &guest("script"), &format!("entrypoint: from_config\nsecrets: [KEY]\n{manifest}"));
    let lines = Lines::new().env("KEY").query("INSERT INTO told (v) VALUES ($1)", &[LAST]).joined();
    session.run(&format!("SELECT fn_set_env('teller', 'SCRIPT', {})", literal(&lines)));
    grant(session, "KEY", "teller");
}

fn with_teller(test: &str, manifest: &str) -> Db {
    let mut db = house(test);
    db.run("CREATE TABLE told (v text, role text DEFAULT current_user); GRANT ALL ON told TO PUBLIC");
    set_secret(&mut db, "KEY", "open sesame");
    deploy_teller(&mut db, manifest);
    db
}

#[test]
fn without_the_preload() {
    let mut db = Db::new("secret_unpreloaded");
    let owner = db.deployer("owner");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    deploy_script(&mut session, "vault", "secrets: [KEY]");
    assert_eq!(refused(&mut session, "vault", "KEY"), "42501");
    grant(&mut session, "KEY", "vault");
    assert_eq!(read(&mut session, "vault", "KEY").as_deref(), Some("open sesame"));
    db.run("SELECT fn_rotate_secret_key()");
    assert_eq!(read(&mut session, "vault", "KEY").as_deref(), Some("open sesame"));
    session.run("SELECT fn_revoke_secret('KEY', 'vault')");
    assert_eq!(refused(&mut session, "vault", "KEY"), "42501");
}

#[test]
fn in_a_job_and_after_a_revoke_no_more() {
    let mut db = with_teller("secret_job", "retry: { attempts: 1 }");
    db.run("SELECT fn_enqueue('teller', '{}')");
    wait_until("the job has told", || db.rows("SELECT v FROM told") == ["open sesame"]);
    // A worker that has read it before asks again.
    db.run("SELECT fn_revoke_secret('KEY', 'teller'); SELECT fn_enqueue('teller', '{}')");
    wait_until("the second job is done", || db.value("SELECT count(*) FROM alyx.jobs") == "0");
    let told = db.rows("SELECT v FROM told ORDER BY v");
    assert!(told.iter().filter(|v| v.contains("sesame")).count() == 1, "{told:?}");
    set_secret(&mut db, "KEY", "another one");
    grant(&mut db, "KEY", "teller");
    db.run("SELECT fn_enqueue('teller', '{}')");
    wait_until("the third job has told", || db.value("SELECT count(*) FROM told WHERE v = 'another one'") == "1");
}

#[test]
fn in_a_job_of_a_role_without_rights_on_it() {
    let mut db = with_teller("secret_job_role", "");
    let caller = db.role("caller");
    db.run(&format!("GRANT EXECUTE ON FUNCTION teller(jsonb) TO {caller}"));
    db.session_as(&caller).run("SELECT fn_enqueue('teller', '{}')");
    wait_until("the job has told", || db.rows("SELECT v, role FROM told") == [format!("open sesame|{caller}")]);
}

#[test]
fn in_a_schedule() {
    let mut db = with_teller("secret_schedule", "");
    db.run("SELECT fn_schedule('teller', '@every 1s')");
    wait_until("the schedule has told", || db.rows("SELECT DISTINCT v FROM told") == ["open sesame"]);
}

#[test]
fn in_triggers_of_both_kinds() {
    let mut db = with_teller("secret_trigger", "");
    db.run("CREATE TABLE t (id int); CREATE TRIGGER now BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION teller(); INSERT INTO t VALUES (1)");
    assert_eq!(db.rows("SELECT v FROM told"), ["open sesame"]);
    db.run(
        "DROP TRIGGER now ON t; SELECT fn_attach('teller', 't', '{insert}', mode => 'async'); INSERT INTO t VALUES (2)",
    );
    wait_until("the job has told", || db.rows("SELECT v FROM told") == ["open sesame", "open sesame"]);
}

#[test]
fn whatever_the_manifest_says_of_role_and_database() {
    let mut db = house("secret_manifest");
    let owner = db.deployer("owner");
    let caller = db.role("caller");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    for manifest in ["database: none", "database: read", "run_as: owner", "log: 'off'"] {
        deploy_script(&mut session, "vault", &format!("{manifest}\nsecrets: [KEY]"));
        grant(&mut session, "KEY", "vault");
        session.run(&format!("GRANT EXECUTE ON FUNCTION run_vault(text) TO {caller}"));
        assert_eq!(read(&mut db.session_as(&caller), "vault", "KEY").as_deref(), Some("open sesame"), "{manifest}");
    }
    let lines = Lines::new().env("KEY").by("vault");
    for place in [
        "BEGIN READ ONLY",
        "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
        "BEGIN; SET LOCAL search_path = pg_temp; SET LOCAL search_path = public",
    ] {
        session.run(place);
        assert!(session.value(&lines).contains("open sesame"), "{place}");
        session.run("COMMIT");
    }
    // As a STABLE function, and in a parallel worker if there is one.
    db.run("ALTER FUNCTION run_vault(text) STABLE PARALLEL SAFE");
    session.run("CREATE TABLE many AS SELECT i FROM generate_series(1, 1000) i; ANALYZE many; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2");
    let call = lines.trim_start_matches("SELECT ");
    assert_eq!(
        session.value(&format!("SELECT count(*) FROM many WHERE i > 0 AND ({call})::text LIKE '%open sesame%'")),
        "1000"
    );
}

#[test]
fn on_a_standby_that_has_the_key() {
    let mut house = Alone::new("standby", &["wal_level=replica", "max_wal_senders=4", "hot_standby=on"]);
    let name = house.name().to_owned();
    set_secret(&mut house, "KEY", "open sesame");
    deploy_script(&mut house, "vault", "secrets: [KEY]");
    grant(&mut house, "KEY", "vault");
    // A base backup carries the data folder, and the key with it.
    let standby = Cluster::standby_of(house.cluster(), "secrets_standby_copy", &[]);
    let mut reading = standby.server().session(&name);
    assert_eq!(read(&mut reading, "vault", "KEY").as_deref(), Some("open sesame"));
    reading.refused("SELECT fn_set_secret('KEY', 'another value')", "25006");
    reading.refused("SELECT fn_rotate_secret_key()", "25006");
    assert_eq!(read(&mut reading, "vault", "KEY").as_deref(), Some("open sesame"));
    house.run("SELECT fn_revoke_secret('KEY', 'vault')");
    wait_until("the revoke arrives", || reading.value(&Lines::new().env("KEY").by("vault")).contains("42501"));
    // The key of a rotation has to be copied: without it the standby says so, and with it reads.
    grant(&mut house, "KEY", "vault");
    house.run("SELECT fn_rotate_secret_key()");
    wait_until("the rotation arrives", || {
        let reply = reading.value(&Lines::new().env("KEY").by("vault"));
        reply.contains("error") && !reply.contains("42501")
    });
    let key = house.server().data.join("alyx_functions.key");
    let copied = alyx_tests::run_as_server_user(std::path::Path::new("cp"))
        .arg("-p")
        .arg(&key)
        .arg(standby.server().data.join("alyx_functions.key"))
        .status();
    assert!(copied.is_ok_and(|status| status.success()));
    assert_eq!(read(&mut standby.server().session(&name), "vault", "KEY").as_deref(), Some("open sesame"));
    drop(reading);
    drop(standby);
}
