//! A grant ends where it is revoked, at once and everywhere; and all of it belongs to a transaction.

use crate::house::{Lines, deploy_script, env, grant, house, read, refused, set_secret};
use serde_json::json;

#[test]
fn the_next_call_reads_no_more_in_any_session() {
    let mut db = house("revocation");
    set_secret(&mut db, "KEY", "open sesame");
    let mut sessions: Vec<_> = (0..3).map(|_| db.session()).collect();
    for scope in ["fresh", "transaction", "session"] {
        // An instance that is kept has read the secret before: neither it nor a cache of ours may know it still.
        deploy_script(&mut db, "vault", &format!("instances: {scope}\nsecrets: [KEY]"));
        for round in 0..3 {
            grant(&mut db, "KEY", "vault");
            assert_eq!(read(&mut db, "vault", "KEY").as_deref(), Some("open sesame"), "{scope} {round}");
            for session in &mut sessions {
                assert_eq!(read(session, "vault", "KEY").as_deref(), Some("open sesame"), "{scope} {round}");
            }
            sessions[0].run("SELECT fn_revoke_secret('KEY', 'vault')");
            for session in &mut sessions {
                assert_eq!(refused(session, "vault", "KEY"), "42501", "{scope} {round}");
            }
            assert_eq!(refused(&mut db, "vault", "KEY"), "42501", "{scope} {round}");
        }
    }
}

/// As all that others change in the catalog, it is seen by the next statement that opens a table.
#[test]
fn a_revoke_is_seen_within_an_open_transaction() {
    let mut db = house("revocation_open");
    db.run("CREATE TABLE one AS SELECT 1 AS n");
    set_secret(&mut db, "KEY", "open sesame");
    deploy_script(&mut db, "vault", "instances: session\nsecrets: [KEY]");
    let call = Lines::new().env("KEY").by("vault");
    for level in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        grant(&mut db, "KEY", "vault");
        let mut other = db.session();
        other.run(&format!("BEGIN ISOLATION LEVEL {level}"));
        assert!(other.value(&format!("{call} FROM one")).contains("open sesame"), "{level}");
        db.run("SELECT fn_revoke_secret('KEY', 'vault'); CREATE TABLE IF NOT EXISTS two ()");
        let told = other.value(&format!("{call} FROM (SELECT FROM pg_class LIMIT 1) t, one"));
        assert!(told.contains("42501"), "{level}: {told}");
        other.run("COMMIT");
    }
}

#[test]
fn a_new_value_is_read_at_once() {
    let mut db = house("revocation_value");
    set_secret(&mut db, "KEY", "first value");
    deploy_script(&mut db, "vault", "instances: session\nsecrets: [KEY]");
    grant(&mut db, "KEY", "vault");
    let mut other = db.session();
    for value in ["first value", "second value", "third value"] {
        set_secret(&mut db, "KEY", value);
        assert_eq!(read(&mut other, "vault", "KEY").as_deref(), Some(value));
        assert_eq!(read(&mut db, "vault", "KEY").as_deref(), Some(value));
    }
    db.run("SELECT fn_set_secret('KEY', NULL)");
    assert_eq!(refused(&mut other, "vault", "KEY"), "42501");
    assert_eq!(db.value("SELECT count(*) FROM alyx.secrets"), "0");
    db.refused("SELECT fn_set_secret('KEY', NULL)", "42704");
}

#[test]
fn what_is_rolled_back_never_was() {
    let mut db = house("revocation_rollback");
    deploy_script(&mut db, "vault", "instances: session\nsecrets: [KEY]");
    let mut other = db.session();
    db.run("BEGIN");
    set_secret(&mut db, "KEY", "never committed");
    grant(&mut db, "KEY", "vault");
    assert_eq!(read(&mut db, "vault", "KEY").as_deref(), Some("never committed"));
    assert_eq!(refused(&mut other, "vault", "KEY"), "42501", "nobody else sees it");
    db.run("ROLLBACK");
    for session in [&mut *db, &mut other] {
        assert_eq!(refused(session, "vault", "KEY"), "42501");
    }
    assert_eq!(db.value("SELECT count(*) FROM alyx.secrets"), "0");
    set_secret(&mut db, "KEY", "first value");
    grant(&mut db, "KEY", "vault");
    for undone in [
        "SELECT fn_set_secret('KEY', 'second value')",
        "SELECT fn_set_secret('KEY', NULL)",
        "SELECT fn_revoke_secret('KEY', 'vault')",
        "SELECT fn_drop('vault', true)",
    ] {
        db.run(&format!("BEGIN; SAVEPOINT s; {undone}; ROLLBACK TO s"));
        assert_eq!(read(&mut db, "vault", "KEY").as_deref(), Some("first value"), "{undone}");
        db.run(&format!("{undone}; ROLLBACK"));
        for session in [&mut *db, &mut other] {
            assert_eq!(read(session, "vault", "KEY").as_deref(), Some("first value"), "{undone}");
        }
    }
    db.refused("SELECT fn_set_secret('KEY', 'second value'); SELECT 1 / 0", "22012");
    assert_eq!(env(&mut other, "vault", "KEY"), json!({"value": "first value"}));
}

#[test]
fn two_sessions_set_one_secret() {
    let mut db = house("revocation_concurrent");
    let mut other = db.session();
    deploy_script(&mut db, "vault", "secrets: [KEY]");
    db.run("BEGIN");
    set_secret(&mut db, "KEY", "of the first");
    let waiting = std::thread::spawn(move || {
        set_secret(&mut other, "KEY", "of the second");
        other
    });
    std::thread::sleep(std::time::Duration::from_millis(200));
    db.run("COMMIT");
    let mut other = waiting.join().expect("the second set waits for the first and goes on");
    grant(&mut db, "KEY", "vault");
    assert_eq!(read(&mut other, "vault", "KEY").as_deref(), Some("of the second"));
    assert_eq!(db.value("SELECT count(*) FROM alyx.secrets"), "1");
}
