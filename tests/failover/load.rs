//! The crowd: clients that make numbered jobs by SQL and through the gateways, and those that only ask, again and again,
//! so that it can be seen when they get no answer. What was acknowledged is written down.

use crate::client::{Request, answer_of};
use crate::nodes::{NAMES, Nodes, PASSWORD};
use crate::stage::{DATABASE, token};
use alyx_tests::{Refusal, Session};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Between two requests of one client: a crowd that the machine can serve loses time by what is lost, not by waiting.
const PAUSE: Duration = Duration::from_millis(50);
const RETRY: Duration = Duration::from_millis(100);
/// How long those who only ask wait: one that waits for a lost request says nothing of the next.
const IMPATIENCE: Duration = Duration::from_secs(2);
/// How long clients may take to end.
const LAST_ORDERS_S: f64 = 90.0;

/// Seconds since 1970: what the servers' clocks are compared with.
pub fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// A request that only asks.
#[derive(Clone, Copy)]
pub struct Beat {
    pub began: f64,
    pub ended: f64,
    pub is_answered: bool,
    /// By a server that takes no writes.
    pub by_standby: bool,
}

/// What the clients know.
#[derive(Default)]
pub struct Ledger {
    next: AtomicU64,
    is_over: AtomicBool,
    /// Numbers of jobs whose commit was acknowledged to SQL clients.
    pub by_sql: Mutex<Vec<u64>>,
    /// And to clients of the gateways, by one reply or another under the same idempotency key.
    pub by_http: Mutex<Vec<u64>>,
    /// Numbers that nobody knows about: the connection went away first, and SQL has no key.
    pub unknown: Mutex<Vec<u64>>,
    /// Requests that were never answered well until the end.
    pub given_up: Mutex<Vec<u64>>,
    /// Replies that were those of an earlier request.
    pub replayed: AtomicU64,
    /// What was answered instead, how often.
    pub refusals: Mutex<BTreeMap<String, usize>>,
}

impl Ledger {
    fn refuse(&self, what: String) {
        *self.refusals.lock().unwrap().entry(what).or_default() += 1;
    }
}

/// Those who ask through one gateway.
#[derive(Default)]
pub struct Watch {
    pub posts: Mutex<Vec<Beat>>,
    pub gets: Mutex<Vec<Beat>>,
}

/// The running crowd.
pub struct Crowd {
    pub ledger: Arc<Ledger>,
    /// One for each gateway.
    pub watches: Vec<Arc<Watch>>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// Lets `clients` in by SQL, and as many through the gateways.
    pub fn start(nodes: &Nodes, gateways: &[SocketAddr], clients: usize) -> Crowd {
        let ledger = Arc::<Ledger>::default();
        let ports: Vec<u16> = nodes.all().iter().map(|node| node.server.port).collect();
        let mut threads = Vec::new();
        for client in 0..clients {
            let (own, ports) = (Arc::clone(&ledger), ports.clone());
            threads.push(spawn(move || by_sql(&own, &ports)));
            let (own, gateways) = (Arc::clone(&ledger), gateways.to_vec());
            threads.push(spawn(move || by_http(&own, &gateways, client)));
        }
        let mut watches = Vec::new();
        for gateway in gateways {
            let watch = Arc::<Watch>::default();
            let (own, kept, address) = (Arc::clone(&ledger), Arc::clone(&watch), *gateway);
            threads.push(spawn(move || ask(&own, &kept.posts, &Request::new(address, "POST", "/functions/v1/ping"))));
            let (own, kept) = (Arc::clone(&ledger), Arc::clone(&watch));
            threads.push(spawn(move || ask(&own, &kept.gets, &Request::new(address, "GET", "/functions/v1/reader"))));
            watches.push(watch);
        }
        Crowd { ledger, watches, threads }
    }

