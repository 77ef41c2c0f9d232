//! Sessions that set the same keys at once: they wait as for any row, the last wins, and none is left hanging.

use crate::house::{Lines, deploy_script, get, house, kv, set};
use alyx_tests::{Db, Session, wait_until};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

fn keeper(test: &str) -> Db {
    let mut db = house(test);
    deploy_script(&mut db, "keeper", "");
    db
}

fn waits(db: &mut Db, pid: u32) {
    wait_until("it waits", || {
        db.value(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock'"))
            == "1"
    });
}

#[test]
fn a_set_waits_for_a_set_and_the_last_wins() {
    let mut db = keeper("kv_wait");
    for (first_has_it, ending) in [(false, "COMMIT"), (false, "ROLLBACK"), (true, "COMMIT"), (true, "ROLLBACK")] {
        db.run("TRUNCATE alyx._kv");
        if first_has_it {
            set(&mut db, "keeper", "k", &json!("before"));
        }
        db.run("BEGIN");
        set(&mut db, "keeper", "k", &json!("first"));
        let mut other = db.session();
        let pid = other.pid();
        let waiting = thread::spawn(move || set(&mut other, "keeper", "k", &json!("second")));
        waits(&mut Db::empty(db.server().clone(), "kv_wait_watch"), pid);
        db.run(ending);
        waiting.join().expect("it goes on");
        assert_eq!(get(&mut db, "keeper", "k")["value"], "second");
        assert_eq!(db.value("SELECT count(*) FROM alyx._kv"), "1");
    }
}

#[test]
fn storms_on_one_key_lose_nothing() {
    let mut db = keeper("kv_storm");
    let mut threads = Vec::new();
    for number in 0..6 {
        let mut session = db.session();
        threads.push(thread::spawn(move || {
            for round in 0..40 {
                let (letter, request) = match (number + round) % 4 {
                    0 => ('d', json!({"key": "k"})),
                    1 => ('p', json!({"key": "k", "value": round, "ttl_ms": 1})),
                    _ => ('p', json!({"key": "k", "value": [number, round]})),
                };
                let reply = kv(&mut session, "keeper", letter, &request);
                assert!(reply.get("error").is_none(), "{letter} {request}: {reply}");
            }
        }));
    }
    threads.into_iter().for_each(|thread| thread.join().expect("no request fails"));
    set(&mut db, "keeper", "k", &json!("last"));
    assert_eq!(get(&mut db, "keeper", "k")["value"], "last");
    assert_eq!(db.value("SELECT count(*) FROM alyx._kv"), "1");
}

#[test]
fn a_deadlock_is_an_error_and_not_the_end() {
    let mut db = keeper("kv_deadlock");
    let crossed = |mut session: Session, own: &'static str, others: &'static str| {
        session.run("SET deadlock_timeout = '100ms'; BEGIN");
        set(&mut session, "keeper", own, &json!(own));
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            let ended = session.attempt(&Lines::new().line('p', &json!({"key": others, "value": own})).by("keeper"));
            let code = match &ended {
                Ok(rows) => serde_json::from_str::<Value>(&rows[0]).expect("JSON")[0]["error"]["code"]
                    .as_str()
                    .unwrap_or("none")
                    .to_owned(),
                Err(refusal) => refusal.code.clone(),
            };
            session.run("COMMIT");
            code
        })
    };
    let (one, two) = (crossed(db.session(), "a", "b"), crossed(db.session(), "b", "a"));
    let mut codes = [one.join().expect("one ends"), two.join().expect("two ends")];
    codes.sort();
    assert_eq!(codes, ["40P01", "none"]);
    assert_eq!(get(&mut db, "keeper", "a")["exists"], true);
}

#[test]
fn a_lost_race_under_a_snapshot_is_a_serialization_failure() {
    let mut db = keeper("kv_snapshot");
    set(&mut db, "keeper", "k", &json!(0));
    let mut other = db.session();
    other.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(get(&mut other, "keeper", "k")["value"], 0);
    set(&mut db, "keeper", "k", &json!(1));
    assert_eq!(get(&mut other, "keeper", "k")["value"], 0, "its snapshot is its own");
    let code = match other.attempt(&Lines::new().line('p', &json!({"key": "k", "value": 2})).by("keeper")) {
        Ok(rows) => serde_json::from_str::<Value>(&rows[0]).expect("JSON")[0]["error"]["code"].to_string(),
        Err(refusal) => format!("{:?}", refusal.code),
    };
    assert_eq!(code, "\"40001\"");
    other.run("ROLLBACK");
    assert_eq!(get(&mut db, "keeper", "k")["value"], 1);
}

#[test]
fn tidying_up_is_no_conflict() {
    let mut db = keeper("kv_tidy");
    assert_eq!(kv(&mut db, "keeper", 'p', &json!({"key": "old", "value": 0, "ttl_ms": 1})), json!({}));
    std::thread::sleep(Duration::from_millis(10));
    let mut other = db.session();
    other.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    assert_eq!(get(&mut other, "keeper", "old")["exists"], false);
    // Somebody else deletes what has expired, after the snapshot.
    set(&mut db.session(), "keeper", "a", &json!(1));
    assert_eq!(db.value("SELECT count(*) FROM alyx._kv"), "1");
    set(&mut other, "keeper", "b", &json!(2));
    other.run("COMMIT");
}

#[test]
fn whoever_waits_can_be_stopped() {
    let mut db = keeper("kv_cancel");
    let mut watch = db.session();
    db.run("BEGIN");
    set(&mut db, "keeper", "k", &json!(1));
    let call = Lines::new().line('p', &json!({"key": "k", "value": 2})).by("keeper");
    for (limit, code) in [("statement_timeout", "57014"), ("lock_timeout", "55P03")] {
        let mut other = db.session();
        let began = Instant::now();
        let ended = other.attempt(&format!("SET {limit} = '200ms'; {call}"));
        assert!(began.elapsed() < Duration::from_millis(1200), "{limit}: {:?}", began.elapsed());
        let text = format!("{ended:?}");
        assert!(text.contains(code), "{limit}: {text}");
        other.run(&format!("RESET {limit}"));
        assert_eq!(other.value("SELECT 1"), "1");
    }
    let mut other = db.session();
    let (pid, call) = (other.pid(), call.clone());
    let waiting = thread::spawn(move || other.refusal(&call));
    wait_until("it waits", || {
        watch.value(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock'"))
            == "1"
    });
    let began = Instant::now();
    watch.run(&format!("SELECT pg_cancel_backend({pid})"));
    assert_eq!(waiting.join().expect("it ends").code, "57014");
    assert!(began.elapsed() < Duration::from_millis(600), "{:?}", began.elapsed());
    // The function's own time limit.
    deploy_script(&mut watch, "keeper", "timeout: 300ms");
    let refusal = watch.refusal(&Lines::new().line('p', &json!({"key": "k", "value": 2})).by("keeper"));
    assert_eq!(refusal.code, "57014");
    db.run("COMMIT");
    assert_eq!(get(&mut db, "keeper", "k")["value"], 1);
}
