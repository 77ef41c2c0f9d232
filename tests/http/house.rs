//! A database whose functions may reach this machine's loopback, and the two ways to fetch from it.

use alyx_tests::{Answer, Db, Names, Question, Server, Session, Web, guest, literal};
use serde_json::{Value, json};
use std::ops::{Deref, DerefMut};

/// The code of a fetch whose own time is up, `timeout_ms` or `max_http_time`: a server that does not answer.
pub const TIMED_OUT: &str = "08006";

/// A database with a name server of its own; `ask_web(jsonb)` hands its request to `http_fetch`.
pub struct House {
    db: Db,
    /// The name server that its sessions ask.
    pub names: Names,
}

impl House {
    /// Every name is 127.0.0.1, and all of loopback may be reached.
    pub fn new(test: &str) -> House {
        House::named(test, |_| Answer::loopback())
    }

    /// Names mean what `answer` says, and all of loopback may be reached.
    pub fn named(test: &str, answer: impl Fn(&Question) -> Answer + Send + 'static) -> House {
        House::on(Server::shared(), test, answer)
    }

    /// The same on another server.
    pub fn on(server: Server, test: &str, answer: impl Fn(&Question) -> Answer + Send + 'static) -> House {
        let db = Db::on(server, &format!("http_{test}"));
        let mut house = House { db, names: Names::new(answer) };
        let resolver = house.names.address();
        house.set("http_resolver", &resolver);
        house.open("127.0.0.0/8, ::1");
        house
    }

    /// Changes a setting of the extension, for this session and those that come.
    pub fn set(&mut self, name: &str, value: &str) {
        let (database, value) = (self.db.name().to_owned(), literal(value));
        self.run(&format!(
            "SET alyx_functions.{name} = {value}; ALTER DATABASE {database} SET alyx_functions.{name} = {value}"
        ));
    }

    /// Opens exactly these networks of those that are closed by default.
    pub fn open(&mut self, networks: &str) {
        self.set("http_allowed_networks", networks);
    }

    /// Deploys the guest `fetch` with these allowed_hosts and no other power.
    pub fn allow(&mut self, origins: &[String]) {
        self.allow_with(origins, "");
    }

    /// The same with more lines of manifest.
    pub fn allow_with(&mut self, origins: &[String], manifest: &str) {
        let hosts = json!(origins);
        self.deploy("fetch", &guest("fetch"), &format!("allowed_hosts: {hosts}\n{manifest}"));
        self.run(
            "CREATE OR REPLACE FUNCTION ask_web(request jsonb) RETURNS jsonb LANGUAGE wasm AS 'fetch:http_fetch';
             CREATE OR REPLACE FUNCTION ask_bytes(request jsonb) RETURNS bytea LANGUAGE wasm AS 'fetch:http_request'",
        );
    }

    /// Deploys the guest `fetch` so that it may reach this server under its address.
    pub fn allow_web(&mut self, web: &Web) {
        self.allow(&[web.origin()]);
    }

    /// The reply to a request, error or not.
    pub fn fetch(&mut self, request: &Value) -> Value {
        fetch(self, request)
    }

    /// The reply to a plain GET, error or not.
    pub fn get(&mut self, url: &str) -> Value {
        self.fetch(&json!({"url": url}))
    }

    /// The body of a request that must be answered with 200 and text.
    pub fn text(&mut self, request: &Value) -> String {
        let reply = self.fetch(request);
        assert_eq!(reply["status"], 200, "{request}: {reply}");
        reply["body"].as_str().unwrap_or_else(|| panic!("{request}: {reply}")).to_owned()
    }

    /// The message, detail and hint of a request that must fail with `code`.
    pub fn failed(&mut self, request: &Value, code: &str) -> String {
        let reply = self.fetch(request);
        assert_eq!(reply["error"]["code"], code, "{request}: {reply}");
        assert!(reply["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{request}: {reply}");
        reply["error"].to_string()
    }

    /// The same of a plain GET.
    pub fn get_failed(&mut self, url: &str, code: &str) -> String {
        self.failed(&json!({"url": url}), code)
    }
}

/// The reply to a request in any session.
pub fn fetch(session: &mut Session, request: &Value) -> Value {
    session.json(&call(request))
}

/// The statement that makes a request.
pub fn call(request: &Value) -> String {
    format!("SELECT ask_web({})", literal(&request.to_string()))
}

impl Deref for House {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for House {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}
