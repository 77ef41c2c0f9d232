//! Each hop is a request of its own: listed, resolved and checked anew, and without what belongs to the origin before.

use crate::house::House;
use alyx_tests::{Reply, Request, Web, wait_until};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// A server that redirects `/to?STATUS&URL` to that URL.
fn redirecting(request: &Request) -> Reply {
    let asked = request.target.strip_prefix("/to?").and_then(|query| query.split_once('&'));
    match asked {
        Some((status, url)) => Reply::redirect(status.parse().expect("a status"), url),
        None if request.method == "HEAD" => Reply::with("200 OK", ""),
        None => Reply::text("arrived"),
    }
}

fn to(status: u16, url: &str) -> String {
    format!("/to?{status}&{url}")
}

#[test]
fn a_redirect_is_followed_within_the_list() {
    let mut house = House::new("followed");
    let (one, two) = (Web::new(redirecting), Web::new(redirecting));
    house.allow(&[one.origin(), two.origin()]);
    for status in [301, 302, 303, 307, 308] {
        let reply = house.get(&one.url(&to(status, &two.url("/there"))));
        assert_eq!(reply["body"], "arrived", "{status}: {reply}");
        assert_eq!(
            (&reply["redirected"], &reply["url"]),
            (&json!(true), &json!(two.url("/there"))),
            "{status}: {reply}"
        );
    }
    for (location, target) in [("/x?y", "/x?y"), ("../z", "/z"), ("?q", "/to?q"), ("/x#fragment", "/x")] {
        house.text(&json!({"url": one.url(&to(302, location))}));
        assert_eq!(one.last().target, target, "{location}");
    }
}

#[test]
fn a_redirect_out_of_the_list_is_refused() {
    let mut house = House::new("out");
    let listed = Web::new(redirecting);
    let [other, _] = Web::pair([Ipv4Addr::new(127, 0, 0, 2).into(), Ipv4Addr::new(127, 0, 0, 3).into()], redirecting);
    let port = Web::new(redirecting);
    house.allow(&[listed.origin()]);
    for url in [
        port.url("/"),
        other.url("/"),
        format!("https://127.0.0.1:{}/", listed.port()),
        "http://127.0.0.1/".into(),
        format!("//127.0.0.2:{}/", other.port()),
        "http://169.254.169.254/latest/meta-data/".into(),
        "http://metadata.google.internal/".into(),
        format!("http://localhost:{}/", listed.port()),
    ] {
        for status in [301, 302, 303, 307, 308] {
            house.get_failed(&listed.url(&to(status, &url)), "42501");
        }
    }
    assert_eq!((other.connections(), port.connections()), (0, 0));
    assert!(listed.requests().iter().all(|request| request.target.starts_with("/to?")));
}

#[test]
fn the_second_of_two_hops_is_checked_too() {
    let mut house = House::new("second");
    let (one, two, three) = (Web::new(redirecting), Web::new(redirecting), Web::new(redirecting));
    house.allow(&[one.origin(), two.origin()]);
    house.get_failed(&one.url(&to(302, &two.url(&to(302, &three.url("/"))))), "42501");
    assert_eq!((two.connections(), three.connections()), (1, 0));
}

#[test]
fn a_redirect_to_a_listed_name_in_a_closed_network_is_refused() {
    let mut house = House::new("closed");
    house.open("127.0.0.1");
    let [open, closed] = Web::pair([Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(127, 0, 0, 2).into()], redirecting);
    house.allow(&[open.origin(), closed.origin()]);
    house.get_failed(&open.url(&to(302, &closed.url("/"))), "42501");
    assert_eq!(closed.connections(), 0);
    house.open("127.0.0.0/30");
    house.text(&json!({"url": open.url(&to(302, &closed.url("/")))}));
}

