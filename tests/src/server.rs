//! Where the server under test is. It knows how to reach one, not how to start one.

use crate::Session;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The address of one PostgreSQL server, with its programs and its log.
#[derive(Debug, Clone)]
pub struct Server {
    /// Folder of the Unix socket.
    pub host: PathBuf,
    /// Port, which is part of the socket's name.
    pub port: u16,
    /// Folder with psql, pg_dump, pg_ctl and the server itself.
    pub bin: PathBuf,
    /// Data folder, when the test may look into it.
    pub data: PathBuf,
    /// The server's log file.
    pub log: PathBuf,
}

impl Server {
    /// The shared server that `cargo xtask test` started.
    pub fn shared() -> Server {
        Server {
            host: PathBuf::from(variable("ALYX_TEST_HOST")),
            port: variable("ALYX_TEST_PORT").parse().expect("ALYX_TEST_PORT is a number"),
            bin: PathBuf::from(variable("ALYX_TEST_BIN")),
            data: PathBuf::from(variable("ALYX_TEST_DATA")),
            log: PathBuf::from(variable("ALYX_TEST_LOG")),
        }
    }

    /// Opens a connection to `database` as `role`.
    pub fn connect(&self, database: &str, role: &str) -> postgres::Client {
        postgres::Config::new()
            .host_path(&self.host)
            .port(self.port)
            .dbname(database)
            .user(role)
            .application_name("alyx-tests")
            .connect(postgres::NoTls)
            .unwrap_or_else(|error| panic!("cannot connect to {database} as {role}: {error:?}"))
    }

    /// Its address for the command line.
    pub fn url(&self, database: &str, role: &str) -> String {
        format!("host={} port={} user={role} dbname={database}", self.host.display(), self.port)
    }

    /// A superuser session in `database`.
    pub fn session(&self, database: &str) -> Session {
        Session::new(self.connect(database, "postgres"))
    }

    /// A client program (psql, pg_dump, …) aimed at `database`.
    pub fn client_program(&self, program: &str, database: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.arg("--host").arg(&self.host).args([
            "--port",
            &self.port.to_string(),
            "--username",
            "postgres",
            "--dbname",
            database,
        ]);
        command.env("PGOPTIONS", "").env_remove("PGPASSFILE").env("LC_ALL", "C.UTF-8");
        command
    }

    /// What the server has written to its log since `offset`, and the new end.
    pub fn log_since(&self, offset: usize) -> (String, usize) {
        let all = std::fs::read(&self.log)
            .unwrap_or_else(|error| panic!("cannot read the server log {}: {error}", self.log.display()));
        let new = all.get(offset..).unwrap_or_default();
        (String::from_utf8_lossy(new).into_owned(), all.len())
    }
}

/// The built command line, or the one that ALYX_BIN names.
pub fn command_line() -> PathBuf {
    match std::env::var_os("ALYX_BIN") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/alyx"),
    }
}

/// A folder with the examples' built modules.
pub fn guests_folder() -> PathBuf {
    PathBuf::from(variable("ALYX_TEST_GUESTS"))
}

/// A command that runs `program` as the operating-system user that owns the server: PostgreSQL refuses to run as root.
pub fn run_as_server_user(program: &Path) -> Command {
    let user = std::env::var("ALYX_TEST_OS_USER").unwrap_or_default();
    let whoami = Command::new("id").arg("-un").output().expect("id runs");
    let me = String::from_utf8_lossy(&whoami.stdout).trim().to_owned();
    if user.is_empty() || user == me {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &user, "--regid", &user, "--clear-groups", "--"]).arg(program);
    command.current_dir("/").env("HOME", "/tmp");
    command
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run these tests with `cargo xtask test`, which starts a server for them")
    })
}
