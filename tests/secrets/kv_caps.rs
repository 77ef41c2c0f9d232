//! What a function may keep is limited: each value, their number, their size together, in many sessions at once too.

use crate::house::{Lines, deploy_script, get, house, keys, kv, set};
use alyx_tests::{Db, Session};
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;

/// A keeper under these ceilings, which hold for every new session.
fn capped(test: &str, settings: &[(&str, &str)]) -> Db {
    let mut db = house(test);
    deploy_script(&mut db, "keeper", "");
    for (name, value) in settings {
        let database = db.name().to_owned();
        db.run(&format!(
            "ALTER DATABASE {database} SET alyx_functions.{name} = '{value}'; SET alyx_functions.{name} = '{value}'"
        ));
    }
    db
}

fn try_set(session: &mut Session, key: &str, value: &Value) -> Value {
    kv(session, "keeper", 'p', &json!({"key": key, "value": value}))
}

#[track_caller]
fn over(reply: &Value, setting: &str) {
    assert_eq!(reply["error"]["code"], "54000", "{reply}");
    assert!(reply.to_string().contains(setting), "the setting is named: {reply}");
}

#[test]
fn only_superusers_set_the_ceilings() {
    let mut db = house("kv_cap_rights");
    let role = db.deployer("role");
    let mut session = db.session_as(&role);
    for (setting, default) in [("kv_max_value", "1MB"), ("kv_max_keys", "100000"), ("kv_max_size", "64MB")] {
        assert_eq!(session.value(&format!("SHOW alyx_functions.{setting}")), default);
        session.refused(&format!("SET alyx_functions.{setting} = 10000"), "42501");
    }
    // A guest of a superuser's function could; one of a role cannot, whoever calls.
    deploy_script(&mut session, "keeper", "");
    let reply =
        db.json(&Lines::new().query("SELECT set_config('alyx_functions.kv_max_keys', '1', false)", &[]).by("keeper"));
    assert_eq!(reply[0]["error"]["code"], "42501", "{reply}");
}

#[test]
fn a_value_has_a_greatest_size() {
    let mut db = capped("kv_cap_value", &[("kv_max_value", "2kB")]);
    set(&mut db, "keeper", "k", &json!("x".repeat(1800)));
    over(&try_set(&mut db, "k", &json!("y".repeat(2100))), "kv_max_value");
    over(&try_set(&mut db, "new", &json!(vec![0; 1100])), "kv_max_value");
    // Bytes count, not letters.
    over(&try_set(&mut db, "k", &json!("é".repeat(1200))), "kv_max_value");
    // What compresses well is as big as it is.
    over(&try_set(&mut db, "k", &json!(" ".repeat(100_000))), "kv_max_value");
    assert_eq!(get(&mut db, "keeper", "k")["value"], json!("x".repeat(1800)));
    assert_eq!(keys(&mut db, "keeper", &json!({})), ["k"]);
}

#[test]
fn keys_have_a_greatest_number() {
    let mut db = capped("kv_cap_keys", &[("kv_max_keys", "5")]);
    for n in 0..5 {
        set(&mut db, "keeper", &n.to_string(), &json!(n));
    }
    over(&try_set(&mut db, "5", &json!(5)), "kv_max_keys");
    set(&mut db, "keeper", "4", &json!("changed"));
    assert_eq!(kv(&mut db, "keeper", 'd', &json!({"key": "0"})), json!({"deleted": true}));
    set(&mut db, "keeper", "5", &json!(5));
    over(&try_set(&mut db, "6", &json!(6)), "kv_max_keys");
    // Within one transaction, and after one that was rolled back.
    db.run("BEGIN");
    assert_eq!(kv(&mut db, "keeper", 'd', &json!({"key": "1"})), json!({"deleted": true}));
    set(&mut db, "keeper", "6", &json!(6));
    over(&try_set(&mut db, "7", &json!(7)), "kv_max_keys");
    db.run("ROLLBACK");
    over(&try_set(&mut db, "6", &json!(6)), "kv_max_keys");
    assert_eq!(keys(&mut db, "keeper", &json!({})), ["1", "2", "3", "4", "5"]);
    // Another function has room of its own.
    deploy_script(&mut db, "other", "");
    set(&mut db, "other", "k", &json!(1));
}

