//! `http_request` of the Extism PDKs: the same client behind another door, with the same checks.

use crate::house::{House, TIMED_OUT};
use alyx_tests::{Reply, Web, guest, literal};
use serde_json::{Value, json};

/// Every export of the guest that asks in Extism's way.
const EXPORTS: [&str; 4] = ["http_request", "http_request_twice", "http_headers", "http_status"];

fn house(test: &str) -> (House, Web) {
    let mut house = House::new(test);
    let web = Web::new(|request| match request.target.as_str() {
        "/missing" => Reply::with("404 Not Found\r\nX-One: 1\r\nx-two: a\r\nx-two: b", "gone"),
        "/away" => Reply::redirect(302, "http://127.0.0.2:1/"),
        "/here" => Reply::redirect(302, "/missing"),
        "/flood" => Reply::raw("HTTP/1.1 200 OK\r\n\r\n").then_flood([b'x'; 65536]),
        "/garbage" => Reply::raw("garbage\r\n\r\n").then_close(),
        "/silence" => Reply::silence(),
        _ => Reply::text("ok"),
    });
    house.allow_web(&web);
    for export in EXPORTS {
        house.run(&format!("CREATE FUNCTION {export}(text) RETURNS text LANGUAGE wasm AS 'fetch:{export}'"));
    }
    (house, web)
}

fn ask(export: &str, request: &Value) -> String {
    format!("SELECT {export}({})", literal(&request.to_string()))
}

#[test]
fn a_plugin_gets_body_status_and_headers() {
    let (mut house, web) = house("extism");
    let request = json!({"url": web.url("/missing"), "method": "POST", "headers": {"x-a": "b"}});
    assert_eq!(house.value(&ask("http_request", &request)), "gone");
    assert_eq!(house.value(&ask("http_status", &request)), "404");
    let headers = house.json(&ask("http_headers", &request));
    assert_eq!((&headers["x-one"], &headers["content-length"]), (&json!("1"), &json!("4")), "{headers}");
    assert_eq!(web.last().header("x-a"), Some("b"));
    assert_eq!((web.last().method.as_str(), web.last().body.len()), ("POST", 0));
    assert_eq!(house.value(&ask("http_request_twice", &request)), "gone");
    assert_eq!(web.last().body, request.to_string().as_bytes());
    assert_eq!(house.value(&ask("http_status", &json!({"url": web.url("/here")}))), "404", "redirects are followed");
}

#[test]
fn a_plugin_that_may_not_is_stopped_with_the_reason() {
    let (mut house, web) = house("extism_refused");
    let other = Web::new(|_| Reply::text("inside"));
    house.set("max_http_response", "128kB");
    for export in EXPORTS {
        for (url, code) in [
            (other.url("/"), "42501"),
            (web.url("/away"), "42501"),
            (web.origin_as("name.example"), "42501"),
            ("file:///etc/passwd".into(), "22023"),
            (format!("http://user@127.0.0.1:{}/", web.port()), "22023"),
            (web.url("/flood"), "54000"),
            (web.url("/garbage"), "08006"),
        ] {
            house.refused(&ask(export, &json!({"url": url})), code);
        }
        house.refused(&ask(export, &json!({"url": web.url("/"), "headers": {"host": "x"}})), "22023");
        house.refused(&ask(export, &json!({"url": web.url("/"), "method": "CONNECT"})), "22023");
        house.refused(&format!("SELECT {export}('no json')"), "22023");
    }
    house.open("");
    for export in EXPORTS {
        house.refused(&ask(export, &json!({"url": web.url("/")})), "42501");
    }
    assert_eq!(other.connections(), 0);
}

#[test]
fn a_plugin_waits_no_longer_than_postgres() {
    let (mut house, web) = house("extism_stops");
    house.run("SET statement_timeout = '200ms'");
    let begin = std::time::Instant::now();
    let refusal = house.refused(&ask("http_request", &json!({"url": web.url("/silence")})), "57014");
    assert!(refusal.message.contains("statement timeout"), "{refusal}");
    assert!(begin.elapsed() < std::time::Duration::from_millis(700), "{:?}", begin.elapsed());
    house.run("RESET statement_timeout; SET alyx_functions.max_http_time = '200ms'");
    let refusal = house.refused(&ask("http_request", &json!({"url": web.url("/silence")})), TIMED_OUT);
    assert!(refusal.says("timed out"), "{refusal}");
}

#[test]
fn a_plugin_in_a_trigger_is_refused_like_any_other() {
    let (mut house, web) = house("extism_trigger");
    let call = ask("http_request", &json!({"url": web.url("/")})).replace("SELECT ", "PERFORM ");
    house.run(&format!(
        "CREATE TABLE t (id int);
         CREATE FUNCTION asks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {call}; RETURN NEW; END $$;
         CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION asks()"
    ));
    house.refused("INSERT INTO t VALUES (1)", "42501");
    assert_eq!(web.connections(), 0);
    house.deploy(
        "fetch",
        &guest("fetch"),
        &format!("allowed_hosts: [\"{}\"]\nhttp_in_transaction: true\n", web.origin()),
    );
    house.run("INSERT INTO t VALUES (1)");
    assert_eq!(web.requests().len(), 1);
}
