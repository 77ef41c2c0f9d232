//! Servers and databases for these tests, and the client programs run on them.

use alyx_tests::{Cluster, Db, Server, Session, guest, literal, run_as_server_user};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Settings of a server that runs jobs. The slow poll comes often: what a dump brings, nobody rings for.
pub const SETTINGS: [&str; 5] = [
    "max_connections=80",
    "max_worker_processes=60",
    "alyx_functions.max_workers=8",
    "alyx_functions.max_databases=40",
    "alyx_functions.poll_interval=200ms",
];

/// The server that tests share which need not stop it.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    let cluster = SHARED.get_or_init(|| {
        let cluster = Cluster::preloaded("backup", &SETTINGS);
        cluster.stop_at_exit();
        cluster
    });
    cluster.server()
}

/// A database with the table `effects` and the function `task`, whose jobs leave a row there.
pub fn furnished(server: &Server, test: &str) -> Db {
    let mut db = Db::on(server.clone(), test);
    furnish(&mut db);
    db
}

/// Makes what `furnished` has.
pub fn furnish(session: &mut Session) {
    session.run(
        "CREATE TABLE effects (
             id serial PRIMARY KEY, event jsonb NOT NULL, at timestamptz DEFAULT clock_timestamp(),
             n int GENERATED ALWAYS AS ((event #>> '{input,n}')::int) STORED,
             job text GENERATED ALWAYS AS (event ->> 'id') STORED,
             attempt int GENERATED ALWAYS AS ((event ->> 'attempt')::int) STORED,
             role text DEFAULT current_user);
         GRANT ALL ON effects, effects_id_seq TO PUBLIC",
    );
    job_does(session, "");
    session.deploy("task", &guest("task"), "");
}

/// Makes jobs of `task` do this before they leave their row. In PL/pgSQL; `n` is the input's `n`.
pub fn job_does(session: &mut Session, statements: &str) {
    session.run(&format!(
        "CREATE OR REPLACE FUNCTION public.perform(event jsonb) RETURNS void LANGUAGE plpgsql AS $task$
         DECLARE n int := event #>> '{{input,n}}';
         BEGIN {statements} INSERT INTO public.effects (event) VALUES (event); END $task$"
    ));
}

/// The statement that makes a job of `task` with this number.
pub fn job(n: u32) -> String {
    format!("SELECT fn_enqueue('task', '{{\"n\": {n}}}')")
}

/// How often each number up to `most` was left behind, as `n` or `n×times`.
pub fn done(session: &mut Session, most: u32) -> String {
    session.value(&format!(
        "SELECT coalesce(string_agg(n || CASE WHEN times > 1 THEN '×' || times ELSE '' END, ' ' ORDER BY n), '')
         FROM (SELECT n, count(*) AS times FROM effects WHERE n <= {most} GROUP BY n) counted"
    ))
}

/// Waits, for so many seconds at most, until a query gives this value.
#[track_caller]
pub fn wait_for(session: &mut Session, seconds: u64, sql: &str, value: &str) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        let found = session.attempt(sql).map_or_else(|refusal| refusal.to_string(), |rows| rows.join("\n"));
        if found == value {
            return;
        }
        assert!(Instant::now() < deadline, "{sql}\ngave {found:?} for {seconds} seconds and never {value:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A file or folder for a dump, gone when the test ends.
pub struct Dump(PathBuf);

impl Dump {
    /// Dumps a database with these options.
    #[track_caller]
    pub fn of(db: &Db, options: &[&str]) -> Dump {
        Dump::made(db.server(), db.name(), options)
    }

    /// The same, of a database by its name.
    #[track_caller]
    pub fn made(server: &Server, database: &str, options: &[&str]) -> Dump {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("alyx-{database}-{}-{number}.dump", std::process::id()));
        must(server.client_program("pg_dump", database).args(options).arg("--file").arg(&path));
        Dump(path)
    }

    /// Restores it, into a database that is there, with these options; every error is one.
    #[track_caller]
    pub fn restore(&self, server: &Server, database: &str, options: &[&str]) {
        must(server.client_program("pg_restore", database).args(["--exit-on-error"]).args(options).arg(&self.0));
    }

    /// Restores what can be restored, and gives the complaints.
    pub fn restore_what_can_be(&self, server: &Server, database: &str, options: &[&str]) -> String {
        let output = server.client_program("pg_restore", database).args(options).arg(&self.0).output();
        String::from_utf8_lossy(&output.expect("pg_restore runs").stderr).into_owned()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dump {
    fn drop(&mut self) {
        let _ = if self.0.is_dir() { std::fs::remove_dir_all(&self.0) } else { std::fs::remove_file(&self.0) };
    }
}

/// Runs a program that must succeed; gives what it printed.
#[track_caller]
pub fn must(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a script as the user that owns the server, with `$1`, `$2`, … set.
#[track_caller]
pub fn shell(script: &str, arguments: &[&Path]) -> String {
    must(run_as_server_user(Path::new("/bin/sh")).args(["-ec", script, "sh"]).args(arguments)).trim().to_owned()
}

/// A secret that the guest `script` reads, as the function `vault`.
pub fn keep_secret(session: &mut Session, value: &str) {
    let manifest = "secrets: [KEY]\nsql:\n  - create: run_vault(lines text) returns jsonb\n    export: handler\n";
    session.run(&format!("SELECT fn_set_secret('KEY', {})", literal(value)));
    session.run("SELECT fn_grant_secret('KEY', 'vault')");
    session.deploy("vault", &guest("script"), manifest);
}

/// What `vault` is told when it asks for the secret: the value, or code and message.
pub fn ask_secret(session: &mut Session) -> String {
    match session.attempt(r#"SELECT run_vault('e{"key": "KEY"}')"#) {
        Err(refusal) => format!("{}: {}", refusal.code, refusal.message),
        Ok(rows) => {
            let replies: serde_json::Value = serde_json::from_str(&rows.concat()).expect("replies are JSON");
            let (value, error) = (&replies[0]["value"], &replies[0]["error"]);
            let text = |field: &serde_json::Value| field.as_str().unwrap_or("null").to_owned();
            if error.is_null() { text(value) } else { format!("{}: {}", text(&error["code"]), text(&error["message"])) }
        }
    }
}