    /// Sends everybody home, and waits until they have gone; `false` when some have not.
    pub fn end(&mut self) -> bool {
        self.ledger.is_over.store(true, Ordering::Relaxed);
        let deadline = seconds() + LAST_ORDERS_S + 30.0;
        while seconds() < deadline && !self.threads.iter().all(JoinHandle::is_finished) {
            sleep(RETRY);
        }
        self.threads.iter().all(JoinHandle::is_finished)
    }
}

fn by_sql(ledger: &Ledger, ports: &[u16]) {
    let mut session: Option<Session> = None;
    while !ledger.is_over.load(Ordering::Relaxed) {
        let Some(open) = &mut session else {
            match connect(ports) {
                Ok(open) => session = Some(open),
                Err(refusal) => {
                    ledger.refuse(format!("SQL, connecting: {}", refusal.code));
                    sleep(RETRY);
                }
            }
            continue;
        };
        let n = ledger.next.fetch_add(1, Ordering::Relaxed);
        match open.attempt(&format!("SELECT fn_enqueue('work', '{{\"n\": {n}}}')")) {
            Ok(_) => ledger.by_sql.lock().unwrap().push(n),
            Err(refusal) => {
                ledger.refuse(format!("SQL: {}", refusal.code));
                ledger.unknown.lock().unwrap().push(n);
                session = None;
            }
        }
        sleep(PAUSE);
    }
}

/// Whoever takes writes, as libpq and its like find it.
fn connect(ports: &[u16]) -> Result<Session, Refusal> {
    let mut config = postgres::Config::new();
    for port in ports {
        config.host("127.0.0.1").port(*port);
    }
    config.user("postgres").password(PASSWORD).dbname(DATABASE).connect_timeout(Duration::from_secs(2));
    config.target_session_attrs(postgres::config::TargetSessionAttrs::ReadWrite);
    config.connect(postgres::NoTls).map(Session::new).map_err(|error| Refusal::of(&error))
}

/// Each number until it is acknowledged, by whichever gateway: the key is in the database.
fn by_http(ledger: &Ledger, gateways: &[SocketAddr], client: usize) {
    let token = token(&format!("client {client}"));
    let mut turn = client;
    let mut over_since = None;
    while !ledger.is_over.load(Ordering::Relaxed) {
        let n = ledger.next.fetch_add(1, Ordering::Relaxed);
        loop {
            let request = Request::new(gateways[turn % gateways.len()], "POST", "/functions/v1/order");
            let request =
                request.token(&token).header("idempotency-key", &format!("order {n}")).json(&json!({ "n": n }));
            let answer = request.try_send();
            if let Some(answer) = answer.as_ref().filter(|answer| answer.status == 200) {
                let is_replayed = answer.header("idempotent-replayed").is_some();
                ledger.replayed.fetch_add(u64::from(is_replayed), Ordering::Relaxed);
                ledger.by_http.lock().unwrap().push(n);
                break;
            }
            ledger.refuse(answer.map_or("POST: no reply".to_owned(), |answer| format!("POST: {}", answer.status)));
            if ledger.is_over.load(Ordering::Relaxed)
                && seconds() - *over_since.get_or_insert_with(seconds) > LAST_ORDERS_S
            {
                ledger.given_up.lock().unwrap().push(n);
                return;
            }
            turn += 1;
            sleep(RETRY);
        }
        sleep(PAUSE);
    }
}

fn ask(ledger: &Ledger, beats: &Mutex<Vec<Beat>>, request: &Request) {
    let request = request.clone().token(&token(NAMES[0]));
    while !ledger.is_over.load(Ordering::Relaxed) {
        let began = seconds();
        let stream = request.begin();
        let _ = stream.set_read_timeout(Some(IMPATIENCE));
        let answer = answer_of(stream).filter(|answer| answer.status == 200);
        let by_standby = answer.as_ref().is_some_and(|answer| answer.json()["standby"] == json!(true));
        beats.lock().unwrap().push(Beat { began, ended: seconds(), is_answered: answer.is_some(), by_standby });
        sleep(PAUSE);
    }
}
