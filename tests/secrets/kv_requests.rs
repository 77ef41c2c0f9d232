//! What `kv_*` takes for a key, a value and a request, and what it says to all else.

use crate::house::{Lines, deploy_script, get, house, keys, kv, set};
use alyx_tests::Db;
use serde_json::{Value, json};

fn keeper(test: &str) -> Db {
    let mut db = house(test);
    deploy_script(&mut db, "keeper", "");
    db
}

#[test]
fn values_of_every_kind_come_back() {
    let mut db = keeper("kv_values");
    let deep = (0..60).fold(json!("deep"), |inner, _| json!([inner]));
    for value in [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(""),
        json!("text"),
        json!("quotes \" ' \\ and \u{1f}\n\r\t\u{7f}\u{2028}"),
        json!("Zürich 東京 🔑 e\u{301} \u{feff}\u{ffff}\u{10ffff}"),
        json!("\\u0000 is no zero"),
        json!([]),
        json!({}),
        json!({"": {"a\"b": [null, true, {"x": []}]}}),
        json!([[], {}, "", 0, null]),
        deep,
    ] {
        set(&mut db, "keeper", "k", &value);
        assert_eq!(get(&mut db, "keeper", "k"), json!({"value": value, "exists": true}));
        assert_eq!(kv(&mut db, "keeper", 'k', &json!({}))["entries"][0]["value"], value);
    }
}

