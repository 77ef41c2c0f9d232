//! One private database cluster: created empty, started, stopped, and never mistaken for another.
//!
//! It listens on a Unix socket in a folder that only its own user (and root) may enter, so its port number merely names
//! the socket file and can clash with nothing, and `trust` authentication lets nobody else in. Processes are only ever
//! signalled through `pg_ctl` on our own data folder, after checking that the recorded process really works there.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account;
use crate::console::Step;
use crate::error::{Context, Failure, Result};
use crate::places::remove_dir;
use crate::postgres::Postgres;

/// `sockaddr_un` holds 108 bytes with the terminating zero.
const SOCKET_PATH_MAX_BYTES: usize = 107;
const LONGEST_SOCKET: &str = "bench/socket/.s.PGSQL.54320.lock";

/// Whether sockets of clusters below `dir` have a path that the kernel takes.
pub(crate) fn socket_path_fits(dir: &Path) -> bool {
    dir.join(LONGEST_SOCKET).as_os_str().len() <= SOCKET_PATH_MAX_BYTES
}

/// A cluster below the private installation; it need not exist yet.
pub(crate) struct Cluster<'a> {
    postgres: &'a Postgres,
    dir: PathBuf,
    port: u16,
    preloads: bool,
}

impl<'a> Cluster<'a> {
    /// A server as it comes: the extension works there, but for jobs, schedules and records.
    pub(crate) fn new(postgres: &'a Postgres, dir: PathBuf, port: u16) -> Self {
        Self { postgres, dir, port, preloads: false }
    }

    /// The same with the extension's library preloaded.
    pub(crate) fn preloading(self) -> Self {
        Self { preloads: true, ..self }
    }

    /// What it is for: "demo", "test", "bench".
    pub(crate) fn name(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Number in the name of the socket.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Folder of the socket: what clients give as host.
    pub(crate) fn socket_dir(&self) -> PathBuf {
        self.dir.join("socket")
    }

    /// Data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// File the server logs to.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    /// Starts an empty cluster in place of the one that was there.
    pub(crate) fn recreate(&self, step: &mut Step) -> Result<()> {
        self.stop()?;
        remove_dir(&self.dir)?;
        let account = &self.postgres.account;
        account.create_dir(&self.dir, 0o755)?;
        account.create_dir(&self.socket_dir(), 0o700)?;
        step.run(
            self.program("initdb")
                .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
                .args(["--no-instructions", "--pgdata"])
                .arg(self.data()),
        )?;
        self.write_settings()?;
        self.start(step)
    }

    /// Starts the cluster, unless it runs.
    pub(crate) fn start(&self, step: &mut Step) -> Result<()> {
        if self.is_running() {
            step.note("running");
            return Ok(());
        }
        if !self.data().join("PG_VERSION").exists() {
            return Err(Failure::new("there is no server yet; \"cargo xtask demo\" creates it"));
        }
        step.run(self.pg_ctl("start").args(["--timeout=60", "--log"]).arg(self.log())).map_err(|_| {
            Failure::new("the server did not start; \"cargo xtask demo\" makes a new one").with_log(&self.log())
        })?;
        step.note("started");
        Ok(())
    }

    /// Stops the cluster, if it runs; sessions are disconnected. Returns whether it ran.
    pub(crate) fn stop(&self) -> Result<bool> {
        if !self.is_running() {
            return Ok(false);
        }
        let output = self.pg_ctl("stop").args(["--mode=fast", "--timeout=60"]).output().context("start", "pg_ctl")?;
        if output.status.success() {
            return Ok(true);
        }
        Err(Failure::new(format!("pg_ctl stop: {}", String::from_utf8_lossy(&output.stderr).trim())))
    }

    /// `psql` on one of its databases, run by the caller, stopping at the first error.
    pub(crate) fn psql(&self, database: &str) -> Command {
        let mut command = Command::new(self.postgres.bin().join("psql"));
        account::scrub(&mut command);
        command.args(self.client_arguments(database)).args(["--no-psqlrc", "--set=ON_ERROR_STOP=1"]);
        command
    }

    /// How any libpq client reaches a database of this cluster.
    pub(crate) fn client_arguments(&self, database: &str) -> Vec<String> {
        let host = self.socket_dir().display().to_string();
        ["-h", &host, "-p", &self.port.to_string(), "-U", "postgres", "-d", database].map(str::to_owned).into()
    }

    /// Whether the process named in `postmaster.pid` lives and works in our data folder. The number alone proves
    /// nothing: after a crash it may have been given to any process on the machine.
    pub(crate) fn is_running(&self) -> bool {
        let pid_file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let Some(pid) = pid_file.lines().next().and_then(|line| line.trim().parse::<u32>().ok()) else {
            return false;
        };
        let works_in = fs::read_link(format!("/proc/{pid}/cwd"));
        works_in.is_ok_and(|dir| self.data().canonicalize().is_ok_and(|data| dir == data))
    }

    fn write_settings(&self) -> Result<()> {
        let path = self.data().join("postgresql.conf");
        let socket_dir = self.socket_dir().display().to_string().replace('\'', "''");
        let settings = format!(
            "\n# cargo xtask: data here may be lost in a power cut, in exchange for speed\n\
             listen_addresses = ''\n\
             port = {port}\n\
             unix_socket_directories = '{socket_dir}'\n\
             max_connections = 200\n\
             fsync = off\n\
             synchronous_commit = off\n\
             full_page_writes = off\n\
             log_line_prefix = '%m [%p] %q%u@%d '\n\
             timezone = 'UTC'\n",
            port = self.port,
        );
        let preload = if self.preloads { "shared_preload_libraries = 'alyx_functions'\n" } else { "" };
        let mut file = fs::File::options().append(true).open(&path).context("open", path.display())?;
        file.write_all((settings + preload).as_bytes()).context("write", path.display())
    }

    fn pg_ctl(&self, action: &str) -> Command {
        let mut command = self.program("pg_ctl");
        command.args([action, "--wait", "--silent", "--pgdata"]).arg(self.data());
        command
    }

    fn program(&self, name: &str) -> Command {
        self.postgres.account.command(&self.postgres.bin().join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_folders_are_too_long_for_a_socket() {
        assert!(socket_path_fits(Path::new("/tmp/alyx-0123456789abcdef")));
        assert!(!socket_path_fits(Path::new(&format!("/{}", "x".repeat(90)))));
    }
}
