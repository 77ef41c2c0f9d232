//! A new key: everything is read before, while and after it is made, and nothing is lost when making it fails.

use crate::house::{deploy_script, grant, house, read, set_secret};
use alyx_tests::{Db, Session};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const ROTATE: &str = "SELECT fn_rotate_secret_key()";

/// A database with the secrets `K1` to `K5`, and `vault` that may read all of them.
fn five(test: &str) -> Db {
    let mut db = house(test);
    deploy_script(&mut db, "vault", "instances: session\nsecrets: [K1, K2, K3, K4, K5]");
    for n in 1..=5 {
        set_secret(&mut db, &format!("K{n}"), &format!("value number {n}"));
        grant(&mut db, &format!("K{n}"), "vault");
    }
    db
}

#[track_caller]
fn all_are_read(session: &mut Session) {
    for n in 1..=5 {
        assert_eq!(read(session, "vault", &format!("K{n}")), Some(format!("value number {n}")));
    }
}

fn ciphertexts(db: &mut Db) -> Vec<String> {
    db.rows("SELECT s::text FROM alyx._secret s ORDER BY key")
}

#[test]
fn only_a_superuser_rotates() {
    let mut db = five("rotation_rights");
    let owner = db.deployer("owner");
    let before = ciphertexts(&mut db);
    db.session_as(&owner).refused(ROTATE, "42501");
    db.run(&format!("GRANT EXECUTE ON FUNCTION fn_rotate_secret_key() TO {owner}"));
    db.session_as(&owner).refused(ROTATE, "42501");
    assert_eq!(ciphertexts(&mut db), before);
}

#[test]
fn everything_is_encrypted_anew_and_read_as_before() {
    let mut db = five("rotation");
    // A session that knows the old keys alone, and one that comes later.
    let mut old = db.session();
    all_are_read(&mut old);
    for _ in 0..3 {
        let before = ciphertexts(&mut db);
        assert_eq!(db.value(ROTATE), "5");
        let after = ciphertexts(&mut db);
        assert!(before.iter().zip(&after).all(|(before, after)| before != after), "{after:?}");
        all_are_read(&mut db);
        all_are_read(&mut old);
        all_are_read(&mut db.session());
        // What an old session writes, a new one reads.
        set_secret(&mut old, "K3", "value number 3");
        all_are_read(&mut db.session());
    }
    assert_eq!(db.value("SELECT count(*) FROM alyx.secrets WHERE cardinality(granted_to) = 1"), "5");
}

#[test]
fn other_databases_keep_their_secrets() {
    let mut one = five("rotation_one");
    let mut two = five("rotation_two");
    let before = ciphertexts(&mut two);
    one.run(ROTATE);
    one.run(ROTATE);
    assert_eq!(ciphertexts(&mut two), before);
    all_are_read(&mut two);
    all_are_read(&mut two.session());
    two.run(ROTATE);
    all_are_read(&mut one);
    all_are_read(&mut two);
}

#[test]
fn two_databases_rotate_at_once() {
    let mut houses = [five("rotation_twin_one"), five("rotation_twin_two")];
    thread::scope(|scope| {
        for db in &mut houses {
            scope.spawn(move || (0..15).for_each(|_| assert_eq!(db.value(ROTATE), "5")));
        }
    });
    houses.iter_mut().for_each(|db| all_are_read(db));
}

#[test]
fn a_rotation_that_is_rolled_back_changes_nothing() {
    let mut db = five("rotation_rollback");
    let before = ciphertexts(&mut db);
    db.run(&format!("BEGIN; {ROTATE}"));
    all_are_read(&mut db);
    db.run("ROLLBACK");
    assert_eq!(ciphertexts(&mut db), before);
    all_are_read(&mut db);
    all_are_read(&mut db.session());
    db.run(&format!("BEGIN; SAVEPOINT s; {ROTATE}; ROLLBACK TO s"));
    set_secret(&mut db, "K1", "value number 1");
    db.run("COMMIT");
    all_are_read(&mut db.session());
    assert_eq!(db.value(ROTATE), "5");
    all_are_read(&mut db);
}

