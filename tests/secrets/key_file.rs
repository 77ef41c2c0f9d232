//! The key lies in a file outside of the database, for the server's eyes only, and is never made up anew in silence.

use crate::house::{Alone, Lines, deploy_script, grant, read, set_secret};
use alyx_tests::{Session, run_as_server_user};
use std::path::{Path, PathBuf};
use std::thread;

const SETTINGS: [&str; 1] = ["alyx_functions.max_workers=4"];

fn as_server(words: &[&str]) -> String {
    let mut command = run_as_server_user(Path::new(words[0]));
    let output = command.args(&words[1..]).output().unwrap_or_else(|error| panic!("{words:?}: {error}"));
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A server with one secret, and the path of its key.
fn with_secret(test: &str) -> (Alone, String) {
    let mut house = Alone::new(test, &SETTINGS);
    let key = path(&house);
    deploy_script(&mut house, "vault", "secrets: [KEY]");
    set_secret(&mut house, "KEY", "open sesame");
    grant(&mut house, "KEY", "vault");
    assert_eq!(read(&mut house, "vault", "KEY").as_deref(), Some("open sesame"));
    (house, key)
}

fn path(house: &Alone) -> String {
    house.server().data.join("alyx_functions.key").to_string_lossy().into_owned()
}

/// What a new session is told instead of the secret. An error that the guest may handle, or one that ends the call.
#[track_caller]
fn told(session: &mut Session) -> String {
    let told = match session.attempt(&Lines::new().env("KEY").by("vault")) {
        Ok(rows) => rows.join(""),
        Err(refusal) => format!("\"error\": {refusal}"),
    };
    assert!(told.contains("\"error\"") && !told.contains("sesame"), "{told}");
    told
}

#[test]
fn it_is_made_on_first_use_for_the_server_alone() {
    let mut house = Alone::new("key_made", &SETTINGS);
    let key = path(&house);
    assert!(as_server(&["find", &house.server().data.to_string_lossy(), "-name", "*.key"]).is_empty());
    set_secret(&mut house, "KEY", "open sesame");
    let owner = as_server(&["stat", "-c", "%U", &house.server().data.to_string_lossy()]);
    assert_eq!(as_server(&["stat", "-c", "%a %U %F", &key]), format!("600 {owner} regular file"));
    house.run("SELECT fn_rotate_secret_key()");
    assert_eq!(as_server(&["stat", "-c", "%a %U %F", &key]), format!("600 {owner} regular file"));
    // Nothing else is left of making it.
    let folder = house.server().data.to_string_lossy().into_owned();
    assert_eq!(as_server(&["find", &folder, "-maxdepth", "1", "-name", "*alyx*key*"]), key);
    let stranger = house.deployer("stranger");
    let mut session = house.session_as(&stranger);
    session.refused("SHOW alyx_functions.secrets_key_file", "42501");
    session.refused("SET alyx_functions.secrets_key_file = '/tmp/mine'", "55P02");
    session.refused("SELECT pg_read_file('alyx_functions.key')", "42501");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let (mut house, key) = with_secret("key_mode");
    for mode in ["640", "604", "660", "644"] {
        as_server(&["chmod", mode, &key]);
        let said = told(&mut house.session());
        assert!(
            said.contains("permission") || said.contains("0600") || said.contains("group or others"),
            "{mode}: {said}"
        );
        let refusal = house.session().refusal("SELECT fn_set_secret('OTHER', 'open sesame')");
        assert!(["42501", "55000", "58P01", "F0000"].contains(&refusal.code.as_str()), "{mode}: {refusal}");
        assert!(!refusal.code.starts_with("XX"), "{mode}: {refusal}");
    }
    as_server(&["chmod", "600", &key]);
    assert_eq!(read(&mut house.session(), "vault", "KEY").as_deref(), Some("open sesame"));
    as_server(&["chmod", "400", &key]);
    assert_eq!(read(&mut house.session(), "vault", "KEY").as_deref(), Some("open sesame"));
    as_server(&["chmod", "600", &key]);
    house.run("SELECT fn_set_secret('OTHER', 'open sesame')");
}

#[test]
fn a_lost_key_is_not_replaced() {
    let (mut house, key) = with_secret("key_lost");
    let away = format!("{key}.away");
    as_server(&["mv", &key, &away]);
    for attempt in [
        "SELECT fn_set_secret('OTHER', 'open sesame')",
        "SELECT fn_set_secret('KEY', 'open sesame')",
        "SELECT fn_rotate_secret_key()",
    ] {
        let said = told(&mut house.session());
        assert!(said.contains("key"), "{said}");
        let refusal = house.session().refusal(attempt);
        assert!(refusal.says("key") && !refusal.code.starts_with("XX"), "{attempt}: {refusal}");
        assert!(
            !Path::new(&key).exists()
                && as_server(&["find", &house.server().data.to_string_lossy(), "-name", "*.key"]).is_empty(),
            "{attempt} made a new key"
        );
    }
    // What needs no key goes on.
    house.session().run("SELECT key, granted_to FROM alyx.secrets; SELECT fn_revoke_secret('KEY', 'none')");
    as_server(&["mv", &away, &key]);
    assert_eq!(read(&mut house.session(), "vault", "KEY").as_deref(), Some("open sesame"));
    // After a restart, too.
    as_server(&["mv", &key, &away]);
    house.leave();
    house.cluster().stop("fast");
    house.cluster().begin();
    let mut session = house.session();
    told(&mut session);
    as_server(&["mv", &away, &key]);
    assert_eq!(read(&mut session, "vault", "KEY").as_deref(), Some("open sesame"), "it is found without a new session");
}

#[test]
fn a_damaged_key_is_an_error_and_stays_as_it_is() {
    let (mut house, key) = with_secret("key_damaged");
    let good: PathBuf = format!("{key}.good").into();
    as_server(&["cp", "-p", &key, &good.to_string_lossy()]);
    for damage in [
        ": > \"$0\"",
        "printf x > \"$0\"",
        "head -c 20 \"$0.good\" > \"$0\"",
        "head -c 4096 /dev/zero > \"$0\"",
        "head -c 4096 /dev/urandom > \"$0\"",
        "head -c -10 \"$0.good\" > \"$0\"",
    ] {
        as_server(&["sh", "-c", damage, &key]);
        let before = as_server(&["sha256sum", &key]);
        told(&mut house.session());
        for attempt in ["SELECT fn_set_secret('KEY', 'open sesame')", "SELECT fn_rotate_secret_key()"] {
            if let Err(refusal) = house.session().attempt(&format!("BEGIN; {attempt}; ROLLBACK")) {
                assert!(!refusal.code.starts_with("XX"), "{damage}: {attempt}: {refusal}");
            } else {
                panic!("{damage}: {attempt} goes on with a key that reads nothing");
            }
        }
        assert_eq!(as_server(&["sha256sum", &key]), before, "{damage}: the file was changed");
    }
    as_server(&["rm", &key]);
    as_server(&["mkdir", "-m", "700", &key]);
    told(&mut house.session());
    as_server(&["rmdir", &key]);
    as_server(&["cp", "-p", &good.to_string_lossy(), &key]);
    assert_eq!(read(&mut house.session(), "vault", "KEY").as_deref(), Some("open sesame"));
    assert_eq!(house.value("SELECT count(*) FROM alyx.secrets"), "1");
}

#[test]
fn somebody_elses_key_reads_nothing() {
    let (house, key) = with_secret("key_foreign");
    let (_other, foreign) = with_secret("key_foreign_other");
    let good = format!("{key}.good");
    as_server(&["mv", &key, &good]);
    as_server(&["cp", "-p", &foreign, &key]);
    told(&mut house.session());
    as_server(&["mv", &good, &key]);
    assert_eq!(read(&mut house.session(), "vault", "KEY").as_deref(), Some("open sesame"));
}

#[test]
fn the_first_secrets_at_once_share_one_key() {
    let mut house = Alone::new("key_race", &SETTINGS);
    deploy_script(&mut house, "vault", "secrets: [K0, K1, K2, K3, K4, K5, K6, K7]");
    let sessions: Vec<_> = (0..8).map(|_| house.session()).collect();
    let setting: Vec<_> = sessions
        .into_iter()
        .enumerate()
        .map(|(n, mut session)| {
            thread::spawn(move || {
                set_secret(&mut session, &format!("K{n}"), &format!("value number {n}"));
                grant(&mut session, &format!("K{n}"), "vault");
            })
        })
        .collect();
    setting.into_iter().for_each(|thread| thread.join().expect("set"));
    let mut later = house.session();
    for n in 0..8 {
        assert_eq!(read(&mut later, "vault", &format!("K{n}")), Some(format!("value number {n}")));
    }
}

#[test]
fn another_file_is_named_by_a_setting() {
    let (mut house, key) = with_secret("key_setting");
    let folder = format!("{}/elsewhere", house.server().data.parent().expect("a folder").display());
    as_server(&["mkdir", "-m", "700", &folder]);
    let elsewhere = format!("{folder}/keys");
    as_server(&["mv", &key, &elsewhere]);
    told(&mut house.session());
    house.run(&format!("ALTER SYSTEM SET alyx_functions.secrets_key_file = '{elsewhere}'"));
    house.run("SELECT pg_reload_conf()");
    alyx_tests::wait_until("the setting is there", || {
        house.session().value("SHOW alyx_functions.secrets_key_file") == elsewhere
    });
    assert_eq!(read(&mut house.session(), "vault", "KEY").as_deref(), Some("open sesame"));
    alyx_tests::wait_until("an old session reads it too", || {
        house.value(&Lines::new().env("KEY").by("vault")).contains("open sesame")
    });
    house.run("SELECT fn_rotate_secret_key()");
    assert!(!Path::new(&key).exists() || as_server(&["stat", "-c", "%F", &key]).is_empty());
    assert_eq!(read(&mut house.session(), "vault", "KEY").as_deref(), Some("open sesame"));
}
