//! Connections belong to the backend: kept while that saves something, and nothing else of it is left by a fetch.

use crate::house::{House, call};
use alyx_tests::{Answer, Reply, Session, Web, literal, wait_until};
use serde_json::json;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

/// How many entries a folder of the backend's process has.
fn count(session: &mut Session, folder: &str) -> usize {
    std::fs::read_dir(format!("/proc/{}/{folder}", session.pid())).expect("the backend runs on this machine").count()
}

/// A port where nobody listens.
fn closed_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a free port").port()
}

#[test]
fn many_calls_share_one_connection() {
    let mut house = House::new("shared");
    let web = Web::new(|_| Reply::text("ok"));
    house.allow_web(&web);
    for _ in 0..20 {
        house.text(&json!({"url": web.url("/")}));
        house.text(&json!({"url": web.url("/"), "method": "POST", "body": "x"}));
    }
    assert_eq!(web.connections(), 1);
    // And in one statement, by calls that are instances of their own.
    house.run(&format!(
        "SELECT count(ask_web({})) FROM generate_series(1, 20)",
        literal(&json!({"url": web.url("/")}).to_string())
    ));
    assert_eq!(web.connections(), 1);
    assert_eq!(web.requests().len(), 60);
}

#[test]
fn a_kept_connection_knows_its_name() {
    // Both names are one address; what was opened for the one must not serve the other, whose check is its own.
    let mut house = House::new("apart");
    let web = Web::new(|request| Reply::text(request.header("host").unwrap_or_default()));
    let (one, two) = (web.origin_as("one.example"), web.origin_as("two.example"));
    house.allow(&[one.clone(), two.clone()]);
    for origin in [&one, &two, &one, &two] {
        assert_eq!(format!("http://{}", house.text(&json!({"url": origin}))), *origin);
    }
    assert_eq!(web.connections(), 2);
}

#[test]
fn a_kept_connection_is_not_lent_past_a_closed_network() {
    let mut house = House::new("lent");
    let web = Web::new(|_| Reply::text("ok"));
    house.allow_web(&web);
    house.text(&json!({"url": web.url("/")}));
    house.open("");
    house.get_failed(&web.url("/"), "42501");
    assert_eq!(web.requests().len(), 1, "the administrator closed the network, and it is closed");
}

