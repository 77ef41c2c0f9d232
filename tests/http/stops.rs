//! Whatever Postgres wants to stop stops within 100 ms, in every phase of a fetch, and the backend goes on as before.

use crate::house::{House, TIMED_OUT, call};
use alyx_tests::{Answer, Cluster, Refusal, Reply, Server, Session, Web, literal, wait_until};
use serde_json::{Value, json};
use socket2::{Domain, SockAddr, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

const PROMPT: Duration = Duration::from_millis(100);
/// Time that no test waits for.
const LONG_MS: u64 = 60_000;
/// Time after which something ends a fetch.
const SOON: Duration = Duration::from_millis(500);

/// An address where connecting never ends: a listener that accepts nobody, its queue filled.
struct Full {
    address: SocketAddr,
    _sockets: [Socket; 2],
}

impl Full {
    fn new() -> Full {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let (listener, filler) = (socket(), socket());
        listener.bind(&SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))).expect("a free port");
        listener.listen(0).expect("it listens");
        let address = listener.local_addr().expect("it is bound");
        filler.connect(&address).expect("one is queued");
        Full { address: address.as_socket().expect("of IPv4"), _sockets: [listener, filler] }
    }
}

/// A fetch that never ends, and where it is when it hangs.
struct Stall {
    phase: &'static str,
    request: Value,
    body_bytes: usize,
}

impl Stall {
    fn get(phase: &'static str, url: String) -> Stall {
        Stall { phase, request: json!({"url": url}), body_bytes: 0 }
    }

    /// The statement that makes it. The body is made by the server: otherwise its log would take the time.
    fn call(&self, timeout_ms: u64) -> String {
        let mut request = self.request.clone();
        request["timeout_ms"] = json!(timeout_ms);
        let (request, size) = (literal(&request.to_string()), self.body_bytes);
        format!("SELECT ask_web({request}::jsonb || jsonb_build_object('body', repeat('x', {size})))")
    }
}

/// A house in which every phase of a fetch can hang.
struct Stalls {
    house: House,
    stalls: Vec<Stall>,
    good: Web,
    webs: [Web; 4],
    _full: Full,
}

impl Stalls {
    fn new(test: &str) -> Stalls {
        Stalls::on(Server::shared(), test)
    }

