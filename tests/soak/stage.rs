//! The server, the database and the functions that every run begins with.

use crate::plan::Plan;
use crate::{keep, web};
use alyx_tests::{Cluster, Refusal, Server, Session, Web, assemble, guest};
use std::time::Duration;

/// The database.
pub const DATABASE: &str = "soak";
/// The role that deploys.
pub const OWNER: &str = "soak_owner";
/// Roles that may call what the owner deploys, and no more.
pub const CALLERS: [&str; 2] = ["soak_ann", "soak_bob"];
/// Functions that are deployed anew, rolled back and dropped all the time.
pub const CHURN: [&str; 6] = ["churn_0", "churn_1", "churn_2", "churn_3", "churn_4", "churn_5"];

/// Functions of a module each that clients which stay call first: more modules than a backend keeps loaded (128), so that
/// it is full from the beginning and must drop one for another ever after. What grows then is no cache.
const FILLERS: usize = 140;

/// A function, its guest and its manifest. Limits are tight, so that hostile calls are many and not long.
const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("echo", "echo", ""),
    ("scalars", "scalars", ""),
    ("script", "script", "timeout: 2s"),
    ("counter", "counter", "instances: session"),
    ("tally", "counter", "instances: transaction"),
    ("spin", "spin_forever", "timeout: 50ms"),
    ("spin_at_start", "spin_at_start", "timeout: 50ms"),
    ("spin_long", "spin_forever", "timeout: 3s"),
    ("trap", "trap", ""),
    ("dies", "counter", "instances: session"),
    ("recurse", "recurse_forever", ""),
    ("hog", "grow_memory", "memory: 8mb"),
    ("host_hog", "grow_host_memory", "memory: 8mb"),
    ("table_hog", "grow_table", ""),
    ("big_output", "big_output", ""),
    ("flood", "flood_log", "timeout: 100ms\nlog: off"),
    ("bad_offset", "bad_offset", ""),
    ("slug", "configured", "env: {OUTCOME: '{\"row\": {\"slug\": \"set\"}}'}"),
    ("recorder", "recorder", ""),
    ("notify", "task", "retry: {attempts: 20, base: 100ms, max: 1s}"),
    ("work", "task", "retry: {attempts: 20, base: 100ms, max: 1s}"),
    ("doomed", "trap", "retry: {attempts: 2, base: 100ms}"),
    ("deaf", "spin_forever", "timeout: 200ms\nconcurrency: 1\nretry: {attempts: 1}"),
    ("lazy", "silent", ""),
    ("tick", "silent", ""),
];

/// SQL signatures beside those that a deploy makes.
const BINDINGS: &str = "
    CREATE FUNCTION add(integer, integer) RETURNS integer LANGUAGE wasm AS 'scalars:add';
    CREATE FUNCTION count_session(integer) RETURNS integer LANGUAGE wasm AS 'counter:count_number';
    CREATE FUNCTION count_transaction(integer) RETURNS integer LANGUAGE wasm AS 'tally:count_number';
    CREATE FUNCTION count_then_trap() RETURNS text LANGUAGE wasm AS 'dies:count_then_trap';
    CREATE FUNCTION script(lines text) RETURNS jsonb LANGUAGE wasm AS 'script';
    CREATE FUNCTION bad_query() RETURNS text LANGUAGE wasm AS 'bad_offset:query_negative';
    CREATE FUNCTION web_fetch(request jsonb) RETURNS jsonb LANGUAGE wasm AS 'web:http_fetch';
    CREATE FUNCTION web_status(request jsonb) RETURNS text LANGUAGE wasm AS 'web:http_status';
    SELECT fn_attach('slug', 'posts', ARRAY['insert'], timing => 'before'),
           fn_attach('recorder', 'posts', ARRAY['insert']),
           fn_attach('notify', 'posts', ARRAY['insert'], mode => 'async');";

