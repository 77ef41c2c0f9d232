//! The private server's data, in `.alyx/postgres` of a project. It is kept from one `alyx dev` to the next.
//!
//! It listens on a Unix socket in a folder that only its user may enter, where no password is asked, and for other programs
//! on a port of 127.0.0.1 with a password made at random. A process is only taken for ours when it works in our data
//! folder: after a crash the number in postmaster.pid may be anybody's.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::{Programs, account::Account};
use crate::database::Address;
use crate::problem::{OnPath, Problem, Result};

const DATABASE: &str = "dev";
const USER: &str = "dev";
/// `sockaddr_un` holds 108 bytes with its zero; the socket's and its lock's names are short.
const SOCKET_DIR_MAX_BYTES: usize = 80;

/// A project's private server.
#[derive(Debug, Clone)]
pub(crate) struct Private {
    programs: Programs,
    account: Account,
    base: PathBuf,
    /// Tells which process stops it; beside the data, where the server's user cannot put a link in its place.
    keeper: PathBuf,
    /// Whether this process started it, and has to stop it.
    ours: bool,
    port: u16,
}

/// The address of a project's private server, if it runs.
pub(crate) fn running(project: &Path) -> Option<Address> {
    let base = fs::canonicalize(project.join(".alyx/postgres")).ok()?;
    let port = running_port(&base.join("data"))?;
    address(&base, port).ok()
}

impl Private {
    /// Makes the server where there is none yet, and starts it where it does not run. Returns remarks for people, too.
    ///
    /// # Errors
    /// No PostgreSQL with the extension, or it does not start.
    pub(crate) fn start(project: &Path, pg_bin: Option<&Path>) -> Result<(Self, Vec<String>)> {
        let project = &project.canonicalize().on("open", project)?;
        let mut remarks = Vec::new();
        let account = Account::find()?;
        let base = place(project, &account, &mut remarks)?;
        let made_with = fs::read_to_string(base.join("data/PG_VERSION")).ok();
        let programs = Programs::find(pg_bin, made_with.as_deref().map(str::trim))?;
        if let Some(name) = account.other() {
            remarks.push(format!("PostgreSQL refuses to run as root: it runs as user {name}"));
        }
        if !programs.preloads {
            remarks.push("the library cannot be preloaded: no jobs, schedules and logs".to_owned());
        }
        let mut server = Self { programs, account, base, keeper: project.join(".alyx/keeper"), ours: false, port: 0 };
        if made_with.is_none() {
            server.create()?;
        }
        server.ensure()?;
        server.make_database()?;
        Ok((server, remarks))
    }