#[test]
fn nothing_to_rotate_is_no_error() {
    let mut db = house("rotation_empty");
    assert_eq!(db.value(ROTATE), "0");
    deploy_script(&mut db, "vault", "secrets: [K1]");
    set_secret(&mut db, "K1", "value number 1");
    grant(&mut db, "K1", "vault");
    assert_eq!(read(&mut db, "vault", "K1").as_deref(), Some("value number 1"));
}

#[test]
fn a_value_that_is_set_meanwhile_is_not_lost() {
    let mut db = five("rotation_open_set");
    let mut other = db.session();
    // The set is open when the rotation comes.
    other.run("BEGIN; SELECT fn_set_secret('K2', 'set meanwhile')");
    let mut rotating = db.session();
    let rotation = thread::spawn(move || rotating.attempt(ROTATE));
    thread::sleep(std::time::Duration::from_millis(300));
    other.run("COMMIT");
    let ended = rotation.join().expect("the rotation ends");
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(read(&mut db.session(), "vault", "K2").as_deref(), Some("set meanwhile"));
    // The rotation is open when the set comes.
    db.run(&format!("BEGIN; {ROTATE}"));
    let setting = thread::spawn(move || {
        set_secret(&mut other, "K3", "set after it");
    });
    thread::sleep(std::time::Duration::from_millis(300));
    db.run("COMMIT");
    setting.join().expect("the set ends");
    assert_eq!(read(&mut db.session(), "vault", "K3").as_deref(), Some("set after it"));
    assert_eq!(read(&mut db, "vault", "K1").as_deref(), Some("value number 1"));
}

#[test]
fn sets_reads_and_rotations_side_by_side() {
    let mut db = five("rotation_storm");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut writers = Vec::new();
        for n in 1..=3 {
            let mut session = db.session();
            writers.push(scope.spawn(move || {
                for round in 0..40 {
                    set_secret(&mut session, &format!("K{n}"), &format!("round {round} of {n}"));
                }
            }));
        }
        let (mut reader, stop) = (db.session(), &stop);
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                for n in 1..=5 {
                    let value = read(&mut reader, "vault", &format!("K{n}"));
                    assert!(value.is_some_and(|value| value.ends_with(&format!(" {n}"))), "K{n}");
                }
            }
        });
        let rotators: Vec<_> = (0..2)
            .map(|_| {
                let mut session = db.session();
                scope.spawn(move || (0..8).for_each(|_| session.run(ROTATE)))
            })
            .collect();
        let ended: Vec<_> = writers.into_iter().chain(rotators).map(|thread| thread.join()).collect();
        stop.store(true, Ordering::Relaxed);
        ended.into_iter().for_each(|end| end.expect("sets and rotations go well"));
    });
    for n in 1..=3 {
        assert_eq!(read(&mut db, "vault", &format!("K{n}")), Some(format!("round 39 of {n}")));
    }
    assert_eq!(db.value("SELECT count(*) FROM alyx.secrets"), "5");
}

#[test]
fn a_damaged_secret_is_named_and_stops_it() {
    let mut db = five("rotation_damaged");
    let column = db.value("SELECT attname FROM pg_attribute WHERE attrelid = 'alyx._secret'::regclass AND attnum > 0 AND atttypid = 'bytea'::regtype AND NOT attisdropped");
    let end = format!("octet_length({column}) - 1");
    db.run(&format!(
        "UPDATE alyx._secret SET {column} = set_byte({column}, {end}, get_byte({column}, {end}) # 1) WHERE key = 'K4'"
    ));
    let before = ciphertexts(&mut db);
    let refusal = db.refusal(ROTATE);
    assert!(refusal.says("K4"), "{refusal}");
    assert_eq!(ciphertexts(&mut db), before);
    db.run("SELECT fn_set_secret('K4', 'value number 4')");
    assert_eq!(db.value(ROTATE), "5");
    all_are_read(&mut db);
}
