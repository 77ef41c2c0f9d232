//! The client against a real server on a thread of the test. What needs Postgres, TLS or names is in tests/http.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::disallowed_methods, reason = "no backend here; the server needs threads")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alyx_fetch::{AllowList, Client, Config, FetchError, Kind, Limits, Networks, Redirect, Reply, Request};

/// A server that answers each request with what `reply` says to its first line, and counts connections.
struct Web {
    origin: String,
    connections: Arc<AtomicUsize>,
}

impl Web {
    fn start(reply: impl Fn(&str) -> String + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                let reply = reply.clone();
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    loop {
                        let mut head = String::new();
                        while !head.ends_with("\r\n\r\n") {
                            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                                return;
                            }
                        }
                        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
                        reader.read_exact(&mut body).unwrap();
                        let answer = reply(&head);
                        if answer.is_empty() {
                            std::thread::sleep(Duration::from_secs(5));
                        }
                        let _ = stream.write_all(answer.as_bytes());
                    }
                });
            }
        });
        Self { origin, connections }
    }
}

fn client() -> Client {
    let networks = Networks::parse("127.0.0.0/8").unwrap();
    Client::new(Config { networks, resolver: None, ca_file: None, header_bytes: 64 << 10 }).unwrap()
}

fn get(client: &mut Client, url: &str, allowed: &[&str], limits: &Limits) -> Result<Reply, FetchError> {
    let request = Request { url, ..Request::default() };
    client.fetch(request, &AllowList::new(allowed.iter().copied()), limits, || false)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn requests_share_a_connection_and_need_no_thread() {
    let web = Web::start(|_| ok("hello"));
    let mut client = client();
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    for _ in 0..5 {
        let reply = get(&mut client, &web.origin, &[&web.origin], &Limits::default()).unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"hello".as_slice()));
    }
    assert_eq!(web.connections.load(Ordering::SeqCst), 1);
    // The test's own threads come and go; a pool of workers would stay with names like these.
    let workers = std::fs::read_dir("/proc/self/task").unwrap().filter(|task| {
        let name = task.as_ref().unwrap().path().join("comm");
        std::fs::read_to_string(name).is_ok_and(|name| name.starts_with("tokio"))
    });
    assert_eq!(workers.count(), 0, "of {} threads", threads());
}

#[test]
fn each_hop_is_asked_for_again() {
    let away = Web::start(|_| ok("secret"));
    let to = away.origin.clone();
    let web = Web::start(move |head| match head.starts_with("GET /away") {
        true => format!("HTTP/1.1 302 Found\r\nlocation: {to}/x\r\ncontent-length: 0\r\n\r\n"),
        false => "HTTP/1.1 302 Found\r\nlocation: /loop\r\ncontent-length: 0\r\n\r\n".to_owned(),
    });
    let mut client = client();
    let leads_away = format!("{}/away", web.origin);
    let denied = get(&mut client, &leads_away, &[&web.origin], &Limits::default()).unwrap_err();
    assert_eq!(denied.kind, Kind::Denied);
    assert_eq!(away.connections.load(Ordering::SeqCst), 0);
    let reply = get(&mut client, &leads_away, &[&web.origin, &away.origin], &Limits::default()).unwrap();
    assert_eq!((reply.redirects, reply.url), (1, format!("{}/x", away.origin)));
    let endless = get(&mut client, &web.origin, &[&web.origin], &Limits::default()).unwrap_err();
    assert_eq!(endless.kind, Kind::TooLarge);
    let request = Request { url: &web.origin, redirect: Redirect::Manual, ..Request::default() };
    let allowed = AllowList::new([web.origin.as_str()]);
    assert_eq!(client.fetch(request, &allowed, &Limits::default(), || false).unwrap().status, 302);
}

#[test]
fn an_address_that_is_not_public_is_reached_only_where_it_is_listed() {
    let web = Web::start(|_| ok(""));
    let config = Config { networks: Networks::default(), ..client().config().clone() };
    let mut client = Client::new(config).unwrap();
    let denied = get(&mut client, &web.origin, &[&web.origin], &Limits::default()).unwrap_err();
    assert_eq!(denied.kind, Kind::Denied, "{denied}");
    assert_eq!(web.connections.load(Ordering::SeqCst), 0);
}

#[test]
fn a_silent_server_does_not_hold_the_caller() {
    let web = Web::start(|_| String::new());
    let mut client = client();
    let began = Instant::now();
    let limits = Limits { time: Duration::from_millis(100), ..Limits::default() };
    let late = get(&mut client, &web.origin, &[&web.origin], &limits).unwrap_err();
    assert_eq!(late.kind, Kind::TimedOut);
    let asked = AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, Ordering::SeqCst) > 5;
    let request = Request { url: &web.origin, ..Request::default() };
    let allowed = AllowList::new([web.origin.as_str()]);
    assert_eq!(client.fetch(request, &allowed, &Limits::default(), stop).unwrap_err().kind, Kind::Interrupted);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn replies_larger_than_they_may_be_are_not_read_to_their_end() {
    let mut client = client();
    let limits = Limits { response_bytes: 1000, header_bytes: 9000, ..Limits::default() };
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1000));
    for (what, reply) in [
        ("length", "HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n".to_owned()),
        ("chunks", format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}")),
        ("header", format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(20_000))),
        ("headers", format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(1_000))),
    ] {
        let web = Web::start(move |_| reply.clone());
        let refused = get(&mut client, &web.origin, &[&web.origin], &limits).unwrap_err();
        assert_eq!(refused.kind, Kind::TooLarge, "{what}: {refused}");
    }
}
