//! What a function may ask for: the origins its manifest lists, each by scheme, host and port, however a URL is written.
//! All networks are open here, so that the list alone stands between guest and server.

use crate::house::House;
use alyx_tests::{Db, Reply, Web, guest};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};

/// A server at 127.0.0.2 that may be asked for, as good.example, and one at 127.0.0.3 on the same port that may not.
fn house(test: &str) -> (House, Web, Web) {
    let mut house = House::named(test, |question| {
        let last = if question.name.ends_with("good.example") { 2 } else { 3 };
        alyx_tests::Answer::address(Ipv4Addr::new(127, 0, 0, last))
    });
    let at = |last| IpAddr::from(Ipv4Addr::new(127, 0, 0, last));
    let [good, evil] = Web::pair([at(2), at(3)], |_| Reply::text("ok"));
    house.allow(&[good.origin_as("good.example")]);
    (house, good, evil)
}

#[test]
fn nothing_may_be_asked_for_by_default() {
    let mut house = House::new("nothing");
    let web = Web::new(|_| Reply::text("ok"));
    for manifest in ["", "allowed_hosts: []\n"] {
        house.deploy("fetch", &guest("fetch"), manifest);
        house
            .run("CREATE OR REPLACE FUNCTION ask_web(request jsonb) RETURNS jsonb LANGUAGE wasm AS 'fetch:http_fetch'");
        let said = house.get_failed(&web.url("/"), "42501");
        assert!(said.contains("allowed_hosts"), "{said}");
        house.get_failed("http://example.com/", "42501");
    }
    assert_eq!((web.connections(), house.names.asked().len()), (0, 0), "not even its name is looked up");
}

#[test]
fn nothing_on_this_machine_is_open_by_default() {
    // The settings as they are shipped: no network is opened, and the list alone does not help.
    let mut db = Db::new("http_default");
    let web = Web::new(|_| Reply::text("ok"));
    db.deploy("fetch", &guest("fetch"), &format!("allowed_hosts: [\"{}\"]\n", web.origin()));
    db.run("CREATE FUNCTION ask_web(request jsonb) RETURNS jsonb LANGUAGE wasm AS 'fetch:http_fetch'");
    let reply = crate::house::fetch(&mut db, &json!({"url": web.url("/")}));
    assert_eq!(reply["error"]["code"], "42501", "{reply}");
    assert_eq!(web.connections(), 0);
    assert_eq!(db.value("SHOW alyx_functions.http_allowed_networks"), "");
}

#[test]
fn scheme_host_and_port_must_each_match() {
    let (mut house, good, evil) = house("each");
    let port = good.port();
    house.text(&json!({"url": good.origin_as("good.example")}));
    let asked = house.names.asked().len();
    for url in [
        format!("https://good.example:{port}/"),
        "http://good.example/".into(),
        format!("http://good.example:{}/", port - 1),
        format!("http://evil.example:{port}/"),
        format!("http://www.good.example:{port}/"),
        format!("http://example:{port}/"),
        format!("http://good.example.evil.example:{port}/"),
        format!("http://notgood.example:{port}/"),
        format!("http://127.0.0.2:{port}/"),
    ] {
        let said = house.get_failed(&url, "42501");
        assert!(said.contains("allowed_hosts"), "{url}: {said}");
    }
    assert_eq!((good.connections(), evil.connections()), (1, 0));
    assert_eq!(
        house.names.asked().len(),
        asked,
        "names that are not listed are not looked up: a name can carry data out"
    );
}

#[test]
fn a_listed_origin_without_port_means_the_schemes_own() {
    let mut house = House::new("default_port");
    house.allow(&["http://good.example".into(), "https://good.example".into()]);
    for url in ["http://good.example/", "http://good.example:80/", "https://good.example:443/"] {
        let reply = house.fetch(&json!({"url": url, "timeout_ms": 200}));
        assert_ne!(reply["error"]["code"], "42501", "{url}: {reply}");
    }
    for url in ["http://good.example:443/", "https://good.example:80/", "http://good.example:8080/"] {
        house.get_failed(url, "42501");
    }
}

#[test]
fn a_wildcard_means_names_below_it_only() {
    let mut house = House::new("wildcard");
    let web = Web::new(|_| Reply::text("ok"));
    house.allow(&[web.origin_as("*.good.example")]);
    for host in ["a.good.example", "A.Good.Example"] {
        house.text(&json!({"url": web.origin_as(host)}));
    }
    for host in ["good.example", "agood.example", "a.good.example.evil.example", "*.evil.example", "127.0.0.1"] {
        let reply = house.get(&web.origin_as(host));
        assert!(["42501", "22023"].contains(&reply["error"]["code"].as_str().unwrap_or_default()), "{host}: {reply}");
    }
}