#[test]
fn all_of_it_has_a_greatest_size() {
    let mut db = capped("kv_cap_size", &[("kv_max_size", "64kB")]);
    for n in 0..6 {
        set(&mut db, "keeper", &n.to_string(), &json!("x".repeat(10_000)));
    }
    over(&try_set(&mut db, "6", &json!("x".repeat(10_000))), "kv_max_size");
    over(&try_set(&mut db, "5", &json!("x".repeat(20_000))), "kv_max_size");
    set(&mut db, "keeper", "6", &json!("small"));
    set(&mut db, "keeper", "5", &json!("now small, too"));
    set(&mut db, "keeper", "6", &json!("x".repeat(10_000)));
    // Keys count.
    let mut refused = None;
    for n in 0..200 {
        let reply = try_set(&mut db, &format!("{n:0>500}"), &json!(0));
        if reply != json!({}) {
            refused = Some(reply);
            break;
        }
    }
    over(&refused.expect("hundred kilobytes of keys are too many"), "kv_max_size");
    // Compressed or not.
    deploy_script(&mut db, "other", "");
    let replies: Vec<Value> = (0..10)
        .map(|n| kv(&mut db, "other", 'p', &json!({"key": n.to_string(), "value": " ".repeat(10_000)})))
        .collect();
    assert!(replies.iter().any(|reply| reply["error"]["code"] == "54000"), "{replies:?}");
}

#[test]
fn what_has_expired_makes_room() {
    let mut db = capped("kv_cap_expired", &[("kv_max_keys", "5"), ("kv_max_size", "64kB")]);
    for round in 0..3 {
        for n in 0..5 {
            let request = json!({"key": format!("{round} {n}"), "value": "x".repeat(12_000), "ttl_ms": 50});
            assert_eq!(kv(&mut db, "keeper", 'p', &request), json!({}), "round {round}");
        }
        thread::sleep(Duration::from_millis(80));
    }
}

#[test]
fn many_sessions_do_not_pass_far_over() {
    let mut db = capped("kv_cap_sessions", &[("kv_max_keys", "40")]);
    let sessions: Vec<Session> = (0..8).map(|_| db.session()).collect();
    let threads: Vec<_> = sessions
        .into_iter()
        .enumerate()
        .map(|(number, mut session)| {
            thread::spawn(move || {
                for round in 0..4 {
                    session.run("BEGIN");
                    for n in 0..10 {
                        let reply = try_set(&mut session, &format!("{number} {round} {n}"), &json!(n));
                        assert!(reply == json!({}) || reply["error"]["code"] == "54000", "{reply}");
                    }
                    session.run("COMMIT");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("every set is answered"));
    let kept: usize = db.value("SELECT count(*) FROM alyx._kv").parse().expect("a number");
    // A session cannot see what others have not committed: each may add what one transaction of its adds.
    assert!((40..=40 + 8 * 10).contains(&kept), "{kept} keys");
    // From then on there is no more.
    over(&try_set(&mut db, "one more", &json!(1)), "kv_max_keys");
}

#[test]
fn a_list_that_is_too_large_is_an_error_or_a_shorter_page() {
    let mut db = house("kv_cap_list");
    deploy_script(&mut db, "keeper", "");
    for n in 0..10 {
        set(&mut db, "keeper", &n.to_string(), &json!("x".repeat(100_000)));
    }
    db.run("SET alyx_functions.max_host_call = '512kB'");
    match db.attempt(&Lines::new().line('k', &json!({})).by("keeper")) {
        Ok(rows) => {
            let reply: Value = serde_json::from_str(&rows[0]).expect("JSON");
            let page = &reply[0];
            assert!(page["error"]["code"] == "54000" || page["more"] == true, "{}", page["error"]);
        }
        Err(refusal) => assert_eq!(refusal.code, "54000", "{refusal}"),
    }
    assert_eq!(keys(&mut db, "keeper", &json!({"limit": 2})), ["0", "1"]);
}
