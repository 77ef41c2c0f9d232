//! What servers answer reaches the guest whole, and no answer, however long, broken or slow, does more than fail the fetch.

use crate::house::{House, TIMED_OUT};
use alyx_tests::{Reply, Web, wait_until};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The reply that a guest gets from a server that answers like this, and the same again in the same session.
fn answered(house: &mut House, answer: fn() -> Reply) -> Value {
    let web = Web::new(move |_| answer());
    house.allow_web(&web);
    let first = house.get(&web.url("/"));
    assert_eq!(house.get(&web.url("/"))["error"]["code"], first["error"]["code"], "the second time");
    wait_until("connections that failed are closed", || first["error"].is_null() || web.open() == 0);
    first
}

#[test]
fn a_reply_has_status_headers_body_and_url() {
    let mut house = House::new("reply");
    let web = Web::new(|_| {
        Reply::with(
            "201 Created\r\nX-Two: a\r\nx-two: b\r\nSet-Cookie: a=1, x\r\nset-cookie: b=2\r\nX-Latin: \u{fc}",
            "made",
        )
    });
    house.allow_web(&web);
    let reply = house.get(&web.url("/x?y#z"));
    assert_eq!(reply["status"], 201, "{reply}");
    assert_eq!(reply["body"], "made", "{reply}");
    assert_eq!(reply["headers"]["x-two"], "a, b", "{reply}");
    assert_eq!(reply["headers"]["set-cookie"], json!(["a=1, x", "b=2"]), "{reply}");
    assert_eq!(reply["headers"]["content-length"], "4", "{reply}");
    assert_eq!(reply["redirected"], false, "{reply}");
    assert!(reply["url"].as_str().is_some_and(|url| url.starts_with(&web.url("/x?y"))), "{reply}");
    assert_eq!(reply["body_base64"], Value::Null, "{reply}");
}

#[test]
fn every_status_is_an_answer_and_no_error() {
    let mut house = House::new("statuses");
    let web = Web::new(|request| Reply::with(&format!("{} Whatever", request.target.trim_start_matches('/')), "b"));
    house.allow_web(&web);
    for status in [200, 201, 299, 300, 400, 401, 404, 418, 429, 500, 503, 599, 999] {
        assert_eq!(house.get(&web.url(&format!("/{status}")))["status"], status);
    }
}

#[test]
fn replies_without_a_body_are_empty() {
    let mut house = House::new("empty");
    for answer in [
        (|| Reply::raw("HTTP/1.1 204 No Content\r\n\r\n")) as fn() -> Reply,
        || Reply::raw("HTTP/1.1 304 Not Modified\r\netag: x\r\ncontent-length: 10\r\n\r\n"),
        || Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        || Reply::raw("HTTP/1.1 200 OK\r\n\r\n").then_close(),
        || Reply::raw("HTTP/1.0 200 OK\r\n\r\n").then_close(),
        || Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    ] {
        let reply = answered(&mut house, answer);
        assert!(reply["error"].is_null(), "{reply}");
        assert_eq!(reply["body"], "", "{reply}");
    }
}

#[test]
fn a_binary_body_comes_as_base64_and_text_as_text() {
    let mut house = House::new("binary");
    let reply = answered(&mut house, || Reply::with("200 OK\r\ncontent-type: text/plain", [0xff, 0, 0x80]));
    assert_eq!((&reply["body"], &reply["body_base64"]), (&Value::Null, &json!("/wCA")), "{reply}");
    let reply = answered(&mut house, || Reply::with("200 OK\r\ncontent-type: image/png", "\u{1}\u{1f}ü\r\n"));
    assert_eq!((&reply["body"], &reply["body_base64"]), (&json!("\u{1}\u{1f}ü\r\n"), &Value::Null), "{reply}");
    // jsonb knows no NUL character, which is no fault of the fetch; bytea takes it from Extism's road.
    let web = Web::new(|_| Reply::text("a\0b"));
    house.allow_web(&web);
    let request = alyx_tests::literal(&json!({"url": web.url("/")}).to_string());
    assert_eq!(house.value(&format!("SELECT ask_bytes({request})")), "\\x610062");
}

