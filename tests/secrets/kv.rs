//! `kv_*`: what a function sets it gets again, in its caller's transaction and by its caller's transaction's rules.

use crate::house::{Lines, deploy_script, get, house, keys, kv, set};
use alyx_tests::Db;
use serde_json::{Value, json};

fn keeper(test: &str) -> Db {
    let mut db = house(test);
    deploy_script(&mut db, "keeper", "");
    db
}

fn nothing() -> Value {
    json!({"value": null, "exists": false})
}

#[test]
fn set_get_list_delete() {
    let mut db = keeper("kv");
    assert_eq!(get(&mut db, "keeper", "a"), nothing());
    assert_eq!(kv(&mut db, "keeper", 'd', &json!({"key": "a"})), json!({"deleted": false}));
    assert_eq!(kv(&mut db, "keeper", 'k', &json!({})), json!({"entries": [], "more": false}));
    set(&mut db, "keeper", "a", &json!({"n": 1}));
    set(&mut db, "keeper", "b", &json!(null));
    set(&mut db, "keeper", "a", &json!({"n": 2}));
    assert_eq!(get(&mut db, "keeper", "a"), json!({"value": {"n": 2}, "exists": true}));
    assert_eq!(get(&mut db, "keeper", "b"), json!({"value": null, "exists": true}));
    assert_eq!(
        kv(&mut db.session(), "keeper", 'k', &json!({})),
        json!({"entries": [{"key": "a", "value": {"n": 2}, "expires_at": null}, {"key": "b", "value": null, "expires_at": null}], "more": false})
    );
    assert_eq!(kv(&mut db, "keeper", 'd', &json!({"key": "a"})), json!({"deleted": true}));
    assert_eq!(get(&mut db, "keeper", "a"), nothing());
    assert_eq!(keys(&mut db, "keeper", &json!({})), ["b"]);
}

#[test]
fn one_invocation_sees_what_it_did() {
    let mut db = keeper("kv_one_call");
    let lines = Lines::new()
        .line('p', &json!({"key": "k", "value": 1}))
        .line('g', &json!({"key": "k"}))
        .line('p', &json!({"key": "k", "value": 2}))
        .line('g', &json!({"key": "k"}))
        .line('k', &json!({}))
        .line('d', &json!({"key": "k"}))
        .line('g', &json!({"key": "k"}))
        .line('d', &json!({"key": "k"}));
    for call in [lines.by("keeper"), format!("BEGIN READ WRITE; {}; COMMIT", lines.by("keeper"))] {
        let replies: Value = serde_json::from_str(&db.rows(&call)[0]).expect("JSON");
        assert_eq!(replies[1]["value"], 1, "{replies}");
        assert_eq!(replies[3]["value"], 2, "{replies}");
        assert_eq!(replies[4]["entries"].as_array().map(Vec::len), Some(1), "{replies}");
        assert_eq!(replies[5], json!({"deleted": true}), "{replies}");
        assert_eq!(replies[6], nothing(), "{replies}");
        assert_eq!(replies[7], json!({"deleted": false}), "{replies}");
    }
}

#[test]
fn a_rollback_takes_it_back() {
    let mut db = keeper("kv_rollback");
    set(&mut db, "keeper", "kept", &json!("before"));
    db.run("BEGIN");
    set(&mut db, "keeper", "kept", &json!("within"));
    set(&mut db, "keeper", "new", &json!(1));
    assert_eq!(get(&mut db, "keeper", "kept")["value"], "within");
    assert_eq!(get(&mut db.session(), "keeper", "kept")["value"], "before", "nobody else sees it");
    assert_eq!(keys(&mut db.session(), "keeper", &json!({})), ["kept"]);
    db.run("ROLLBACK");
    assert_eq!(get(&mut db, "keeper", "kept")["value"], "before");
    db.run("BEGIN");
    assert_eq!(kv(&mut db, "keeper", 'd', &json!({"key": "kept"})), json!({"deleted": true}));
    db.run("SAVEPOINT s");
    set(&mut db, "keeper", "kept", &json!("after the savepoint"));
    db.run("ROLLBACK TO s");
    assert_eq!(get(&mut db, "keeper", "kept"), nothing());
    set(&mut db, "keeper", "new", &json!(2));
    db.run("RELEASE s; COMMIT");
    assert_eq!(keys(&mut db.session(), "keeper", &json!({})), ["new"]);
}