#[test]
fn a_redirect_to_another_protocol_is_refused() {
    let mut house = House::new("protocols");
    let web = Web::new(redirecting);
    house.allow_web(&web);
    for url in [
        "file:///etc/passwd",
        "gopher://127.0.0.1:25/x",
        "ftp://127.0.0.1/",
        "ws://127.0.0.1/",
        "unix:/tmp/x",
        "data:text/plain,x",
        "javascript:1",
        "dict://127.0.0.1:11211/",
        "http:///",
        "http://user@127.0.0.1/",
        "http://[::1",
    ] {
        let reply = house.get(&web.url(&to(302, url)));
        let code = &reply["error"]["code"];
        assert!(["22023", "42501", "08006"].map(Value::from).contains(code), "{url}: {reply}");
    }
    assert_eq!(web.requests().len(), 11);
}

#[test]
fn a_redirect_without_sense_is_no_redirect() {
    let mut house = House::new("nowhere");
    let web = Web::new(|request| {
        Reply::with(&format!("{} Nowhere", request.target.trim_start_matches('/')), "the reply itself")
    });
    house.allow_web(&web);
    for status in [301, 302, 307, 308, 300, 304, 305, 306] {
        let reply = house.get(&web.url(&format!("/{status}")));
        assert_eq!((&reply["status"], &reply["redirected"]), (&json!(status), &json!(false)), "{reply}");
    }
}

#[test]
fn loops_end_at_the_cap() {
    let mut house = House::new("loops");
    let web = Web::new(|request| match request.target.as_str() {
        "/self" => Reply::redirect(302, "/self"),
        path => {
            let left: u32 = path.trim_start_matches('/').parse().expect("a number");
            if left == 0 { Reply::text("arrived") } else { Reply::redirect(302, &format!("/{}", left - 1)) }
        }
    });
    house.allow_web(&web);
    assert_eq!(house.text(&json!({"url": web.url("/10")})), "arrived");
    let said = house.get_failed(&web.url("/11"), "54000");
    assert!(said.contains("max_http_redirects"), "{said}");
    house.get_failed(&web.url("/self"), "54000");
    assert_eq!(web.requests().len(), 33);
    house.set("max_http_redirects", "0");
    assert_eq!(house.text(&json!({"url": web.url("/0")})), "arrived");
    house.get_failed(&web.url("/1"), "54000");
}

#[test]
fn a_guest_may_follow_by_itself_or_not_at_all() {
    let mut house = House::new("manual");
    let web = Web::new(redirecting);
    house.allow_web(&web);
    let url = web.url(&to(302, "http://elsewhere.example/"));
    let reply = house.fetch(&json!({"url": url, "redirect": "manual"}));
    assert_eq!((&reply["status"], &reply["redirected"]), (&json!(302), &json!(false)), "{reply}");
    assert_eq!(reply["headers"]["location"], "http://elsewhere.example/", "{reply}");
    let reply = house.fetch(&json!({"url": web.url(&to(302, "/x")), "redirect": "error"}));
    assert!(reply["error"]["code"].is_string(), "{reply}");
    assert_eq!(web.requests().len(), 2);
}

const CREDENTIALS: [&str; 6] =
    ["authorization", "cookie", "x-api-key", "x-amz-security-token", "private-token", "referer"];

fn with_credentials(url: &str) -> Value {
    let mut headers = serde_json::Map::new();
    headers.extend(CREDENTIALS.map(|name| (name.to_owned(), json!("secret"))));
    headers.insert("Accept-Language".into(), json!("de"));
    json!({"url": url, "headers": headers})
}

fn credentials(request: &Request) -> Vec<&'static str> {
    CREDENTIALS.into_iter().filter(|name| request.header(name).is_some()).collect()
}

#[test]
fn credentials_stay_with_their_origin() {
    let mut house = House::new("credentials");
    let (one, two) = (Web::new(redirecting), Web::new(redirecting));
    // Another port, another name for the same address: each is another origin.
    let named = one.origin_as("name.example");
    house.allow(&[one.origin(), two.origin(), named.clone()]);
    for status in [301, 302, 303, 307, 308] {
        house.text(&with_credentials(&one.url(&to(status, &two.url("/")))));
        assert_eq!(credentials(&two.last()), [""; 0], "{status}: another port");
        house.text(&with_credentials(&one.url(&to(status, &format!("{named}/")))));
        assert_eq!(one.last().header("host"), named.strip_prefix("http://"));
        assert_eq!(credentials(&one.last()), [""; 0], "{status}: another name");
        house.text(&with_credentials(&one.url(&to(status, "/within"))));
        assert_eq!(credentials(&one.last()), CREDENTIALS, "{status}: within the origin");
    }
    assert_eq!(two.last().header("accept-language"), Some("de"));
}