#[test]
fn userinfo_is_refused_and_hides_no_host() {
    let (mut house, good, evil) = house("userinfo");
    let port = good.port();
    for url in [
        format!("http://good.example@evil.example:{port}/"),
        format!("http://good.example:{port}@evil.example:{port}/"),
        format!("http://good.example:80@127.0.0.1:{port}/"),
        format!("http://good.example%40evil.example:{port}/"),
        format!("http://evil.example:{port}#@good.example:{port}/"),
        format!("http://evil.example:{port}?@good.example:{port}/"),
        format!("http://evil.example:{port}/@good.example:{port}/"),
        format!("http://evil.example:{port}\\@good.example:{port}/"),
        format!("http://evil.example:{port}\\\\@good.example:{port}/"),
        format!("http:\\\\evil.example:{port}/"),
        format!("http:/\\evil.example:{port}/"),
        format!("http:///evil.example:{port}/"),
        format!("http:evil.example:{port}/"),
        format!("http://good.example;@evil.example:{port}/"),
        format!("http://[good.example]@evil.example:{port}/"),
        format!("http://good.example\t@evil.example:{port}/"),
        format!("http://evil.example:{port}\n.good.example:{port}/"),
        format!("http://ev\til.example:{port}/"),
        format!("http://good.example\u{1}.evil.example:{port}/"),
        format!("http://good.example .evil.example:{port}/"),
        format!("http://user:password@good.example:{port}/"),
        format!("http://@good.example:{port}/"),
        format!("http://:@good.example:{port}/"),
    ] {
        let reply = house.get(&url);
        let code = reply["error"]["code"].as_str().unwrap_or_default();
        // An empty userinfo may count as none, when it is the listed host that is asked.
        let harmless = reply["status"] == 200 && (url.contains("//@good") || url.contains("//:@good"));
        assert!(harmless || ["42501", "22023"].contains(&code), "{url:?}: {reply}");
    }
    assert_eq!(evil.connections(), 0);
    assert!(good.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn one_host_in_many_spellings_is_one_host() {
    let (mut house, good, evil) = house("spellings");
    let port = good.port();
    for url in [
        format!("HTTP://GOOD.EXAMPLE:{port}/"),
        format!("http://good%2Eexample:{port}/"),
        format!("http://g%6Fod.example:{port}/"),
        format!("http://ｇｏｏｄ.example:{port}/"),
        format!("http://good。example:{port}/"),
        format!("http://go\u{ad}od.example:{port}/"),
        format!("  http://good.example:{port}/  "),
        format!("http://good.example.:{port}/"),
    ] {
        let reply = house.get(&url);
        let code = reply["error"]["code"].as_str().unwrap_or_default();
        // Either it is understood as the listed host, or it is refused: never anything else.
        assert!(reply["status"] == 200 || ["42501", "22023"].contains(&code), "{url:?}: {reply}");
    }
    assert!(house.names.asked().iter().all(|question| question.name == "good.example"), "{:?}", house.names.asked());
    assert!(good.requests().iter().all(|request| request.header("host") == Some(&format!("good.example:{port}"))));
    assert_eq!(evil.connections(), 0);
}

#[test]
fn names_in_other_alphabets_are_compared_in_punycode() {
    let mut house = House::new("punycode");
    let web = Web::new(|_| Reply::text("ok"));
    house.allow(&[web.origin_as("xn--mller-kva.example")]);
    for host in ["müller.example", "MÜLLER.example", "mu\u{308}ller.example", "xn--mller-kva.example"] {
        house.text(&json!({"url": web.origin_as(host)}));
        assert_eq!(web.last().header("host"), Some(format!("xn--mller-kva.example:{}", web.port()).as_str()), "{host}");
    }
    // A Cyrillic е is no Latin e.
    for host in ["mullеr.example", "muller.example", "mueller.example"] {
        house.get_failed(&web.origin_as(host), "42501");
    }
}

#[test]
fn other_protocols_are_refused() {
    let (mut house, good, _) = house("schemes");
    let port = good.port();
    for scheme in ["ftp", "file", "gopher", "ws", "wss", "dict", "ldap", "unix", "data", "httpx", "http+unix"] {
        house.get_failed(&format!("{scheme}://good.example:{port}/"), "22023");
    }
    for url in ["file:///etc/passwd", "data:text/plain,x", "javascript:1", "about:blank", "http"] {
        house.get_failed(url, "22023");
    }
    assert_eq!(good.connections(), 0);
}

#[test]
fn the_list_is_the_manifests_of_the_version_that_runs() {
    let mut house = House::new("versions");
    let (one, two) = (Web::new(|_| Reply::text("ok")), Web::new(|_| Reply::text("ok")));
    house.allow_web(&one);
    house.text(&json!({"url": one.url("/")}));
    house.allow_web(&two);
    house.get_failed(&one.url("/"), "42501");
    house.text(&json!({"url": two.url("/")}));
    house.run("SELECT fn_rollback('fetch')");
    house.get_failed(&two.url("/"), "42501");
    house.text(&json!({"url": one.url("/")}));
}

#[test]
fn a_function_that_calls_another_does_not_lend_it_its_list() {
    let mut house = House::new("lending");
    let web = Web::new(|_| Reply::text("ok"));
    house.run("CREATE TABLE replies (id serial, reply jsonb)");
    let request = json!({"url": web.url("/")}).to_string();
    let noter = |hosts: &str| format!("allowed_hosts: {hosts}\nenv:\n  REQUEST: '{request}'\n");
    house.deploy("inner", &guest("fetch_and_note"), &noter("[]"));
    house.deploy("ask", &guest("ask"), &format!("allowed_hosts: [\"{}\"]\n", web.origin()));
    house.create_ask("call", "fn_invoke");
    house.run(r#"SELECT call('{"name": "inner", "input": {}}')"#);
    assert_eq!(house.value("SELECT reply #>> '{error,code}' FROM replies"), "42501");
    assert_eq!(web.connections(), 0);
}