#[test]
fn chunked_bodies_are_put_together() {
    let mut house = House::new("chunked");
    let reply = answered(&mut house, || {
        Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n")
            .then_pause(Duration::from_millis(20))
            .then("A\r\n0123456789\r\n0\r\ntrailer: x\r\n\r\n")
    });
    assert_eq!(reply["body"], "abc0123456789", "{reply}");
    assert_eq!(reply["headers"]["trailer"], Value::Null, "a trailer is no header: {reply}");
}

#[test]
fn bodies_are_not_unpacked() {
    let mut house = House::new("packed");
    // Whatever the server calls it: a decompression bomb stays as small as it came.
    let reply = answered(&mut house, || Reply::with("200 OK\r\ncontent-encoding: gzip", "not gzip"));
    assert_eq!(reply["body"], "not gzip", "{reply}");
    assert_eq!(reply["headers"]["content-encoding"], "gzip", "{reply}");
}

#[test]
fn a_reply_up_to_the_cap_is_taken_and_one_over_it_is_not() {
    let mut house = House::new("reply_cap");
    house.set("max_http_response", "64kB");
    let cap = 64 * 1024;
    let web = Web::new(move |request| match request.target.as_str() {
        "/fits" => Reply::with("200 OK", "x".repeat(cap)),
        "/over" => Reply::with("200 OK", "x".repeat(cap + 1)),
        "/announced" => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n").then_flood([b'x'; 4096]),
        "/overflowing" => {
            Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nx").then_close()
        }
        "/until_close" => Reply::raw("HTTP/1.1 200 OK\r\n\r\n").then_flood([b'x'; 4096]),
        "/chunked" => {
            Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").then_flood("4\r\nabcd\r\n".repeat(500))
        }
        "/tiny_chunks" => {
            Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").then_flood("1\r\nx\r\n".repeat(500))
        }
        _ => Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1").then_flood(";extension".repeat(500)),
    });
    house.allow_web(&web);
    assert_eq!(house.text(&json!({"url": web.url("/fits")})).len(), cap);
    for path in ["/over", "/announced", "/until_close", "/chunked", "/tiny_chunks"] {
        let begin = Instant::now();
        let said = house.get_failed(&web.url(path), "54000");
        assert!(said.contains("max_http_response"), "{path}: {said}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{path}: {:?}", begin.elapsed());
    }
    for path in ["/overflowing", "/extensions"] {
        let reply = house.get(&web.url(path));
        assert!(["54000", "08006"].map(Value::from).contains(&reply["error"]["code"]), "{path}: {reply}");
    }
    wait_until("the floods are over", || web.open() <= 1);
    assert!(house.resident_bytes() < 400 << 20);
}

#[test]
fn header_bombs_end_at_the_cap() {
    let mut house = House::new("header_bombs");
    for answer in [
        (|| Reply::raw("HTTP/1.1 200 OK\r\n").then_flood("x-bomb: 0123456789\r\n".repeat(100))) as fn() -> Reply,
        || Reply::raw("HTTP/1.1 200 OK\r\nx-endless: ").then_flood("0123456789".repeat(100)),
        || Reply::raw("HTTP/1.1 200 ").then_flood("OK".repeat(500)),
        || Reply::default().then_flood("HTTP".repeat(500)),
        || Reply::with(&format!("200 OK\r\nx-big: {}", "x".repeat(80 << 10)), ""),
        || Reply::with(&format!("200 OK{}", "\r\nx: y".repeat(20_000)), ""),
        || {
            Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
                .then_flood("x-trailer: y\r\n".repeat(100))
        },
    ] {
        house.set("max_http_time", "5s");
        let begin = Instant::now();
        let reply = answered(&mut house, answer);
        assert!(["54000", "08006"].map(Value::from).contains(&reply["error"]["code"]), "{reply}");
        assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    }
    assert!(house.resident_bytes() < 400 << 20);
}

