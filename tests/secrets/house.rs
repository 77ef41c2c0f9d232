//! The server that these tests share, a guest that does what it is told, and the words to tell it.

use alyx_tests::{Cluster, Db, Session, guest, literal};
use serde_json::{Value, json};
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

/// Settings of a server for these tests.
pub const SETTINGS: [&str; 4] = [
    "max_connections=100",
    "max_worker_processes=60",
    "alyx_functions.max_workers=8",
    "alyx_functions.max_databases=60",
];

/// What stands in a line for the string that the reply before it began with.
pub const LAST: &str = "\u{1}";

fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        let cluster = Cluster::preloaded("secrets", &SETTINGS);
        cluster.stop_at_exit();
        cluster
    })
}

/// The database of the test `test` on the shared server.
pub fn house(test: &str) -> Db {
    Db::on(shared().server().clone(), test)
}

/// A database on a server of its own, whose key may be taken away.
pub struct Alone {
    // In this order: the server stops after the database is gone.
    db: Db,
    cluster: Cluster,
}

impl Alone {
    /// Starts the server of the test `test`.
    pub fn new(test: &str, settings: &[&str]) -> Alone {
        let cluster = Cluster::preloaded(&format!("secrets_{test}"), settings);
        Alone { db: Db::on(cluster.server().clone(), test), cluster }
    }

    /// Its server.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}

impl Deref for Alone {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for Alone {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}

/// Deploys the guest `script` as `name`, with `run_<name>(lines text) RETURNS jsonb`.
pub fn deploy_script(session: &mut Session, name: &str, manifest: &str) {
    session.deploy(name, &guest("script"), &script_manifest(name, manifest));
}

/// The manifest of such a function.
pub fn script_manifest(name: &str, manifest: &str) -> String {
    format!("{manifest}\nsql:\n  - create: run_{name}(lines text) returns jsonb\n    export: handler\n")
}

/// Lines for the guest `script`.
#[derive(Clone, Default)]
pub struct Lines(Vec<String>);

impl Lines {
    /// None yet.
    pub fn new() -> Lines {
        Lines::default()
    }

    /// One more line: a letter and a request.
    pub fn line(mut self, letter: char, request: &Value) -> Lines {
        // In JSON the placeholder would be written as an escape; the guest looks for the byte.
        self.0.push(format!("{letter}{}", request.to_string().replace("\\u0001", LAST)));
        self
    }

    /// One more line: a letter and text as it is.
    pub fn text(mut self, letter: char, text: &str) -> Lines {
        self.0.push(format!("{letter}{text}"));
        self
    }

    /// Reads a secret.
    pub fn env(self, key: &str) -> Lines {
        self.line('e', &json!({"key": key}))
    }

    /// Runs a statement.
    pub fn query(self, sql: &str, params: &[&str]) -> Lines {
        self.line('q', &json!({"sql": sql, "params": params}))
    }

    /// Writes a line of the log.
    pub fn log(self, message: &str) -> Lines {
        self.line('l', &json!({"level": "warn", "message": message}))
    }

    /// Calls the function `run_<name>` of another function.
    pub fn invoke(self, name: &str, input: &Value) -> Lines {
        self.line('c', &json!({"name": name, "input": input}))
    }

    /// The statement that has the function `name` do this.
    pub fn by(&self, name: &str) -> String {
        format!("SELECT run_{name}({})", literal(&self.0.join("\n")))
    }

    /// The lines as they are.
    pub fn joined(&self) -> String {
        self.0.join("\n")
    }
}

/// What the guest of `function` is told when it asks for a secret.
pub fn env(session: &mut Session, function: &str, key: &str) -> Value {
    session.json(&Lines::new().env(key).by(function))[0].take()
}

/// The secret as the guest of `function` sees it; panics when it is refused.
#[track_caller]
pub fn read(session: &mut Session, function: &str, key: &str) -> Option<String> {
    let reply = env(session, function, key);
    assert!(reply.get("error").is_none(), "{function} asks for {key}: {reply}");
    reply["value"].as_str().map(str::to_owned)
}

/// The SQLSTATE with which `function` is refused the secret.
#[track_caller]
pub fn refused(session: &mut Session, function: &str, key: &str) -> String {
    let reply = env(session, function, key);
    let code = reply["error"]["code"].as_str().unwrap_or_else(|| panic!("{function} was given {key}: {reply}"));
    assert!(reply.get("value").is_none(), "{reply}");
    code.to_owned()
}

/// One kv request by the guest of `function`: `g` get, `p` set, `d` delete, `k` list.
pub fn kv(session: &mut Session, function: &str, letter: char, request: &Value) -> Value {
    session.json(&Lines::new().line(letter, request).by(function))[0].take()
}

/// The value of a key, as `kv_get` answers.
pub fn get(session: &mut Session, function: &str, key: &str) -> Value {
    kv(session, function, 'g', &json!({"key": key}))
}

/// Sets a key; panics when it is refused.
#[track_caller]
pub fn set(session: &mut Session, function: &str, key: &str, value: &Value) {
    assert_eq!(kv(session, function, 'p', &json!({"key": key, "value": value})), json!({}), "kv_set of {key}");
}

/// The keys that `kv_list` answers with.
#[track_caller]
pub fn keys(session: &mut Session, function: &str, request: &Value) -> Vec<String> {
    let reply = kv(session, function, 'k', request);
    let entries = reply["entries"].as_array().unwrap_or_else(|| panic!("kv_list {request}: {reply}"));
    entries.iter().map(|entry| entry["key"].as_str().expect("a key").to_owned()).collect()
}

/// Creates a secret.
pub fn set_secret(session: &mut Session, key: &str, value: &str) {
    session.run(&format!("SELECT fn_set_secret({}, {})", literal(key), literal(value)));
}

/// Grants a secret to a function.
pub fn grant(session: &mut Session, key: &str, function: &str) {
    session.run(&format!("SELECT fn_grant_secret({}, {})", literal(key), literal(function)));
}

/// What the tests of redaction rest on.
#[test]
fn the_guest_says_again_what_it_was_told() {
    let mut db = house("house_guest");
    deploy_script(&mut db, "parrot", "env: {OPEN: 'quite \"open\" \\ ü'}");
    let told = Lines::new().env("OPEN").query("SELECT upper($1) AS v", &[LAST]).query("SELECT $1 || '!' AS v", &[LAST]);
    let replies = db.json(&told.by("parrot"));
    assert_eq!(replies[0]["value"], "quite \"open\" \\ ü");
    assert_eq!(replies[2]["rows"][0]["v"], "QUITE \"OPEN\" \\ Ü!");
    assert_eq!(db.refusal(&told.line('r', &json!({"message": LAST})).by("parrot")).message, "QUITE \"OPEN\" \\ Ü!");
    assert_eq!(db.refusal(&Lines::new().env("OPEN").text('f', LAST).by("parrot")).message, "quite \\\"open\\\" \\\\ ü");
    let (_, before) = db.server().log_since(0);
    let said = "house_guest says quite";
    let lines = Lines::new().env("OPEN").log("house_guest says \u{1}");
    db.run(&lines.text('w', "house_guest says \u{1}").text('i', "house_guest says \u{1}").by("parrot"));
    assert_eq!(db.server().log_since(before).0.matches(said).count(), 3);
}