    /// Starts it, unless it runs.
    pub(crate) fn ensure(&mut self) -> Result<()> {
        if let Some(port) = running_port(&self.data()) {
            self.port = port;
            // Whoever started it may have been killed; then it is for us to stop.
            self.ours = self.ours || !self.keeper_lives();
            return self.keep();
        }
        // Left by a crash, it may name a process that has nothing to do with it, and would keep the server from starting.
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
        self.port = self.usual_port()?;
        let socket = socket_dir(&self.base);
        self.account.make_dir(&socket)?;
        let preload = if self.programs.preloads { " -c shared_preload_libraries=alyx_functions" } else { "" };
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories='{}' -c synchronous_commit=off \
             -c timezone=UTC{preload}",
            self.port,
            socket.display()
        );
        let log = self.base.join("server.log");
        let mut start = self.pg_ctl("start");
        start.args(["--timeout=60", "--log"]).arg(&log).args(["-o", &options]);
        // No pipe: the server would inherit it and keep it open.
        let status = start.stdout(Stdio::null()).stderr(Stdio::null()).status().on("start", &self.program("pg_ctl"))?;
        if !status.success() {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let last: Vec<&str> = text.lines().rev().take(5).collect();
            return Err(Problem::failed("the private server did not start")
                .why(last.into_iter().rev().collect::<Vec<_>>().join("\n"))
                .next(format!("Read {}; to begin anew, delete .alyx/postgres.", log.display())));
        }
        self.ours = true;
        self.keep()
    }

    /// The port of the time before, so that addresses which people wrote down stay good; another where it is taken.
    fn usual_port(&self) -> Result<u16> {
        let file = self.keeper.with_file_name("port");
        let before = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<u16>().ok());
        if let Some(port) = before.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            return Ok(port);
        }
        let port = free_port()?;
        fs::write(&file, port.to_string()).on("write", &file)?;
        Ok(port)
    }

    /// Notes that this process is the one to stop the server, if it is.
    fn keep(&self) -> Result<()> {
        let keeper = &self.keeper;
        if self.ours { fs::write(keeper, std::process::id().to_string()).on("write", keeper) } else { Ok(()) }
    }

    /// Whether the process that is to stop the server is there: of that number, and this program.
    fn keeper_lives(&self) -> bool {
        let program = |pid: &str| {
            let exe = fs::read_link(format!("/proc/{}/exe", pid.trim())).ok()?;
            // A program that was built anew since it was started is called "alyx (deleted)".
            Some(exe.file_name()?.to_string_lossy().trim_end_matches(" (deleted)").to_owned())
        };
        let keeper = fs::read_to_string(&self.keeper).unwrap_or_default();
        program(&keeper).is_some_and(|name| Some(name) == program("self"))
    }

    /// Stops it, when this process started it.
    pub(crate) fn stop(&self) {
        if self.ours {
            let _ = self
                .pg_ctl("stop")
                .args(["--mode=fast", "--timeout=30"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }

    /// Where it can be reached.
    pub(crate) fn address(&self) -> Result<Address> {
        address(&self.base, self.port)
    }

    /// A command line that opens psql on it, and a URL for other programs.
    pub(crate) fn hints(&self) -> (String, String) {
        let password = fs::read_to_string(self.base.join("password")).unwrap_or_default();
        (
            format!(
                "psql \"host={} port={} user={USER} dbname={DATABASE}\"",
                socket_dir(&self.base).display(),
                self.port
            ),
            format!("postgres://{USER}:{}@127.0.0.1:{}/{DATABASE}", password.trim(), self.port),
        )
    }

    fn create(&self) -> Result<()> {
        self.account.make_dir(&self.base)?;
        let password = self.base.join("password");
        fs::write(&password, random_text()?).on("write", &password)?;
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).on("set permissions of", &password)?;
        }
        self.account.own(&password)?;
        let mut initdb = self.account.command(&self.program("initdb"));
        initdb.args(["--username", USER, "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]);
        initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile"]).arg(&password);
        // Moved to its place when it is whole: one that was interrupted must not pass for a server's data.
        let draft = self.base.join("data.new");
        let _ = fs::remove_dir_all(&draft);
        let output = initdb.arg("--pgdata").arg(&draft).output().on("start", &self.program("initdb"))?;
        if !output.status.success() {
            let _ = fs::remove_dir_all(&draft);
            return Err(Problem::failed("initdb could not make the private server")
                .why(String::from_utf8_lossy(&output.stderr).trim()));
        }
        fs::rename(&draft, self.data()).on("make", &self.data())
    }

    fn make_database(&self) -> Result<()> {
        let failed = |error: postgres::Error| crate::database::problem("cannot prepare the private server", &error);
        let mut admin = self.address()?;
        admin.config.dbname("postgres");
        let mut client = crate::database::open(&admin)?;
        if client.query("SELECT 1 FROM pg_database WHERE datname = $1", &[&DATABASE]).map_err(failed)?.is_empty() {
            client.batch_execute(&format!("CREATE DATABASE {DATABASE}")).map_err(failed)?;
        }
        let mut client = crate::database::open(&self.address()?)?;
        client
            .batch_execute("SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS alyx_functions")
            .map_err(failed)
    }

    fn data(&self) -> PathBuf {
        self.base.join("data")
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs.bin.join(name)
    }

    fn pg_ctl(&self, action: &str) -> Command {
        let mut command = self.account.command(&self.program("pg_ctl"));
        command.args([action, "--wait", "--silent", "--pgdata"]).arg(self.data());
        command
    }
}

/// `.alyx/postgres`; where the server's user cannot get there, a folder below /var/tmp that it links to.
fn place(project: &Path, account: &Account, remarks: &mut Vec<String>) -> Result<PathBuf> {
    let project = project.canonicalize().on("open", project)?;
    let home = project.join(".alyx");
    fs::create_dir_all(&home).on("make", &home)?;
    let ignore = home.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").on("write", &ignore)?;
    }
    let base = home.join("postgres");
    if account.can_enter(&home) {
        // Through the link of an earlier run, if there is one.
        return Ok(fs::canonicalize(&base).unwrap_or(base));
    }
    let elsewhere = PathBuf::from(format!("/var/tmp/alyx-dev-{}", short_hash(&project)));
    if fs::canonicalize(&base).ok().as_deref() != Some(&elsewhere) {
        let _ = fs::remove_file(&base);
        account.make_dir(&elsewhere)?;
        std::os::unix::fs::symlink(&elsewhere, &base).on("make the link", &base)?;
    }
    remarks.push(format!("its user cannot enter {}: the data is in {}", project.display(), elsewhere.display()));
    Ok(elsewhere)
}

fn socket_dir(base: &Path) -> PathBuf {
    let own = base.join("socket");
    if own.as_os_str().len() <= SOCKET_DIR_MAX_BYTES {
        own
    } else {
        PathBuf::from(format!("/tmp/alyx-dev-{}", short_hash(base)))
    }
}

fn short_hash(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    Sha256::digest(path.as_os_str().as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn address(base: &Path, port: u16) -> Result<Address> {
    let host = socket_dir(base).display().to_string().replace('\\', "\\\\").replace('\'', "\\'");
    Address::parse(&format!("host='{host}' port={port} user={USER} dbname={DATABASE} sslmode=disable"))
}

/// The port of the server that works in this data folder.
fn running_port(data: &Path) -> Option<u16> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let pid: u32 = lines.next()?.trim().parse().ok()?;
    let works_in = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    // Lines: process, data folder, start, port.
    (works_in == data.canonicalize().ok()?).then(|| lines.nth(2)?.trim().parse().ok())?
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(|error| Problem::failed("there is no free port on 127.0.0.1").why(error))
}

fn random_text() -> Result<String> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    fs::File::open(source).and_then(|mut file| file.read_exact(&mut bytes)).on("read", source)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