#[test]
fn provisional_answers_without_end_end_with_the_time() {
    let mut house = House::new("provisional_bomb");
    house.set("max_http_time", "500ms");
    let begin = Instant::now();
    let reply = answered(&mut house, || Reply::default().then_flood("HTTP/1.1 100 Continue\r\n\r\n".repeat(50)));
    assert!(["54000", TIMED_OUT].map(Value::from).contains(&reply["error"]["code"]), "{reply}");
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert!(house.resident_bytes() < 400 << 20);
}

#[test]
fn headers_up_to_the_cap_are_taken() {
    let mut house = House::new("header_room");
    let reply = answered(&mut house, || Reply::with(&format!("200 OK\r\nx-big: {}", "x".repeat(40 << 10)), ""));
    assert_eq!(reply["headers"]["x-big"].as_str().map(str::len), Some(40 << 10));
    let reply = answered(&mut house, || Reply::with(&format!("200 OK{}", "\r\nx-a: b".repeat(90)), ""));
    assert_eq!(reply["status"], 200, "{reply}");
    house.set("max_http_headers", "8kB");
    let reply = answered(&mut house, || Reply::with(&format!("200 OK\r\nx-big: {}", "x".repeat(9 << 10)), ""));
    assert_eq!(reply["error"]["code"], "54000", "{reply}");
    assert!(reply.to_string().contains("max_http_headers"), "{reply}");
}

#[test]
fn garbage_is_a_lost_connection() {
    let mut house = House::new("garbage");
    for answer in [
        (|| Reply::raw("\0\u{1}\u{2}garbage\r\n\r\n").then_close()) as fn() -> Reply,
        || Reply::raw("SSH-2.0-OpenSSH_9.2\r\n").then_close(),
        || Reply::raw("HTTP/2.0 200 OK\r\n\r\n").then_close(),
        || Reply::raw("HTTP/1.1 abc OK\r\n\r\n").then_close(),
        || Reply::raw("HTTP/1.1 200 OK\r\nno colon\r\n\r\n").then_close(),
        || Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").then_close(),
        || Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n").then_close(),
        || Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab").then_close(),
        || Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n").then_close(),
        || Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nx").then_close(),
    ] {
        let reply = answered(&mut house, answer);
        assert_eq!(reply["error"]["code"], "08006", "{reply}");
    }
}

#[test]
fn a_server_that_leaves_early_is_a_lost_connection() {
    let mut house = House::new("early");
    for answer in [
        (|| Reply::default().then_close()) as fn() -> Reply,
        || Reply::raw("HTTP/1.1 2").then_close(),
        || Reply::raw("HTTP/1.1 200 OK\r\ncontent-").then_close(),
        || Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").then_close(),
        || Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab").then_close(),
        || Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n").then_close(),
    ] {
        let reply = answered(&mut house, answer);
        assert_eq!(reply["error"]["code"], "08006", "{reply}");
    }
}

#[test]
fn a_switch_of_protocol_is_no_way_out() {
    let mut house = House::new("switch");
    let reply = answered(&mut house, || {
        Reply::raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n").then_close()
    });
    // Whether it is an answer or an error, it is over: the bytes that follow belong to nobody.
    assert!(reply["status"] == 101 || reply["error"]["code"] == "08006", "{reply}");
}

#[test]
fn a_provisional_answer_is_skipped() {
    let mut house = House::new("provisional");
    let reply = answered(&mut house, || {
        Reply::raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
            .then("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    });
    assert_eq!(reply["body"], "ok", "{reply}");
}

#[test]
fn bytes_after_a_reply_are_not_taken_for_the_next_one() {
    let mut house = House::new("extra");
    let web = Web::new(|request| {
        if request.connection == 1 {
            Reply::raw(
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\noneHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged",
            )
        } else {
            Reply::text("true")
        }
    });
    house.allow_web(&web);
    assert_eq!(house.text(&json!({"url": web.url("/")})), "one");
    let reply = house.get(&web.url("/secret"));
    assert!(reply["body"] == "true" || reply["error"]["code"] == "08006", "{reply}");
}