#[test]
fn numbers_keep_their_digits() {
    let mut db = keeper("kv_digits");
    for number in [
        "1234567890123456789012345678901234567890",
        "-0.1234567890123456789012345678901234567891",
        "9007199254740993",
        "18446744073709551616",
        "1.10",
        "0.1",
        "31415926535897932384626433832795028841971693993751.058",
    ] {
        let lines = Lines::new()
            .text('p', &format!(r#"{{"key": "k", "value": {{"n": [{number}]}}}}"#))
            .text('g', r#"{"key": "k"}"#)
            .text('k', "{}")
            .by("keeper");
        let replies = db.value(&lines);
        assert_eq!(replies.matches(&format!("[{number}]")).count(), 2, "{number}: {replies}");
    }
}

#[test]
fn keys_are_any_text() {
    let mut db = keeper("kv_keys");
    let longest = "é".repeat(256);
    let mut odd = vec![
        " ",
        "a b",
        "a\nb",
        "\u{1f}",
        "'",
        "\"",
        "\\",
        "%",
        "_",
        "$1",
        "é",
        "e\u{301}",
        "東京",
        "🔑",
        "..",
        "/",
        "null",
        "A",
        "a",
        "\u{10ffff}",
        &longest,
    ];
    for (n, key) in odd.iter().enumerate() {
        set(&mut db, "keeper", key, &json!(n));
    }
    for (n, key) in odd.iter().enumerate() {
        assert_eq!(get(&mut db, "keeper", key), json!({"value": n, "exists": true}), "{key:?}");
    }
    odd.sort_by_key(|key| key.as_bytes().to_vec());
    assert_eq!(keys(&mut db, "keeper", &json!({})), odd);
}

#[test]
fn malformed_requests_are_values_the_guest_can_handle() {
    let mut db = keeper("kv_malformed");
    set(&mut db, "keeper", "k", &json!("untouched"));
    let too_long = "x".repeat(513);
    let bad: Vec<(char, Value)> = [
        ('g', json!({})),
        ('g', json!({"key": ""})),
        ('g', json!({"key": null})),
        ('g', json!({"key": 1})),
        ('g', json!({"key": too_long})),
        ('g', json!({"key": format!("{}é", "x".repeat(511))})),
        ('g', json!([])),
        ('g', json!("k")),
        ('d', json!({})),
        ('d', json!({"key": ""})),
        ('d', json!({"key": too_long})),
        ('p', json!({"value": 1})),
        ('p', json!({"key": "", "value": 1})),
        ('p', json!({"key": "new"})),
        ('p', json!({"key": too_long, "value": 1})),
        ('p', json!({"key": "k", "value": 1, "ttl_ms": 0})),
        ('p', json!({"key": "k", "value": 1, "ttl_ms": -1})),
        ('p', json!({"key": "k", "value": 1, "ttl_ms": "1s"})),
        ('p', json!({"key": "k", "value": 1, "ttl_ms": 1.5})),
        ('p', json!({"key": "k", "value": 1, "ttl_ms": u64::MAX})),
        ('k', json!({"limit": 0})),
        ('k', json!({"limit": 1001})),
        ('k', json!({"limit": -1})),
        ('k', json!({"limit": "10"})),
        ('k', json!({"prefix": 1})),
        ('k', json!({"after": {}})),
    ]
    .to_vec();
    for (letter, request) in bad {
        let reply = kv(&mut db, "keeper", letter, &request);
        let code = reply["error"]["code"].as_str();
        assert!(matches!(code, Some("22023" | "54000")), "{letter} {request}: {reply}");
    }
    // Not JSON at all, and text that JSON can say and PostgreSQL cannot hold.
    for (letter, text) in [
        ('g', ""),
        ('g', "{"),
        ('p', "{\"key\": \"k\", \"value\": }"),
        ('p', "{\"key\": \"k\", \"value\": 1} 2"),
        ('p', "{\"key\": \"a\\u0000b\", \"value\": 1}"),
        ('g', "{\"key\": \"a\\u0000b\"}"),
        ('d', "{\"key\": \"a\\u0000b\"}"),
        ('k', "{\"prefix\": \"\\u0000\"}"),
        ('k', "{\"after\": \"\\u0000\"}"),
        ('p', "{\"key\": \"k\", \"value\": NaN}"),
    ] {
        let reply = db.json(&Lines::new().text(letter, text).by("keeper"))[0].take();
        let code = reply["error"]["code"].as_str().unwrap_or_else(|| panic!("{letter} {text}: {reply}"));
        assert!(code.starts_with("22"), "{letter} {text}: {reply}");
    }
    assert_eq!(get(&mut db, "keeper", "k")["value"], "untouched");
    assert_eq!(keys(&mut db, "keeper", &json!({})), ["k"]);
}

#[test]
fn what_json_can_say_and_jsonb_cannot_is_no_crash() {
    let mut db = keeper("kv_edge");
    for value in
        ["\"a\\u0000b\"", "\"\\ud800\"", "1e400", "1e-400", "1e999999999", "{\"a\": 1, \"a\": 2}", "-0", "-0.0", "1E5"]
    {
        let lines = Lines::new()
            .text('p', &format!(r#"{{"key": "k", "value": {value}}}"#))
            .text('g', r#"{"key": "k"}"#)
            .by("keeper");
        // Either it is kept or refused as a value; or the whole output is not what jsonb takes.
        match db.attempt(&lines) {
            Ok(rows) => {
                assert!(rows[0].starts_with("[{}, ") || rows[0].contains("\"code\": \"22"), "{value}: {rows:?}")
            }
            Err(refusal) => assert_eq!(refusal.code, "38000", "{value}: {refusal}"),
        }
        assert_eq!(db.value("SELECT 1"), "1");
    }
}

#[test]
fn another_encoding_of_the_database() {
    let server = house("kv_encoding").server().clone();
    let mut db = Db::encoded(server, "kv_latin", "LATIN1");
    deploy_script(&mut db, "keeper", "");
    set(&mut db, "keeper", "schlüssel", &json!("wért"));
    assert_eq!(get(&mut db, "keeper", "schlüssel")["value"], "wért");
    assert_eq!(keys(&mut db, "keeper", &json!({"prefix": "schlü"})), ["schlüssel"]);
    // What the encoding lacks is an error that the guest can handle.
    for request in [json!({"key": "東京", "value": 1}), json!({"key": "k", "value": "🔑"})] {
        let lines = Lines::new().line('p', &request).line('g', &json!({"key": "schlüssel"}));
        if let Ok(rows) = db.attempt(&lines.by("keeper")) {
            assert!(rows[0].contains("wért") || rows[0].contains("w\\u"), "{rows:?}");
        }
    }
    set(&mut db, "keeper", "k", &json!("goes on"));
}