    fn on(server: Server, test: &str) -> Stalls {
        let mut house = House::on(server, test, |question| match question.name.as_str() {
            "silent.example" => Answer::Silence,
            _ => Answer::loopback(),
        });
        let full = Full::new();
        let good = Web::new(|_| Reply::text("ok"));
        let (deaf, sluggish) = (Web::deaf(), Web::sluggish());
        let headers = Web::new(|_| Reply::raw("HTTP/1.1 200 OK\r\nx-more: ").then_hang());
        let body = Web::new(|_| Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").then_hang());
        let full_name = format!("http://full.example:{}", full.address.port());
        let stalls = vec![
            Stall::get("name", "http://silent.example/".into()),
            Stall::get("connect", full_name.clone()),
            Stall::get("handshake", deaf.origin_as("deaf.example")),
            Stall {
                phase: "sending",
                request: json!({"url": sluggish.origin(), "method": "PUT"}),
                body_bytes: 8 << 20,
            },
            Stall::get("headers", headers.url("/")),
            Stall::get("body", body.url("/")),
        ];
        house.allow_with(
            &[
                "http://silent.example".into(),
                full_name,
                deaf.origin_as("deaf.example"),
                sluggish.origin(),
                headers.origin(),
                body.origin(),
                good.origin(),
            ],
            "timeout: 60s\n",
        );
        house.set("max_http_time", "60s");
        Stalls { house, stalls, good, webs: [deaf, sluggish, headers, body], _full: full }
    }

    /// How many fetches have come as far as they get.
    fn arrived(&self) -> usize {
        let names = ["silent.example", "full.example"].map(|name| self.house.names.asked_for(name));
        self.webs.iter().map(Web::connections).chain(names).sum()
    }

    /// Lets a session run into a stall, calls `hanging` when it has, and gives what came of it and how long after the
    /// instant that `hanging` gave.
    fn observe(
        &self,
        mut victim: Session,
        statement: String,
        hanging: impl FnOnce() -> Instant,
    ) -> (Session, Result<Vec<String>, Refusal>, Duration) {
        let before = self.arrived();
        let fetching = thread::spawn(move || {
            let ended = victim.attempt(&statement);
            (victim, ended, Instant::now())
        });
        wait_until("the fetch hangs", || self.arrived() > before);
        let since = hanging();
        let (victim, ended, at) = fetching.join().expect("the fetching session");
        (victim, ended, at.saturating_duration_since(since))
    }

    /// Lets a new session run into a stall, calls `stop` with its process id, and gives the session, its error and how
    /// long that took.
    fn stopped(&self, stall: &Stall, stop: impl FnOnce(u32)) -> (Session, Refusal, Duration) {
        let mut victim = self.house.session();
        let pid = victim.pid();
        let (victim, ended, late) = self.observe(victim, stall.call(LONG_MS), || {
            thread::sleep(Duration::from_millis(50));
            let asked = Instant::now();
            stop(pid);
            asked
        });
        (victim, ended.expect_err(stall.phase), late)
    }

    /// Lets a new session, prepared by `prepare`, run into a stall that something ends after [`SOON`], and gives what came
    /// of it and how much later that was.
    fn timed_out(&self, stall: &Stall, prepare: &str, timeout_ms: u64) -> (Result<Vec<String>, Refusal>, Duration) {
        let mut victim = self.house.session();
        victim.run(prepare);
        let (_, ended, after) = self.observe(victim, stall.call(timeout_ms), Instant::now);
        (ended, after.saturating_sub(SOON))
    }

    /// Nothing is left of it, neither here nor at the servers.
    fn is_well(&self, session: &mut Session, phase: &str) {
        let reply = crate::house::fetch(session, &json!({"url": self.good.url("/")}));
        assert_eq!(reply["body"], "ok", "after {phase}: {reply}");
        wait_until("the connections are closed", || self.webs.iter().all(|web| web.open() == 0));
    }
}

/// The shortest of three: what counts is how the code behaves, not what else this machine was doing.
fn assert_prompt(what: &str, mut attempt: impl FnMut() -> Duration) {
    let late: Vec<Duration> = (0..3).map(|_| attempt()).take_while(|late| *late > PROMPT).collect();
    assert!(late.len() < 3, "{what} ended {late:?} late");
}

#[test]
fn a_cancel_ends_a_fetch_in_every_phase() {
    let stalls = Stalls::new("cancel");
    let mut other = stalls.house.session();
    for stall in &stalls.stalls {
        assert_prompt(stall.phase, || {
            let (mut session, refusal, late) =
                stalls.stopped(stall, |pid| other.run(&format!("SELECT pg_cancel_backend({pid})")));
            assert_eq!(refusal.code, "57014", "{}: {refusal}", stall.phase);
            assert!(refusal.message.contains("user request"), "Postgres' own words: {refusal}");
            stalls.is_well(&mut session, stall.phase);
            late
        });
    }
}

#[test]
fn a_terminate_ends_a_fetch_in_every_phase() {
    let stalls = Stalls::new("terminate");
    let mut other = stalls.house.session();
    for stall in &stalls.stalls {
        assert_prompt(stall.phase, || {
            let (_, refusal, late) =
                stalls.stopped(stall, |pid| other.run(&format!("SELECT pg_terminate_backend({pid})")));
            assert!(["57P01", "closed"].contains(&refusal.code.as_str()), "{}: {refusal}", stall.phase);
            stalls.is_well(&mut other, stall.phase);
            late
        });
    }
}

#[test]
fn statement_timeout_ends_a_fetch_in_every_phase() {
    let stalls = Stalls::new("statement_timeout");
    for stall in &stalls.stalls {
        assert_prompt(stall.phase, || {
            let (ended, late) = stalls.timed_out(stall, "SET statement_timeout = '500ms'", LONG_MS);
            let refusal = ended.expect_err(stall.phase);
            assert_eq!(refusal.code, "57014", "{}: {refusal}", stall.phase);
            assert!(refusal.message.contains("statement timeout"), "Postgres' own words: {refusal}");
            late
        });
    }
    stalls.is_well(&mut stalls.house.session(), "all");
}

#[test]
fn the_functions_timeout_ends_a_fetch_in_every_phase() {
    let stalls = Stalls::new("function_timeout");
    for stall in &stalls.stalls {
        assert_prompt(stall.phase, || {
            let (ended, late) = stalls.timed_out(stall, "SET alyx_functions.max_timeout = '500ms'", LONG_MS);
            let refusal = ended.expect_err(stall.phase);
            assert_eq!(refusal.code, "57014", "{}: {refusal}", stall.phase);
            assert!(refusal.says("max_timeout"), "{}: {refusal}", stall.phase);
            late
        });
    }
    stalls.is_well(&mut stalls.house.session(), "all");
}

#[test]
fn the_time_of_a_fetch_ends_it_in_every_phase_and_the_guest_hears_of_it() {
    let stalls = Stalls::new("fetch_time");
    for stall in &stalls.stalls {
        // Its own time, and that of all, of which a request can only ask for less.
        for (prepare, timeout_ms) in [("", 500), ("SET alyx_functions.max_http_time = '500ms'", LONG_MS)] {
            assert_prompt(stall.phase, || {
                let (ended, late) = stalls.timed_out(stall, prepare, timeout_ms);
                let reply = ended.expect(stall.phase).concat();
                assert!(reply.contains(TIMED_OUT) && reply.contains("timed out"), "{}: {reply}", stall.phase);
                late
            });
        }
    }
    stalls.is_well(&mut stalls.house.session(), "all");
}

#[test]
fn all_hops_share_the_time_of_one_fetch() {
    let mut house = House::new("hops_time");
    let web = Web::new(|request| {
        let next = format!("/{}", request.target.len());
        Reply::default()
            .then_pause(Duration::from_millis(150))
            .then(format!("HTTP/1.1 302 Found\r\nlocation: {next}\r\ncontent-length: 0\r\n\r\n"))
    });
    house.allow_web(&web);
    let begin = Instant::now();
    house.failed(&json!({"url": web.url("/"), "timeout_ms": 400}), TIMED_OUT);
    assert!(begin.elapsed() < Duration::from_millis(1000), "{:?}", begin.elapsed());
    assert!((2..=4).contains(&web.requests().len()));
}

#[test]
fn a_drip_of_bytes_does_not_buy_time() {
    let mut house = House::new("drip");
    let drip = |head: &'static str, drop: &'static str| {
        move |_: &alyx_tests::Request| {
            (0..1000).fold(Reply::raw(head), |reply, _| reply.then_pause(Duration::from_millis(20)).then(drop))
        }
    };
    let webs = [
        Web::new(drip("HTTP/1.1 200 OK\r\n", "x-a: b\r\n")),
        Web::new(drip("HTTP/1.1 200 OK\r\n\r\n", "x")),
        Web::new(drip("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n")),
    ];
    house.allow(&webs.iter().map(Web::origin).collect::<Vec<_>>());
    for web in &webs {
        let begin = Instant::now();
        house.failed(&json!({"url": web.url("/"), "timeout_ms": 300}), TIMED_OUT);
        assert!(begin.elapsed() < Duration::from_millis(900), "{:?}", begin.elapsed());
        house.run("SET statement_timeout = '300ms'");
        let begin = Instant::now();
        house.refused(&call(&json!({"url": web.url("/")})), "57014");
        assert!(begin.elapsed() < Duration::from_millis(900), "{:?}", begin.elapsed());
        house.run("RESET statement_timeout");
        wait_until("the client has left", || web.open() == 0);
    }
}

#[test]
fn a_fetch_that_hangs_holds_up_nobody_else() {
    let stalls = Stalls::new("barrier");
    let mut admin = stalls.house.server().session("postgres");
    let spare = format!("{}_spare", stalls.house.name());
    for stall in &stalls.stalls {
        let (_, refusal, _) = stalls.stopped(stall, |pid| {
            // Dropping a database waits until every backend has let go of its files.
            admin.run(&format!("CREATE DATABASE {spare} TEMPLATE template0"));
            let begin = Instant::now();
            admin.run(&format!("DROP DATABASE {spare}"));
            assert!(begin.elapsed() < Duration::from_secs(5), "{}: {:?}", stall.phase, begin.elapsed());
            let still = admin.value(&format!("SELECT state FROM pg_stat_activity WHERE pid = {pid}"));
            assert_eq!(still, "active", "{}: the fetch goes on", stall.phase);
            admin.run(&format!("SELECT pg_cancel_backend({pid})"));
        });
        assert_eq!(refusal.code, "57014", "{}: {refusal}", stall.phase);
    }
}

#[test]
fn a_client_that_has_gone_is_noticed() {
    let stalls = Stalls::new("gone");
    let stall = stalls.stalls.iter().find(|stall| stall.phase == "headers").expect("it is in the list");
    let mut client = stalls.house.server().client_program("psql", stalls.house.name());
    client.args(["-c", "SET client_connection_check_interval = '100ms'", "-c", &stall.call(LONG_MS)]);
    let before = stalls.arrived();
    let mut child = client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("psql starts");
    wait_until("the fetch hangs", || stalls.arrived() > before);
    child.kill().expect("psql runs");
    child.wait().expect("psql has ended");
    wait_until("its backend has left", || stalls.webs.iter().all(|web| web.open() == 0));
}

#[test]
fn a_fast_shutdown_does_not_wait_for_fetches() {
    let cluster = Cluster::preloaded("http_shutdown", &[]);
    let stalls = Stalls::on(cluster.server().clone(), "shutdown");
    let before = stalls.arrived();
    let fetching: Vec<_> = stalls
        .stalls
        .iter()
        .map(|stall| {
            let (mut victim, statement) = (stalls.house.session(), stall.call(LONG_MS));
            thread::spawn(move || victim.refusal(&statement))
        })
        .collect();
    wait_until("all fetches hang", || stalls.arrived() >= before + fetching.len());
    thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    cluster.stop("fast");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    for session in fetching {
        let refusal = session.join().expect("the fetching session");
        assert!(["57P01", "closed"].contains(&refusal.code.as_str()), "{refusal}");
    }
    // So that the database can be dropped as after any test.
    cluster.begin();
}