#[test]
fn credentials_do_not_come_back_with_a_detour() {
    let mut house = House::new("detour");
    let (one, two) = (Web::new(redirecting), Web::new(redirecting));
    house.allow(&[one.origin(), two.origin()]);
    house.text(&with_credentials(&one.url(&to(302, &two.url(&to(302, &one.url("/back")))))));
    let back = one.last();
    assert_eq!(
        (back.target.as_str(), credentials(&back)),
        ("/back", vec![]),
        "the other origin chose where they would go"
    );
}

#[test]
fn credentials_do_not_go_from_https_to_http() {
    let authority = alyx_tests::Authority::new("downgrade");
    let mut house = House::new("downgrade");
    let plain = Web::new(redirecting);
    let secure = authority.web("one.example", redirecting);
    house.set("http_ca_file", authority.file());
    house.allow(&[secure.origin_as("one.example"), plain.origin_as("one.example")]);
    house.text(&with_credentials(&(secure.origin_as("one.example") + &to(302, &plain.origin_as("one.example")))));
    assert_eq!(credentials(&secure.last()), CREDENTIALS);
    assert_eq!(credentials(&plain.last()), [""; 0]);
    house.allow(&[secure.origin_as("one.example")]);
    house.get_failed(&(secure.origin_as("one.example") + &to(302, &plain.origin_as("one.example"))), "42501");
}

#[test]
fn a_body_follows_only_where_the_status_says_so() {
    let mut house = House::new("bodies_follow");
    let web = Web::new(redirecting);
    house.allow_web(&web);
    for (status, method, then) in [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "DELETE", "GET"),
        (301, "PUT", "PUT"),
        (302, "PATCH", "PATCH"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (307, "PUT", "PUT"),
    ] {
        house.text(&json!({"url": web.url(&to(status, "/then")), "method": method, "body": "the body",
            "headers": {"content-type": "text/x"}}));
        let seen = web.last();
        assert_eq!((seen.target.as_str(), seen.method.as_str()), ("/then", then), "{status} {method}");
        let keeps = then != "GET";
        assert_eq!(seen.body, if keeps { b"the body".as_slice() } else { b"" }, "{status} {method}");
        assert_eq!(seen.header("content-type"), keeps.then_some("text/x"), "{status} {method}");
    }
    for status in [301, 302, 303, 307, 308] {
        let reply = house.fetch(&json!({"url": web.url(&to(status, "/then")), "method": "HEAD", "timeout_ms": 500}));
        let seen = web.last();
        assert_eq!((seen.target.as_str(), seen.method.as_str()), ("/then", "HEAD"), "{status}: {reply}");
    }
}

#[test]
fn the_body_of_a_redirect_is_bounded_too() {
    let mut house = House::new("fat");
    let web = Web::new(|request| match request.target.as_str() {
        "/small" => Reply::with("302 Found\r\nlocation: /end", "x".repeat(1000)),
        "/flood" => Reply::raw("HTTP/1.1 302 Found\r\nlocation: /end\r\n\r\n").then_flood([b'x'; 65536]),
        _ => Reply::text("arrived"),
    });
    house.allow_web(&web);
    assert_eq!(house.text(&json!({"url": web.url("/small")})), "arrived");
    // Whether it is followed at once or refused: the flood is not waited for.
    let reply = house.fetch(&json!({"url": web.url("/flood"), "timeout_ms": 3000}));
    assert_ne!(reply["error"]["code"], "57014", "{reply}");
    wait_until("the flood is over", || web.open() <= 1);
}
