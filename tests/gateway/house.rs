//! A database with functions, roles that tokens name, and a gateway in front of it.

use super::client::Request;
use alyx_tests::{Cluster, Db, command_line, guest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What signs the tokens of these tests.
pub const SECRET: &str = "a secret of the tests, of thirty-two bytes or more";

/// Settings of the server.
pub const SETTINGS: [&str; 4] = [
    "max_connections=150",
    "max_worker_processes=60",
    "alyx_functions.max_workers=16",
    "alyx_functions.max_databases=40",
];

fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        let cluster = Cluster::preloaded("gateway", &SETTINGS);
        cluster.stop_at_exit();
        cluster
    })
}

/// A database with the extension and the function `answer`, which calls `public.reply(jsonb)`; roles `user` and `anon`.
pub struct House {
    db: Db,
    own: Option<Cluster>,
    /// The role that gateways log in as.
    pub authenticator: String,
    /// A role that tokens name; may execute `answer`.
    pub user: String,
    /// The role of those without a token.
    pub anon: String,
}

impl House {
    pub fn new(test: &str) -> House {
        Self::furnish(Db::on(shared().server().clone(), test), None)
    }

    /// On a server of its own.
    pub fn alone(test: &str) -> House {
        let cluster = Cluster::preloaded(&format!("gateway_{test}"), &SETTINGS);
        Self::furnish(Db::on(cluster.server().clone(), test), Some(cluster))
    }

    fn furnish(mut db: Db, own: Option<Cluster>) -> House {
        let (authenticator, user, anon) = (db.role("authenticator"), db.role("user"), db.role("anon"));
        db.run(&format!(
            "ALTER ROLE {authenticator} NOINHERIT; GRANT {user}, {anon} TO {authenticator};
             CREATE FUNCTION public.reply(event jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT event';
             CREATE TABLE notes (id serial PRIMARY KEY, text text, owner text DEFAULT current_user);
             GRANT ALL ON notes, notes_id_seq TO {user};
             CREATE TABLE effects (id serial PRIMARY KEY, event jsonb NOT NULL);
             GRANT ALL ON effects, effects_id_seq TO PUBLIC;"
        ));
        db.deploy_guest("answer");
        db.run(&format!("GRANT EXECUTE ON FUNCTION answer(jsonb) TO {user}"));
        House { db, own, authenticator, user, anon }
    }

    pub fn cluster(&self) -> &Cluster {
        self.own.as_ref().expect("a house that is alone")
    }

    /// Makes `answer` do this; `event` is the event. In PL/pgSQL.
    pub fn answers(&mut self, statements: &str) {
        self.db.run(&format!(
            "CREATE OR REPLACE FUNCTION public.reply(event jsonb) RETURNS jsonb LANGUAGE plpgsql AS $answer$
             BEGIN {statements} END $answer$"
        ));
    }

    /// Deploys one more function that calls `public.reply(jsonb)`, or `public.perform(jsonb)` for jobs.
    pub fn deploy_guest_as(&mut self, name: &str, wat: &str, manifest: &str) {
        self.db.deploy(name, &guest(wat), manifest);
    }

    /// A gateway with a key for tokens and the anonymous role.
    pub fn serve(&self, args: &[&str]) -> Gateway {
        let anon = ["--jwt-secret", SECRET, "--anonymous-role", &self.anon];
        self.serve_with(&[&anon[..], args].concat())
    }

    pub fn serve_with(&self, args: &[&str]) -> Gateway {
        Gateway::start(&self.url(), args)
    }

    pub fn url(&self) -> String {
        self.db.server().url(self.db.name(), &self.authenticator)
    }

    /// A token of the role `user`.
    pub fn token(&self) -> String {
        self.token_with(&json!({}))
    }

    /// The same with further claims, or others.
    pub fn token_with(&self, claims: &Value) -> String {
        let mut all = json!({ "role": self.user, "sub": "u1", "exp": now() + 600 });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        sign(&json!({ "alg": "HS256", "typ": "JWT" }), &all, SECRET)
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A token by HMAC-SHA-256, whatever its header says.
pub fn sign(header: &Value, claims: &Value, secret: &str) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
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

/// A running `alyx serve`; killed when dropped.
pub struct Gateway {
    child: Child,
    pub address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Gateway {
    pub fn start(url: &str, args: &[&str]) -> Gateway {
        let mut command = Command::new(command_line());
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]).args(args);
        command.env("DATABASE_URL", url).stderr(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let mut address = None;
        while address.is_none() {
            let line = lines.next().unwrap_or_else(|| panic!("the gateway ended: {}", log.lock().unwrap())).unwrap();
            address = serde_json::from_str::<Value>(&line)
                .ok()
                .and_then(|line| line["fields"]["address"].as_str().map(str::to_owned));
            log.lock().unwrap().push_str(&format!("{line}\n"));
        }
        let address = address.unwrap();
        let address = address.split("://").nth(1).unwrap().parse().unwrap();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        Gateway { child, address, log }
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path)
    }

    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap().success());
    }

    /// Its exit status, once it has ended.
    pub fn wait(&mut self, patience: Duration) -> Option<i32> {
        let deadline = std::time::Instant::now() + patience;
        while std::time::Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
