//! https: the server must prove its name by a certificate that an authority we trust has signed.

use crate::house::House;
use alyx_tests::{Authority, Reply, Request, Web};
use serde_json::json;

fn ok(_: &Request) -> Reply {
    Reply::text("secret")
}

#[test]
fn an_unknown_authority_is_refused_and_a_listed_one_is_not() {
    let authority = Authority::new("unknown");
    let mut house = House::new("unknown");
    let web = authority.web("secure.example", ok);
    let url = web.origin_as("secure.example");
    house.allow(std::slice::from_ref(&url));
    house.get_failed(&url, "08001");
    let other = Authority::new("other");
    house.set("http_ca_file", other.file());
    house.get_failed(&url, "08001");
    assert_eq!(web.requests().len(), 0, "nothing of the request was said before the proof");
    house.set("http_ca_file", authority.file());
    assert_eq!(house.text(&json!({"url": url})), "secret");
    house.set("http_ca_file", "");
    house.get_failed(&url, "08001");
    assert_eq!(web.requests().len(), 1, "nor over a connection that was kept from another time");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new("names");
    let mut house = House::new("names");
    let web = authority.web("secure.example", ok);
    let address = authority.web("127.0.0.1", ok);
    house.set("http_ca_file", authority.file());
    let listed = ["other.example", "a.secure.example", "example", "127.0.0.1"].map(|host| web.origin_as(host));
    house.allow(&[&listed[..], &[address.origin(), address.origin_as("named.example")]].concat());
    for url in listed {
        house.get_failed(&url, "08001");
    }
    assert_eq!(house.text(&json!({"url": address.origin()})), "secret", "an address can be certified, too");
    house.get_failed(&address.origin_as("named.example"), "08001");
    assert_eq!((web.requests().len(), address.requests().len()), (0, 1));
}

#[test]
fn an_expired_certificate_is_refused() {
    let authority = Authority::new("expired");
    let mut house = House::new("expired");
    let web = authority.web_until(2020, "secure.example", ok);
    house.set("http_ca_file", authority.file());
    house.allow(&[web.origin_as("secure.example")]);
    let said = house.get_failed(&web.origin_as("secure.example"), "08001");
    assert!(said.to_lowercase().contains("expired"), "{said}");
    assert_eq!(web.requests().len(), 0);
}

#[test]
fn a_server_without_tls_fails_cleanly() {
    let mut house = House::new("no_tls");
    let plain = Web::new(ok);
    let chatty = Web::new(|_| Reply::text("never asked"));
    let hosts = [&plain, &chatty].map(|web| format!("https://127.0.0.1:{}", web.port()));
    house.allow(&hosts);
    for url in &hosts {
        let reply = house.fetch(&json!({"url": url, "timeout_ms": 2000}));
        let code = reply["error"]["code"].as_str().unwrap_or_default();
        // A ClientHello holds no line break as a rule: the server may still wait for the end of a line.
        assert!(["08001", "08006", "57014"].contains(&code), "{reply}");
    }
    // And http where https is spoken.
    let authority = Authority::new("no_tls");
    let secure = authority.web("127.0.0.1", ok);
    let url = format!("http://127.0.0.1:{}", secure.port());
    house.allow(std::slice::from_ref(&url));
    let reply = house.fetch(&json!({"url": url, "timeout_ms": 2000}));
    assert!(["08001", "08006"].contains(&reply["error"]["code"].as_str().unwrap_or_default()), "{reply}");
}

#[test]
fn https_connections_are_kept_too() {
    let authority = Authority::new("kept");
    let mut house = House::new("kept");
    let web = authority.web("secure.example", ok);
    house.set("http_ca_file", authority.file());
    house.allow(&[web.origin_as("secure.example")]);
    for _ in 0..10 {
        assert_eq!(house.text(&json!({"url": web.origin_as("secure.example")})), "secret");
    }
    assert_eq!(web.connections(), 1);
}

#[test]
fn a_large_body_comes_through_whole() {
    let authority = Authority::new("large");
    let mut house = House::new("large");
    let web = authority.web("secure.example", |request| Reply::text(&"0123456789".repeat(request.body.len())));
    house.set("http_ca_file", authority.file());
    house.allow(&[web.origin_as("secure.example")]);
    let body = "x".repeat(300_000);
    let request = json!({"url": web.origin_as("secure.example"), "method": "POST", "body": body});
    assert_eq!(house.text(&request), "0123456789".repeat(300_000));
}

#[test]
fn a_file_of_authorities_that_is_none_is_an_error_and_no_trust() {
    let authority = Authority::new("files");
    let mut house = House::new("files");
    let web = authority.web("secure.example", ok);
    house.allow(&[web.origin_as("secure.example")]);
    let empty = std::env::temp_dir().join(format!("alyx-no-authority-{}.pem", std::process::id()));
    std::fs::write(&empty, "no certificate\n").expect("the temporary folder is writable");
    for file in [empty.to_str().expect("a plain path"), "/nonexistent/file.pem", "/"] {
        house.set("http_ca_file", file);
        let reply = house.get(&web.origin_as("secure.example"));
        assert!(reply["error"]["code"].is_string(), "{file}: {reply}");
        assert!(reply.to_string().contains("http_ca_file"), "{file}: {reply}");
    }
    let _ = std::fs::remove_file(&empty);
    house.set("http_ca_file", authority.file());
    assert_eq!(house.text(&json!({"url": web.origin_as("secure.example")})), "secret");
}
