//! A value with a time to live is gone when the time is over, for whoever looks.

use crate::house::{Lines, deploy_script, get, house, keys, kv, set};
use alyx_tests::{Db, wait_until};
use serde_json::json;
use std::thread;
use std::time::Duration;

fn keeper(test: &str) -> Db {
    let mut db = house(test);
    deploy_script(&mut db, "keeper", "");
    db
}

#[track_caller]
fn set_for(db: &mut Db, key: &str, ttl_ms: u64) {
    assert_eq!(kv(db, "keeper", 'p', &json!({"key": key, "value": key, "ttl_ms": ttl_ms})), json!({}));
}

#[test]
fn it_ends_for_every_way_to_look() {
    let mut db = keeper("kv_ttl");
    set_for(&mut db, "short", 300);
    set_for(&mut db, "long", 60_000);
    let expires = kv(&mut db, "keeper", 'k', &json!({"prefix": "long"}))["entries"][0]["expires_at"].clone();
    let left = format!(
        "SELECT extract(epoch FROM '{}'::timestamptz - now()) BETWEEN 50 AND 60",
        expires.as_str().expect("a time")
    );
    assert_eq!(db.value(&left), "t", "{expires}");
    assert_eq!(get(&mut db, "keeper", "short"), json!({"value": "short", "exists": true}));
    thread::sleep(Duration::from_millis(350));
    assert_eq!(get(&mut db, "keeper", "short"), json!({"value": null, "exists": false}));
    assert_eq!(keys(&mut db, "keeper", &json!({})), ["long"]);
    assert_eq!(kv(&mut db, "keeper", 'd', &json!({"key": "short"})), json!({"deleted": false}));
}

#[test]
fn it_ends_within_a_transaction_and_within_a_call() {
    let mut db = keeper("kv_ttl_within");
    db.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    set_for(&mut db, "k", 200);
    assert_eq!(get(&mut db, "keeper", "k")["exists"], true);
    db.run("SELECT pg_sleep(0.25)");
    assert_eq!(get(&mut db, "keeper", "k")["exists"], false);
    db.run("COMMIT");
    let replies = db.json(
        &Lines::new()
            .line('p', &json!({"key": "k", "value": 1, "ttl_ms": 100}))
            .query("SELECT pg_sleep(0.15)", &[])
            .line('g', &json!({"key": "k"}))
            .line('k', &json!({}))
            .by("keeper"),
    );
    assert_eq!(replies[2]["exists"], false, "{replies}");
    assert_eq!(replies[3]["entries"], json!([]), "{replies}");
}

#[test]
fn setting_anew_begins_anew() {
    let mut db = keeper("kv_ttl_anew");
    set_for(&mut db, "forever", 200);
    set(&mut db, "keeper", "forever", &json!("now without end"));
    set(&mut db, "keeper", "ending", &json!("without end"));
    set_for(&mut db, "ending", 200);
    set_for(&mut db, "longer", 200);
    set_for(&mut db, "longer", 60_000);
    set_for(&mut db, "again", 100);
    thread::sleep(Duration::from_millis(250));
    assert_eq!(keys(&mut db, "keeper", &json!({})), ["forever", "longer"]);
    // The place of what has expired is free.
    set(&mut db, "keeper", "again", &json!("once more"));
    assert_eq!(get(&mut db, "keeper", "again"), json!({"value": "once more", "exists": true}));
    assert_eq!(kv(&mut db, "keeper", 'k', &json!({"prefix": "again"}))["entries"][0]["expires_at"], json!(null));
}

#[test]
fn pages_are_full_although_much_has_expired() {
    let mut db = keeper("kv_ttl_pages");
    let mut lines = Lines::new();
    for n in 0..60 {
        let mut request = json!({"key": format!("{n:02}"), "value": n});
        if n % 3 != 0 {
            request["ttl_ms"] = json!(50);
        }
        lines = lines.line('p', &request);
    }
    db.run(&lines.by("keeper"));
    thread::sleep(Duration::from_millis(100));
    let page = kv(&mut db, "keeper", 'k', &json!({"limit": 10}));
    assert_eq!(page["entries"].as_array().map(Vec::len), Some(10), "{page}");
    assert_eq!(page["more"], true);
    let page = kv(&mut db, "keeper", 'k', &json!({"limit": 10, "after": page["entries"][9]["key"]}));
    assert_eq!((page["entries"].as_array().map(Vec::len), &page["more"]), (Some(10), &json!(false)), "{page}");
}

#[test]
fn what_has_expired_is_deleted_in_the_end() {
    let mut db = keeper("kv_ttl_purge");
    let mut lines = Lines::new();
    for n in 0..200 {
        lines = lines.line('p', &json!({"key": format!("{n:03}"), "value": "x".repeat(100), "ttl_ms": 20}));
    }
    db.run(&lines.by("keeper"));
    thread::sleep(Duration::from_millis(50));
    // A session that counts what there is tidies up, and the manager does each minute.
    wait_until("the expired rows are gone", || {
        set(&mut db.session(), "keeper", "live", &json!(1));
        db.value("SELECT count(*) FROM alyx._kv") == "1"
    });
    assert_eq!(keys(&mut db, "keeper", &json!({})), ["live"]);
}