#[test]
fn an_invocation_that_fails_leaves_nothing() {
    let mut db = keeper("kv_failed");
    let set_then = |letter: char, text: &str| {
        Lines::new().line('p', &json!({"key": "k", "value": 1})).text(letter, text).by("keeper")
    };
    for call in [set_then('t', ""), set_then('x', ""), set_then('r', r#"{"message": "no"}"#), set_then('f', "no")] {
        db.refusal(&call);
        assert_eq!(get(&mut db, "keeper", "k"), nothing(), "{call}");
        // Caught by the caller, its subtransaction is undone.
        db.run(&format!(
            "DO $do$ BEGIN PERFORM r FROM ({} AS r) s; EXCEPTION WHEN OTHERS THEN NULL; END $do$",
            call.replace('$', "")
        ));
        assert_eq!(get(&mut db, "keeper", "k"), nothing(), "{call}");
    }
}

#[test]
fn a_statement_that_fails_beside_it_does_no_harm() {
    let mut db = keeper("kv_beside");
    let lines = Lines::new()
        .line('p', &json!({"key": "k", "value": 1}))
        .query("SELECT 1 / 0", &[])
        .line('p', &json!({"key": "l", "value": 2}))
        .line('p', &json!({"key": "", "value": 2}))
        .line('g', &json!({"key": "k"}))
        .by("keeper");
    let replies = db.json(&lines);
    assert_eq!(replies[1]["error"]["code"], "22012", "{replies}");
    assert_eq!(replies[3]["error"]["code"], "22023", "{replies}");
    assert_eq!(replies[4]["value"], 1, "{replies}");
    assert_eq!(keys(&mut db, "keeper", &json!({})), ["k", "l"]);
    // A called function that fails takes its own back and nothing else.
    deploy_script(&mut db, "outer", "");
    db.deploy("inner", &alyx_tests::guest("script"), "entrypoint: from_config\n");
    let inner = Lines::new().line('p', &json!({"key": "inner", "value": 1})).text('t', "").joined();
    db.run(&format!("SELECT fn_set_env('inner', 'SCRIPT', {})", alyx_tests::literal(&inner)));
    let call = Lines::new().line('p', &json!({"key": "outer", "value": 1})).invoke("inner", &json!({})).by("outer");
    let replies = db.json(&call);
    assert_eq!(replies[1]["error"]["code"], "38000", "{replies}");
    assert_eq!(keys(&mut db, "outer", &json!({})), ["outer"]);
    assert_eq!(db.value("SELECT count(*) FROM alyx._kv WHERE key = 'inner'"), "0");
}

#[test]
fn keys_are_listed_in_the_order_of_their_bytes() {
    let mut db = keeper("kv_list");
    let names = ["Z", "a", "a/1", "a/10", "a/2", "a_x", "aa", "b%", "b_", "é", "😀", "～"];
    for name in names.iter().rev() {
        set(&mut db, "keeper", name, &json!(name));
    }
    let mut sorted = names.to_vec();
    sorted.sort_by_key(|name| name.as_bytes());
    assert_eq!(keys(&mut db, "keeper", &json!({})), sorted);
    assert_eq!(keys(&mut db, "keeper", &json!({"prefix": "a/"})), ["a/1", "a/10", "a/2"]);
    // No wildcard means anything.
    assert_eq!(keys(&mut db, "keeper", &json!({"prefix": "a_"})), ["a_x"]);
    assert_eq!(keys(&mut db, "keeper", &json!({"prefix": "b%"})), ["b%"]);
    assert_eq!(keys(&mut db, "keeper", &json!({"prefix": "😀"})), ["😀"]);
    assert_eq!(keys(&mut db, "keeper", &json!({"prefix": "no such"})), [""; 0]);
    assert_eq!(keys(&mut db, "keeper", &json!({"after": "aa"})), ["b%", "b_", "é", "～", "😀"]);
    assert_eq!(
        keys(&mut db, "keeper", &json!({"after": "a0"})),
        ["a_x", "aa", "b%", "b_", "é", "～", "😀"],
        "not a key itself"
    );
    assert_eq!(keys(&mut db, "keeper", &json!({"prefix": "a/", "after": "a/1"})), ["a/10", "a/2"]);
    assert_eq!(keys(&mut db, "keeper", &json!({"prefix": "a/", "after": "b"})), [""; 0]);
    assert_eq!(keys(&mut db, "keeper", &json!({"prefix": "a/", "after": "A"})), ["a/1", "a/10", "a/2"]);
    // Page by page.
    let (mut all, mut after) = (Vec::new(), json!(""));
    loop {
        let page = kv(&mut db, "keeper", 'k', &json!({"after": after, "limit": 5}));
        let entries = page["entries"].as_array().expect("entries");
        all.extend(entries.iter().map(|entry| entry["key"].as_str().expect("a key").to_owned()));
        after = entries.last().expect("not empty")["key"].clone();
        assert_eq!(page["more"], json!(all.len() < sorted.len()), "{page}");
        if page["more"] == json!(false) {
            break;
        }
    }
    assert_eq!(all, sorted);
}

#[test]
fn a_list_gives_a_hundred_unless_told_otherwise() {
    let mut db = keeper("kv_limit");
    let mut lines = Lines::new();
    for n in 0..1001 {
        lines = lines.line('p', &json!({"key": format!("{n:04}"), "value": n}));
    }
    db.run(&lines.by("keeper"));
    for (request, count, more) in [
        (json!({}), 100, true),
        (json!({"limit": 1}), 1, true),
        (json!({"limit": 1000}), 1000, true),
        (json!({"limit": 1000, "after": "0000"}), 1000, false),
        (json!({"prefix": "090"}), 10, false),
        (json!({"prefix": "090", "limit": 10}), 10, false),
        (json!({"prefix": "090", "limit": 9}), 9, true),
    ] {
        let reply = kv(&mut db, "keeper", 'k', &request);
        assert_eq!(
            (reply["entries"].as_array().map(Vec::len), &reply["more"]),
            (Some(count), &json!(more)),
            "{request}"
        );
    }
}

#[test]
fn a_dump_carries_it() {
    let mut db = keeper("kv_dump");
    set(&mut db, "keeper", "k", &json!({"ü": [1, 2.50]}));
    assert_eq!(kv(&mut db, "keeper", 'p', &json!({"key": "t", "value": 1, "ttl_ms": 3_600_000})), json!({}));
    let dump = db.server().client_program("pg_dump", db.name()).output().expect("pg_dump runs");
    assert!(dump.status.success());
    let mut copied = Db::empty(db.server().clone(), "kv_restored");
    let file = std::env::temp_dir().join(format!("{}.sql", db.name()));
    std::fs::write(&file, &dump.stdout).expect("the dump is written");
    let mut psql = copied.server().client_program("psql", copied.name());
    let restored = psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(&file).output().expect("psql runs");
    let _ = std::fs::remove_file(&file);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert_eq!(get(&mut copied, "keeper", "k"), get(&mut db, "keeper", "k"));
    assert_eq!(kv(&mut copied, "keeper", 'k', &json!({})), kv(&mut db, "keeper", 'k', &json!({})));
    set(&mut copied, "keeper", "k", &json!("of the copy"));
    assert_eq!(get(&mut db, "keeper", "k")["value"]["ü"][0], 1);
}