/// A module that differs from others of its kind in a number only.
pub fn numbered(number: u64) -> String {
    format!(
        "(module (func (export \"handler\") (result i32) (i32.const 0))
                 (func (export \"number\") (result i32) (i32.const {number})))"
    )
}

/// A running server with everything in place.
pub struct Stage {
    cluster: Cluster,
    /// A server that guests may ask.
    pub web: Web,
}

impl Stage {
    /// Starts the server and fills the database.
    pub fn set_up(plan: &Plan) -> Stage {
        let connections = format!("max_connections={}", plan.clients + 30);
        let settings = [
            connections.as_str(),
            "max_prepared_transactions=40",
            "max_worker_processes=16",
            "log_line_prefix=%m_%p_%e_%q%u_",
            // Statements of failed calls are long and say nothing that is not counted here.
            "log_min_error_statement=panic",
        ];
        let stage = Stage { cluster: Cluster::preloaded("soak", &settings), web: web::open() };
        stage.server().session("postgres").run(&format!("CREATE DATABASE {DATABASE}"));
        let mut admin = stage.server().session(DATABASE);
        admin.run("CREATE EXTENSION alyx_functions; CREATE EXTENSION amcheck");
        admin.run(&format!(
            "ALTER DATABASE {DATABASE} SET alyx_functions.http_allowed_networks = '127.0.0.0/8';
             ALTER DATABASE {DATABASE} SET alyx_functions.max_http_response = '256kB'"
        ));
        admin.run(&format!(
            "CREATE ROLE {OWNER} LOGIN; GRANT USAGE ON LANGUAGE wasm TO {OWNER}; GRANT ALL ON SCHEMA public TO {OWNER}"
        ));
        for caller in CALLERS {
            admin.run(&format!(
                "CREATE ROLE {caller} LOGIN;
                 ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT EXECUTE ON FUNCTIONS TO {caller};
                 ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT ALL ON TABLES TO {caller}"
            ));
        }
        let mut owner = stage.session(OWNER, "soak stage").unwrap_or_else(|refusal| panic!("{refusal}"));
        owner.run(include_str!("stage.sql"));
        for (name, module, manifest) in FUNCTIONS {
            owner.deploy(name, &guest(module), manifest);
        }
        for number in 0..FILLERS {
            owner.deploy(&format!("filler_{number}"), &assemble(&numbered(1000 + number as u64)), "");
        }
        let hosts = format!(
            "timeout: 2s\nallowed_hosts: [\"{}\", \"http://169.254.169.254\", \"http://127.0.0.2:1\"]",
            stage.web.origin()
        );
        owner.deploy("web", &guest("fetch"), &hosts);
        owner.run(BINDINGS);
        keep::set_up(&mut owner);
        stage
    }

    /// Its address.
    pub fn server(&self) -> &Server {
        self.cluster.server()
    }

    /// A new connection, which may be refused or killed while it is made.
    ///
    /// # Errors
    /// What the server said, or that it said nothing.
    pub fn session(&self, role: &str, name: &str) -> Result<Session, Refusal> {
        let server = self.server();
        let client = postgres::Config::new()
            .host_path(&server.host)
            .port(server.port)
            .dbname(DATABASE)
            .user(role)
            .application_name(name)
            .connect(postgres::NoTls)
            .map_err(|error| Refusal::of(&error))?;
        let mut session = Session::new(client);
        session.attempt("SET lock_timeout = '10s'")?;
        Ok(session)
    }

    /// The same with all modules loaded that a backend keeps.
    ///
    /// # Errors
    /// As above.
    pub fn full_session(&self, role: &str, name: &str) -> Result<Session, Refusal> {
        let mut session = self.session(role, name)?;
        session.attempt(&format!("SELECT fn_invoke('filler_' || i) FROM generate_series(0, {}) i", FILLERS - 1))?;
        Ok(session)
    }

    /// Stops the server, and says how long that took.
    pub fn stop(&self) -> Duration {
        let began = std::time::Instant::now();
        // Somebody may have had to crash it before.
        if self.cluster.is_up() {
            self.cluster.stop("fast");
        }
        began.elapsed()
    }

    /// Stops it without waiting for anybody.
    pub fn crash(&self) {
        self.cluster.stop("immediate");
    }

    /// Starts it again.
    pub fn start(&self) {
        self.cluster.begin();
    }
}
