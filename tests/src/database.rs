//! A database per test, dropped with everything in it when the test ends, also when it fails.

use crate::{Server, Session, guest, literal};
use std::ops::{Deref, DerefMut};

/// A fresh database with the extension, and a superuser session in it.
pub struct Db {
    server: Server,
    name: String,
    roles: Vec<String>,
    session: Option<Session>,
}

impl Db {
    /// Creates the database of the test `test` on the shared server.
    pub fn new(test: &str) -> Db {
        Db::on(Server::shared(), test)
    }

    /// Creates the database of the test `test` on `server`.
    pub fn on(server: Server, test: &str) -> Db {
        let mut db = Db::empty(server, test);
        db.run("CREATE EXTENSION alyx_functions");
        db
    }

    /// The same without the extension.
    pub fn empty(server: Server, test: &str) -> Db {
        Db::create(server, test, "UTF8", "C.UTF-8")
    }

    /// A database in another encoding, with the extension.
    pub fn encoded(server: Server, test: &str, encoding: &str) -> Db {
        let mut db = Db::create(server, test, encoding, "C");
        db.run("CREATE EXTENSION alyx_functions");
        db
    }

    fn create(server: Server, test: &str, encoding: &str, locale: &str) -> Db {
        let name = format!("t_{test}_{}", std::process::id());
        let mut admin = Session::new(server.connect("postgres", "postgres"));
        admin.run(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        admin.run(&format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE '{locale}' LC_CTYPE '{locale}'"
        ));
        let session = Some(Session::new(server.connect(&name, "postgres")));
        Db { server, name, roles: Vec::new(), session }
    }

    /// Name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Closes the session of the test itself, which would keep others from dropping or copying the database.
    pub fn leave(&mut self) {
        self.session = None;
    }

    /// The server it is on.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Another superuser session in the same database.
    pub fn session(&self) -> Session {
        self.session_as("postgres")
    }

    /// A session of `role` in the same database.
    pub fn session_as(&self, role: &str) -> Session {
        Session::new(self.server.connect(&self.name, role))
    }

    /// A new role without any power but to connect. Roles belong to the whole server, so its name is made unique.
    pub fn role(&mut self, label: &str) -> String {
        let role = format!("{}_{label}", self.name);
        self.run(&format!("CREATE ROLE {role} LOGIN NOINHERIT"));
        self.roles.push(role.clone());
        role
    }

    /// A new role that may deploy functions into schema public.
    pub fn deployer(&mut self, label: &str) -> String {
        let role = self.role(label);
        self.run(&format!("GRANT USAGE ON LANGUAGE wasm TO {role}; GRANT CREATE, USAGE ON SCHEMA public TO {role}"));
        role
    }

    /// Deploys `tests/guests/<guest>.wat` under its own name, without a manifest.
    pub fn deploy_guest(&mut self, name: &str) {
        self.deploy(name, &guest(name), "");
    }

    /// Deploys a trigger function `name` whose every outcome is `json`.
    pub fn deploy_outcome(&mut self, name: &str, json: &str) {
        let manifest = format!("env:\n  OUTCOME: {}\n", literal(json));
        self.deploy(name, &guest("configured"), &manifest);
    }

    /// Deploys the trigger function `recorder()`, which copies every event into the new table `events`.
    pub fn deploy_recorder(&mut self) {
        self.run("CREATE TABLE events (id serial PRIMARY KEY, event jsonb NOT NULL); GRANT ALL ON events, events_id_seq TO PUBLIC");
        self.deploy_guest("recorder");
    }

    /// Creates `<function>(request jsonb) RETURNS jsonb` for one host function, on top of the guest `ask`.
    pub fn create_ask(&mut self, function: &str, host_function: &str) {
        self.run(&format!(
            "CREATE FUNCTION {function}(request jsonb) RETURNS jsonb LANGUAGE wasm AS 'ask:{host_function}'"
        ));
    }

    /// Deploys the guest `ask` and creates `query(jsonb) RETURNS jsonb`.
    pub fn deploy_query(&mut self) {
        self.deploy_guest("ask");
        self.create_ask("query", "db_query");
    }

    /// Deploys the guest `script` and creates `script(text) RETURNS jsonb`.
    pub fn deploy_script(&mut self) {
        self.deploy_guest("script");
        self.run("CREATE FUNCTION script(lines text) RETURNS jsonb LANGUAGE wasm AS 'script'");
    }
}

impl Deref for Db {
    type Target = Session;
    fn deref(&self) -> &Session {
        self.session.as_ref().expect("open until dropped")
    }
}

impl DerefMut for Db {
    fn deref_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("open until dropped")
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        self.session = None;
        let mut admin = Session::new(self.server.connect("postgres", "postgres"));
        let mut leave = vec![format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)];
        leave.extend(self.roles.iter().map(|role| format!("DROP ROLE IF EXISTS {role}")));
        for statement in leave {
            if let Err(refusal) = admin.attempt(&statement) {
                eprintln!("could not tidy up: {statement}: {refusal}");
            }
        }
    }
}
