//! What a guest sends arrives as it was sent, and what it may not send does not leave.

use crate::house::House;
use alyx_tests::{Reply, Request, Web};
use serde_json::{Value, json};

/// A server that answers 200, and a function that may reach it.
fn house(test: &str) -> (House, Web) {
    let mut house = House::new(test);
    let web = Web::new(|_| Reply::text("ok"));
    house.allow_web(&web);
    (house, web)
}

/// What the server saw of a request.
fn arrived(house: &mut House, web: &Web, request: &Value) -> Request {
    house.text(request);
    web.last()
}

#[test]
fn methods_arrive_as_they_were_written() {
    let (mut house, web) = house("methods");
    assert_eq!(arrived(&mut house, &web, &json!({"url": web.url("/")})).method, "GET");
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        let request = json!({"url": web.url("/x"), "method": method});
        assert_eq!(arrived(&mut house, &web, &request).method, method);
    }
}

#[test]
fn a_head_has_no_body() {
    let mut house = House::new("head");
    let web = Web::new(|_| Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-seen: yes\r\n\r\n"));
    house.allow_web(&web);
    for _ in 0..2 {
        let reply = house.fetch(&json!({"url": web.url("/"), "method": "HEAD"}));
        assert_eq!(reply["status"], 200, "{reply}");
        assert_eq!(reply["headers"]["x-seen"], "yes", "{reply}");
        assert!(reply["body"].as_str().unwrap_or_default().is_empty(), "{reply}");
    }
    assert_eq!(web.last().method, "HEAD");
    assert_eq!(web.connections(), 1, "nothing waits for the bytes that content-length speaks of");
}

#[test]
fn methods_that_are_none_or_open_tunnels_are_refused() {
    let (mut house, web) = house("bad_methods");
    for method in ["CONNECT", "TRACE", "connect", "GET /x HTTP/1.1\r\nx: y\r\n\r\nGET", "GE T", "GET\n", "Ä"] {
        house.failed(&json!({"url": web.url("/"), "method": method}), "22023");
    }
    house.failed(&json!({"url": web.url("/"), "method": 5}), "22023");
    assert_eq!(web.requests().len(), 0);
}

#[test]
fn path_and_query_arrive_and_the_fragment_stays() {
    let (mut house, web) = house("targets");
    for (url, target) in [
        ("", "/"),
        ("/", "/"),
        ("/a/b?c=d&e=%20f", "/a/b?c=d&e=%20f"),
        ("/a#secret", "/a"),
        ("/ü?ü", "/%C3%BC?%C3%BC"),
        ("/a/../b/./c", "/b/c"),
        ("?q", "/?q"),
    ] {
        assert_eq!(arrived(&mut house, &web, &json!({"url": web.origin() + url})).target, target, "{url}");
    }
}

#[test]
fn headers_arrive_and_host_is_the_clients() {
    let (mut house, web) = house("headers");
    let request = json!({"url": web.url("/"), "headers": {
        "X-One": "1", "accept": ["text/plain", "text/html"], "X-Empty": "", "authorization": "Bearer t", "User-Agent": "me",
        "cookie": "a=b"}});
    let seen = arrived(&mut house, &web, &request);
    assert_eq!(seen.header("x-one"), Some("1"));
    assert_eq!(seen.header("x-empty"), Some(""));
    assert_eq!(seen.header("authorization"), Some("Bearer t"));
    assert_eq!(seen.header("user-agent"), Some("me"));
    assert_eq!(seen.header("cookie"), Some("a=b"));
    assert_eq!(seen.header("host"), Some(format!("127.0.0.1:{}", web.port()).as_str()));
    let accept: Vec<&str> =
        seen.headers.iter().filter(|(name, _)| name == "accept").map(|(_, value)| value.as_str()).collect();
    assert_eq!(accept.join(", "), "text/plain, text/html");
}

#[test]
fn headers_that_would_split_or_smuggle_are_refused() {
    let (mut house, web) = house("bad_headers");
    for name in [
        "Host",
        "connection",
        "Content-Length",
        "transfer-encoding",
        "upgrade",
        "TE",
        "trailer",
        "keep-alive",
        "proxy-authorization",
        "Proxy-Connection",
        "expect",
        "",
        "a b",
        "a:b",
        "a\r\nb",
        "ä",
    ] {
        house.failed(&json!({"url": web.url("/"), "headers": {name: "x"}}), "22023");
    }
    for value in ["a\r\nx-smuggled: 1", "a\nb", "a\r", "a\u{1}b", "\u{7f}"] {
        house.failed(&json!({"url": web.url("/"), "headers": {"x-a": value}}), "22023");
        house.failed(&json!({"url": web.url("/"), "headers": {"x-a": ["fine", value]}}), "22023");
    }
    for headers in [json!([1]), json!("a: b"), json!({"x-a": {"b": 1}}), json!({"x-a": [["deep"]]})] {
        house.failed(&json!({"url": web.url("/"), "headers": headers}), "22023");
    }
    assert_eq!(web.requests().len(), 0);
}

#[test]
fn bodies_arrive_byte_by_byte() {
    let (mut house, web) = house("bodies");
    for text in ["", "plain", "ünï\r\n\r\ncode\u{1}"] {
        let seen = arrived(&mut house, &web, &json!({"url": web.url("/"), "method": "POST", "body": text}));
        assert_eq!(seen.body, text.as_bytes());
        assert_eq!(seen.header("content-length"), Some(text.len().to_string().as_str()));
        assert_eq!(seen.header("transfer-encoding"), None);
    }
    let seen = arrived(&mut house, &web, &json!({"url": web.url("/"), "method": "PUT", "body_base64": "AAECgP/+Cg=="}));
    assert_eq!(seen.body, [0, 1, 2, 0x80, 0xff, 0xfe, 10]);
}

#[test]
fn requests_without_sense_are_refused() {
    let (mut house, web) = house("senseless");
    let url = web.url("/");
    for request in [
        json!({}),
        json!({"url": 5}),
        json!({"url": ""}),
        json!({"url": "/relative"}),
        json!({"url": "//no.scheme/"}),
        json!({"url": "http://"}),
        json!({"url": "http://127.0.0.1/a b"}),
        json!({"url": "http://127.0.0.1/\n"}),
        json!({"url": "http://127.0.0.1:99999/"}),
        json!({"url": "http://[::1"}),
        json!({"url": url, "body": "a", "body_base64": "YQ=="}),
        json!({"url": url, "body_base64": "not base64!"}),
        json!({"url": url, "body": {"a": 1}}),
        json!({"url": url, "timeout_ms": "soon"}),
        json!({"url": url, "timeout_ms": -1}),
        json!({"url": url, "redirect": "perhaps"}),
        json!([]),
        json!("http://127.0.0.1/"),
        json!(null),
    ] {
        house.failed(&request, "22023");
    }
    assert_eq!(web.connections(), 0);
}

#[test]
fn a_request_over_its_cap_is_not_sent() {
    let (mut house, web) = house("request_cap");
    house.set("max_http_request", "64kB");
    let body = "x".repeat(60_000);
    assert_eq!(
        arrived(&mut house, &web, &json!({"url": web.url("/"), "method": "POST", "body": body})).body.len(),
        60_000
    );
    let request = json!({"url": web.url("/"), "method": "POST", "body": "x".repeat(66_000)});
    let said = house.failed(&request, "54000");
    assert!(said.contains("max_http_request"), "{said}");
    assert_eq!(web.requests().len(), 1);
}

#[test]
fn headers_over_their_cap_are_not_sent() {
    let (mut house, web) = house("header_cap");
    house.set("max_http_headers", "4kB");
    house.text(&json!({"url": web.url("/"), "headers": {"x-a": "x".repeat(3000)}}));
    let said = house.failed(&json!({"url": web.url("/"), "headers": {"x-a": "x".repeat(5000)}}), "54000");
    assert!(said.contains("max_http_headers"), "{said}");
    let many: serde_json::Map<String, Value> = (0..1000).map(|n| (format!("x-{n}"), json!("v"))).collect();
    house.failed(&json!({"url": web.url("/"), "headers": many}), "54000");
    assert_eq!(web.requests().len(), 1);
}
