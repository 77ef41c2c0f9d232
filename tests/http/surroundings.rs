//! The server's environment says nothing about where guests' requests go or whom they trust.

use crate::house::House;
use alyx_tests::{Answer, Authority, Cluster, Reply, Web};
use serde_json::json;

#[test]
fn variables_of_the_server_change_nothing() {
    let proxy = Web::new(|_| Reply::text("the proxy was here"));
    let authority = Authority::new("environment");
    let (url, file) = (proxy.origin(), authority.file().to_owned());
    let variables = [
        ("HTTP_PROXY", url.as_str()),
        ("http_proxy", &url),
        ("HTTPS_PROXY", &url),
        ("https_proxy", &url),
        ("ALL_PROXY", &url),
        ("all_proxy", &url),
        ("NO_PROXY", ""),
        ("SSL_CERT_FILE", &file),
        ("SSL_CERT_DIR", "/tmp"),
        ("SSLKEYLOGFILE", "/tmp/alyx-keys-were-logged"),
        ("LOCALDOMAIN", "evil.example"),
        ("RES_OPTIONS", "ndots:15"),
        ("HOSTALIASES", "/tmp/alyx-aliases"),
        ("CURL_CA_BUNDLE", &file),
        ("RUST_LOG", "trace"),
    ];
    let cluster = Cluster::with_environment("http_environment", &variables);
    let mut house = House::on(cluster.server().clone(), "environment", |_| Answer::loopback());
    let plain = Web::new(|_| Reply::text("ok"));
    let secure = authority.web("secure.example", |_| Reply::text("ok"));
    house.allow(&[plain.origin(), plain.origin_as("plain.example"), secure.origin_as("secure.example")]);
    assert_eq!(house.text(&json!({"url": plain.origin()})), "ok");
    assert_eq!(house.text(&json!({"url": plain.origin_as("plain.example")})), "ok");
    house.get_failed(&secure.origin_as("secure.example"), "08001");
    house.set("http_ca_file", authority.file());
    assert_eq!(house.text(&json!({"url": secure.origin_as("secure.example")})), "ok");
    assert_eq!(proxy.connections(), 0);
    assert!(house.names.asked().iter().all(|question| !question.name.contains("evil")));
    assert!(!std::path::Path::new("/tmp/alyx-keys-were-logged").exists());
}
