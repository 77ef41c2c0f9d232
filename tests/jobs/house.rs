//! The server that these tests share, and what they ask of it.

use alyx_tests::{Cluster, Db, guest};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Settings of a server for these tests. The slow poll comes so seldom that a test which needs it fails.
pub const SETTINGS: [&str; 5] = [
    "max_connections=120",
    "max_worker_processes=100",
    "alyx_functions.max_workers=24",
    "alyx_functions.max_databases=40",
    "alyx_functions.poll_interval=60s",
];

/// A database with the extension, the table `effects` and the function `task`, whose jobs call `public.perform(jsonb)`.
pub struct House {
    // In this order: a server of the house's own stops after the database is gone.
    db: Db,
    own: Option<Arc<Cluster>>,
}

fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        let cluster = Cluster::preloaded("jobs", &SETTINGS);
        cluster.stop_at_exit();
        cluster
    })
}

impl House {
    /// The database of the test `test` on the shared server.
    pub fn new(test: &str) -> House {
        House { db: furnish(Db::on(shared().server().clone(), test)), own: None }
    }

    /// The same on a server of its own.
    pub fn alone(test: &str, settings: &[&str]) -> House {
        let cluster = Cluster::preloaded(&format!("jobs_{test}"), settings);
        House { db: furnish(Db::on(cluster.server().clone(), test)), own: Some(Arc::new(cluster)) }
    }

    /// The same in a database that is there.
    pub fn of(db: Db) -> House {
        House { db: furnish(db), own: None }
    }

    /// Its server, to be stopped and started.
    pub fn cluster(&self) -> &Cluster {
        self.own.as_ref().expect("a house that is alone")
    }

    /// Another database on the same server.
    pub fn neighbour(&self, test: &str) -> House {
        House { db: furnish(Db::on(self.db.server().clone(), test)), own: self.own.clone() }
    }

    /// Deploys one more function whose jobs call `public.perform(jsonb)`.
    pub fn deploy_task(&mut self, name: &str, manifest: &str) {
        self.db.deploy(name, &guest("task"), manifest);
    }

    /// Deploys a function that raises `request` in every call.
    pub fn deploy_refusing(&mut self, name: &str, request: &str, manifest: &str) {
        let manifest = format!("{manifest}\nenv:\n  REQUEST: '{request}'\n");
        self.db.deploy(name, &guest("refuse"), &manifest);
    }

    /// Makes jobs do this, before they leave a row in `effects`. In PL/pgSQL; `event` is the event, `n` its `input.n`.
    pub fn job_does(&mut self, statements: &str) {
        self.db.run(&task(statements));
    }

    /// Waits until no job is left, then gives this query's rows.
    pub fn rows_when_done(&mut self, sql: &str) -> Vec<String> {
        self.wait_until_done(10);
        self.db.rows(sql)
    }

    /// Waits until no job is left, for at most so many seconds.
    pub fn wait_until_done(&mut self, seconds: u64) {
        let left = "SELECT (SELECT count(*) FROM alyx._job) + (SELECT count(*) FROM alyx._deferred)";
        let deadline = Instant::now() + Duration::from_secs(seconds);
        while self.db.value(left) != "0" {
            if Instant::now() > deadline {
                let jobs = self.db.rows("SELECT function, status, attempt, run_at, last_error FROM alyx.jobs LIMIT 20");
                panic!("waited {seconds} s in vain until all jobs are done: {jobs:#?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until a query gives this value.
    pub fn wait_for(&mut self, sql: &str, value: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let found = self.db.rows(sql).join("\n");
            if found == value {
                return;
            }
            assert!(Instant::now() < deadline, "{sql}\ngave {found:?} for ten seconds and never {value:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn furnish(mut db: Db) -> Db {
    db.run(
        "CREATE TABLE effects (
             id serial PRIMARY KEY, event jsonb NOT NULL, at timestamptz DEFAULT clock_timestamp(),
             n int GENERATED ALWAYS AS ((event #>> '{input,n}')::int) STORED,
             job text GENERATED ALWAYS AS (event ->> 'id') STORED,
             function text GENERATED ALWAYS AS (event #>> '{function,name}') STORED,
             attempt int GENERATED ALWAYS AS ((event ->> 'attempt')::int) STORED,
             role text DEFAULT current_user, session text DEFAULT session_user,
             is_superuser text DEFAULT current_setting('is_superuser'),
             claims text DEFAULT current_setting('request.jwt.claims', true), pid int DEFAULT pg_backend_pid());
         GRANT ALL ON effects, effects_id_seq TO PUBLIC;",
    );
    db.run(&task(""));
    db.deploy_guest("task");
    db
}

fn task(statements: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION public.perform(event jsonb) RETURNS void LANGUAGE plpgsql AS $task$
         DECLARE n int := event #>> '{{input,n}}';
         BEGIN {statements} INSERT INTO public.effects (event) VALUES (event); END $task$"
    )
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