#[test]
fn a_server_that_closed_an_idle_connection_does_not_fail_the_next_call() {
    let mut house = House::new("idle");
    let web = Web::new(|_| Reply::text("ok").then_close());
    house.allow_web(&web);
    for method in ["GET", "POST", "PUT", "GET"] {
        assert_eq!(house.text(&json!({"url": web.url("/"), "method": method})), "ok");
        wait_until("the server has closed it", || web.open() == 0);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!((web.connections(), web.requests().len()), (4, 4), "and nothing was sent twice");
}

#[test]
fn a_request_to_change_something_is_sent_at_most_once() {
    let mut house = House::new("once");
    // Takes the second request of a connection and leaves without a word: was it carried out or not?
    let web = Web::new(|request| match request.target.as_str() {
        "/first" => Reply::text("ok"),
        _ => Reply::default().then_close(),
    });
    house.allow_web(&web);
    house.text(&json!({"url": web.url("/first")}));
    house.failed(&json!({"url": web.url("/pay"), "method": "POST", "body": "10"}), "08006");
    assert_eq!(web.requests().iter().filter(|request| request.target == "/pay").count(), 1);
}

#[test]
fn a_server_that_asks_to_close_is_not_asked_again() {
    let mut house = House::new("close");
    let web = Web::new(|_| Reply::with("200 OK\r\nconnection: close", "ok").then_hang());
    house.allow_web(&web);
    for _ in 0..3 {
        assert_eq!(house.text(&json!({"url": web.url("/")})), "ok");
    }
    assert_eq!(web.connections(), 3);
    wait_until("the client has left, too", || web.open() == 0);
}

#[test]
fn few_connections_are_kept() {
    let mut house = House::new("few");
    let webs: Vec<Web> = (0..40).map(|_| Web::new(|_| Reply::text("ok"))).collect();
    house.allow(&webs.iter().map(Web::origin).collect::<Vec<_>>());
    for web in &webs {
        house.text(&json!({"url": web.url("/")}));
    }
    let open = webs.iter().map(Web::open).sum::<usize>();
    assert!(open <= 32, "{open} connections are kept by one idle backend");
}

#[test]
fn a_backend_keeps_one_thread() {
    let authority = alyx_tests::Authority::new("threads");
    let mut house = House::new("threads");
    let (plain, secure) = (Web::new(|_| Reply::text("ok")), authority.web("secure.example", |_| Reply::text("ok")));
    house.set("http_ca_file", authority.file());
    house.allow(&[plain.origin(), secure.origin_as("secure.example")]);
    assert_eq!(count(&mut house, "task"), 1);
    house.text(&json!({"url": plain.url("/")}));
    assert_eq!(count(&mut house, "task"), 1, "after http");
    house.text(&json!({"url": secure.origin_as("secure.example")}));
    assert_eq!(count(&mut house, "task"), 1, "after a name and https");
}

#[test]
fn a_backend_has_one_thread_while_it_waits() {
    let mut house = House::named("threads_waiting", |question| {
        if question.name.starts_with("silent") { Answer::Silence } else { Answer::loopback() }
    });
    let web = Web::new(|_| Reply::silence());
    house.allow(&[web.origin(), "http://silent.example".into()]);
    for url in [web.url("/"), "http://silent.example/".into()] {
        let (mut other, mut victim) = (house.session(), house.session());
        let (pid, token) = (victim.pid(), victim.cancel_token());
        let statement = call(&json!({"url": url}));
        let waiting = std::thread::spawn(move || victim.refusal(&statement));
        wait_until("it asks", || web.open() == 1 || house.names.asked_for("silent.example") > 0);
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs").count();
        token.cancel_query(postgres::NoTls).expect("the cancel request is sent");
        assert_eq!(waiting.join().expect("the fetching session").code, "57014");
        assert_eq!(threads, 1, "while {url} hangs");
        wait_until("its connection is closed", || web.open() == 0);
        other.run("SELECT 1");
    }
}

#[test]
fn two_hundred_fetches_leave_no_descriptor() {
    let mut house = House::named("descriptors", |question| match question.name.as_str() {
        "unknown.example" => Answer::Unknown,
        "silent.example" => Answer::Silence,
        _ => Answer::loopback(),
    });
    let web = Web::new(|request| match request.target.as_str() {
        "/garbage" => Reply::raw("garbage\r\n\r\n").then_close(),
        "/early" => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").then_close(),
        "/endless" => Reply::raw("HTTP/1.1 200 OK\r\n\r\n").then_flood([b'x'; 65536]),
        "/silence" => Reply::silence(),
        "/away" => Reply::redirect(302, "http://elsewhere.example/"),
        _ => Reply::text("ok"),
    });
    let (name, deaf, closed) =
        (web.origin_as("name.example"), Web::deaf(), format!("http://127.0.0.1:{}", closed_port()));
    let hosts = [web.origin(), name.clone(), deaf.origin(), closed.clone()];
    house.allow(&[&hosts[..], &["http://unknown.example".into(), "http://silent.example".into()]].concat());
    house.set("max_http_response", "128kB");
    let round = |house: &mut House| {
        for url in [
            web.url("/"),
            name.clone() + "/",
            web.url("/garbage"),
            web.url("/early"),
            web.url("/endless"),
            web.url("/silence"),
            web.url("/away"),
            closed.clone(),
            deaf.url("/"),
            "http://unknown.example/".into(),
            "http://silent.example/".into(),
        ] {
            house.fetch(&json!({"url": url, "timeout_ms": 30}));
        }
    };
    round(&mut house);
    let (files, memory) = (count(&mut house, "fd"), house.resident_bytes());
    (0..20).for_each(|_| round(&mut house));
    let now = count(&mut house, "fd");
    assert!(now <= files + 1, "{files} descriptors became {now}");
    let grown = house.resident_bytes().saturating_sub(memory);
    assert!(grown < 16 << 20, "the backend grew by {grown} bytes");
}

#[test]
fn cancelled_fetches_leave_no_descriptor_either() {
    let mut house = House::new("descriptors_cancelled");
    let web = Web::new(|_| Reply::silence());
    house.allow_web(&web);
    house.run("SET statement_timeout = '30ms'");
    let statement = call(&json!({"url": web.url("/")}));
    house.refused(&statement, "57014");
    house.run("SET statement_timeout = 0");
    let before = count(&mut house, "fd");
    for _ in 0..20 {
        house.run("SET statement_timeout = '30ms'");
        house.refused(&statement, "57014");
        house.run("SET statement_timeout = 0");
    }
    assert!(count(&mut house, "fd") <= before);
    wait_until("all connections are closed", || web.open() == 0);
}
