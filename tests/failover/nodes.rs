//! Three servers that Patroni keeps, and the etcd that it asks: processes of this machine, lost and started one by one.
//! It knows nothing of what the servers are for.
//!
//! Two of them are each other's synchronous standby, so that who is lost comes back to be the primary again. The third
//! follows and is never promoted.

use crate::client::Request;
use alyx_tests::{Refusal, Server, Session, run_as_server_user};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The servers. The last is never promoted.
pub const NAMES: [&str; 3] = ["a", "b", "c"];
/// Of all roles that log in over TCP. They live for one run, on loopback.
pub const PASSWORD: &str = "of-one-run";

/// How long etcd keeps the leader's key. A third of Patroni's default, so that a run takes minutes.
const TTL_S: u32 = 10;

/// When this process has ended, however it did: all of theirs are, too.
const ENDING: &str = r#"
    cat; cat "$0"/*/*.pid 2>/dev/null | xargs --no-run-if-empty kill -9
    for data in "$0"/*/data; do "$1/pg_ctl" stop --mode immediate -D "$data"; done
    [ -e "$0/keep" ] || rm -rf "$0""#;

/// A server and its Patroni.
pub struct Node {
    pub name: &'static str,
    pub server: Server,
    folder: PathBuf,
    api: SocketAddr,
    patroni: Option<Child>,
    is_frozen: bool,
}

/// What Patroni says of one of them.
#[derive(Debug)]
pub struct Member {
    pub name: String,
    role: String,
    state: String,
    timeline: u64,
}

/// All of them.
pub struct Nodes {
    folder: PathBuf,
    nodes: Vec<Node>,
    ending: Option<Child>,
}

impl Nodes {
    /// Starts etcd and the servers. [`Nodes::wait_until_whole`] tells when they are there.
    pub fn start(first_port: u16) -> Nodes {
        let folder = std::env::temp_dir().join(format!("alyx-failover-{}", std::process::id()));
        make(&folder);
        let bin = Server::shared().bin;
        let mut ending = run_as_server_user(Path::new("/bin/sh"));
        ending.args(["-c", ENDING]).arg(&folder).arg(&bin).stdin(Stdio::piped());
        let ending = ending.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell");
        let etcd = start_etcd(&folder.join("etcd"), first_port + 40);
        let nodes =
            NAMES.iter().zip(first_port..).map(|(name, port)| Node::new(name, &folder.join(name), &bin, port, etcd));
        let mut nodes = Nodes { nodes: nodes.collect(), folder, ending: Some(ending) };
        // Whoever comes first makes the cluster and leads it.
        nodes.node_mut(NAMES[0]).start();
        wait(Duration::from_secs(60), "the first node leads", || nodes.leader().is_some());
        NAMES[1..].iter().for_each(|name| nodes.node_mut(name).start());
        nodes
    }

    pub fn all(&self) -> &[Node] {
        &self.nodes
    }

    pub fn node(&self, name: &str) -> &Node {
        self.nodes.iter().find(|node| node.name == name).unwrap_or_else(|| panic!("there is no node {name}"))
    }

    pub fn node_mut(&mut self, name: &str) -> &mut Node {
        self.nodes.iter_mut().find(|node| node.name == name).unwrap_or_else(|| panic!("there is no node {name}"))
    }

    /// What the first that answers says of all.
    pub fn members(&self) -> Vec<Member> {
        let answers = self.nodes.iter().filter(|node| node.patroni.is_some() && !node.is_frozen);
        let answer = answers
            .filter_map(|node| Request::new(node.api, "GET", "/cluster").try_send())
            .find(|answer| answer.status == 200);
        let members = answer.map(|answer| answer.json()["members"].take());
        let text = |member: &Value, key: &str| member[key].as_str().unwrap_or_default().to_owned();
        let members = members.as_ref().and_then(Value::as_array).into_iter().flatten();
        members
            .map(|member| Member {
                name: text(member, "name"),
                role: text(member, "role"),
                state: text(member, "state"),
                timeline: member["timeline"].as_u64().unwrap_or(0),
            })
            .collect()
    }

    /// Who has the leader's key and takes writes.
    pub fn leader(&self) -> Option<&'static str> {
        let members = self.members();
        let name = &members.iter().find(|member| member.role == "leader")?.name;
        let node = self.nodes.iter().find(|node| node.name == *name && node.patroni.is_some() && !node.is_frozen)?;
        let rows = node.session("postgres").ok()?.attempt("SELECT pg_is_in_recovery()").ok()?;
        (rows == ["f"]).then_some(node.name)
    }

    /// Waits until there is a leader other than `old`.
    pub fn wait_for_leader_after(&self, old: &str, patience: Duration) -> &'static str {
        let mut found = None;
        wait(patience, &format!("another takes the place of {old}"), || {
            found = self.leader().filter(|name| *name != old);
            found.is_some()
        });
        found.unwrap_or_default()
    }

    /// Waits until all follow one leader, one of them synchronously, and gives the leader.
    pub fn wait_until_whole(&self, patience: Duration) -> &'static str {
        wait(patience, &format!("all of {NAMES:?} run"), || {
            let members = self.members();
            let of_role = |role: &str| members.iter().filter(|member| member.role == role).count();
            let timeline = members.iter().map(|member| member.timeline).max().unwrap_or(0);
            let runs = |member: &&Member| {
                ["running", "streaming"].contains(&member.state.as_str()) && member.timeline == timeline
            };
            members.iter().filter(runs).count() == NAMES.len()
                && of_role("leader") == 1
                && of_role("sync_standby") == 1
                && self.leader().is_some()
        });
        self.leader().expect("was there a moment ago")
    }

    /// Has the leader hand over to the other one that may be.
    pub fn switch_over(&self, leader: &str) {
        let to = if leader == NAMES[0] { NAMES[1] } else { NAMES[0] };
        let answer = Request::new(self.node(leader).api, "POST", "/switchover")
            .json(&json!({"leader": leader, "candidate": to}))
            .try_send();
        assert!(answer.as_ref().is_some_and(|answer| answer.status == 200), "no switchover: {answer:?}");
    }

    /// Leaves data and logs where they are.
    pub fn keep(&self) -> &Path {
        let _ = File::create(self.folder.join("keep"));
        &self.folder
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("data and logs are kept in {}", self.keep().display());
        }
        for node in &mut self.nodes {
            node.patroni.take().map(|mut child| child.kill());
        }
        if let Some(mut ending) = self.ending.take() {
            drop(ending.stdin.take());
            let _ = ending.wait();
        }
    }
}

impl Node {
    fn new(name: &'static str, folder: &Path, bin: &Path, port: u16, etcd: SocketAddr) -> Node {
        make(folder);
        let server = Server {
            host: folder.to_path_buf(),
            port,
            bin: bin.to_path_buf(),
            data: folder.join("data"),
            log: folder.join("postgres.log"),
        };
        let node =
            Node { name, server, folder: folder.to_path_buf(), api: local(port + 10), patroni: None, is_frozen: false };
        // YAML has all of JSON in it.
        fs::write(folder.join("patroni.yml"), format!("{:#}\n", node.settings(etcd))).expect("the folder is writable");
        node
    }

    /// Folder of compiled modules, outside of the data, so that no base backup and no rewind brings one along.
    pub fn cache(&self) -> PathBuf {
        self.folder.join("cache")
    }

    /// The key file of secrets.
    pub fn key_file(&self) -> PathBuf {
        self.folder.join("alyx_functions.key")
    }

    /// What Patroni is told. docs/operate/grow.md shows the same to readers.
    fn settings(&self, etcd: SocketAddr) -> Value {
        let address = local(self.server.port).to_string();
        let of_role = |role: &str| json!({"username": role, "password": PASSWORD});
        json!({
            "scope": "alyx",
            "name": self.name,
            "etcd3": {"host": etcd.to_string()},
            "restapi": {"listen": self.api.to_string(), "connect_address": self.api.to_string()},
            "tags": {"nosync": self.name == NAMES[2], "nofailover": self.name == NAMES[2]},
            "bootstrap": {
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, {"auth-local": "trust"}, {"auth-host": "scram-sha-256"}],
                "dcs": {
                    "ttl": TTL_S, "loop_wait": 2, "retry_timeout": 3, "synchronous_mode": true,
                    "postgresql": {
                        "use_pg_rewind": true,
                        "remove_data_directory_on_rewind_failure": true,
                        "remove_data_directory_on_diverged_timelines": true,
                        "parameters": {
                            "shared_preload_libraries": "alyx_functions",
                            "max_connections": 100,
                            "max_worker_processes": 16,
                            "alyx_functions.max_workers": 6,
                        },
                    },
                },
            },
            "postgresql": {
                "listen": address, "connect_address": address,
                "bin_dir": self.server.bin, "data_dir": self.server.data, "pgpass": self.folder.join("pgpass"),
                "authentication": {"superuser": of_role("postgres"), "replication": of_role("replicator"), "rewind": of_role("rewinder")},
                // Into the folder of the socket go only its owner and root.
                "pg_hba": ["local all all trust", "host replication replicator 127.0.0.1/32 scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256"],
                "use_unix_socket": true,
                "parameters": {
                    "unix_socket_directories": self.folder,
                    "alyx_functions.cache_directory": self.cache(),
                    "alyx_functions.secrets_key_file": self.key_file(),
                },
            },
        })
    }

    /// Starts its Patroni, which starts the server.
    pub fn start(&mut self) {
        let mut patroni = run_as_server_user(Path::new("/usr/bin/patroni"));
        patroni.arg(self.folder.join("patroni.yml"));
        self.patroni = Some(spawn(&mut patroni, &self.folder, "patroni"));
    }

    /// Ends its Patroni and its postmaster by SIGKILL, and nobody else: whoever lives on must notice.
    pub fn kill(&mut self) {
        let postmaster = self.postmaster();
        self.end_patroni();
        signal("KILL", &[postmaster]);
    }

    /// Stops every one of its processes in mid-air.
    pub fn freeze(&mut self) -> Vec<u32> {
        self.is_frozen = true;
        let (postmaster, patroni) = (self.postmaster(), self.patroni.as_ref().map(Child::id));
        signal("STOP", &patroni.into_iter().chain([postmaster]).collect::<Vec<_>>());
        let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap_or_default();
        let mut all = vec![postmaster];
        all.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        let lines: String = all.iter().map(|pid| format!("{pid}\n")).collect();
        fs::write(self.folder.join("frozen.pid"), lines).expect("the folder is writable");
        signal("STOP", &all);
        all
    }

    /// Kills those that [`Node::freeze`] has stopped, none of which wakes up before.
    pub fn kill_frozen(&mut self, frozen: &[u32]) {
        self.end_patroni();
        signal("KILL", frozen);
        let _ = fs::remove_file(self.folder.join("frozen.pid"));
        self.is_frozen = false;
    }

    /// Lets them go on, who know nothing of what has happened.
    pub fn wake(&mut self, frozen: &[u32]) {
        let patroni = self.patroni.as_ref().map(Child::id);
        signal("CONT", &frozen.iter().copied().chain(patroni).collect::<Vec<_>>());
        let _ = fs::remove_file(self.folder.join("frozen.pid"));
        self.is_frozen = false;
    }

    fn end_patroni(&mut self) {
        if let Some(mut patroni) = self.patroni.take() {
            let _ = patroni.kill();
            let _ = patroni.wait();
        }
        let _ = fs::remove_file(self.folder.join("patroni.pid"));
    }

    fn postmaster(&self) -> u32 {
        let path = self.server.data.join("postmaster.pid");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.lines().next().and_then(|line| line.parse().ok()).expect("its first line is a process id")
    }

    /// A superuser's session, where the server answers.
    ///
    /// # Errors
    /// What the server said, or that it said nothing.
    pub fn session(&self, database: &str) -> Result<Session, Refusal> {
        let mut config = postgres::Config::new();
        config.host_path(&self.server.host).port(self.server.port).dbname(database).user("postgres");
        config
            .application_name("failover")
            .connect(postgres::NoTls)
            .map(Session::new)
            .map_err(|error| Refusal::of(&error))
    }

    /// What its Patroni has written so far.
    pub fn patroni_log(&self) -> String {
        fs::read_to_string(self.folder.join("patroni.log")).unwrap_or_default()
    }
}

fn start_etcd(folder: &Path, port: u16) -> SocketAddr {
    make(folder);
    let (clients, peers) = (format!("http://{}", local(port)), format!("http://{}", local(port + 1)));
    let mut etcd = run_as_server_user(Path::new("/usr/bin/etcd"));
    etcd.arg("--data-dir").arg(folder.join("data.etcd")).args([
        "--listen-client-urls",
        &clients,
        "--advertise-client-urls",
        &clients,
    ]);
    etcd.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
    etcd.args(["--initial-cluster", &format!("default={peers}"), "--logger", "zap"]);
    spawn(&mut etcd, folder, "etcd");
    wait(Duration::from_secs(30), "etcd answers", || {
        Request::new(local(port), "GET", "/health").try_send().is_some_and(|answer| answer.status == 200)
    });
    local(port)
}

/// Starts a program whose words go to `<name>.log` and whose number to `<name>.pid`.
fn spawn(command: &mut Command, folder: &Path, name: &str) -> Child {
    let log = File::options().create(true).append(true).open(folder.join(format!("{name}.log"))).expect("a log");
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
    let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    fs::write(folder.join(format!("{name}.pid")), format!("{}\n", child.id())).expect("the folder is writable");
    child
}

/// Makes a folder of the server's user.
fn make(folder: &Path) {
    let status = run_as_server_user(Path::new("/bin/mkdir")).args(["-m", "700", "-p"]).arg(folder).status();
    assert!(status.is_ok_and(|status| status.success()), "{} cannot be made", folder.display());
}

fn signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    // Some may have ended meanwhile.
    let _ = Command::new("kill").arg(format!("-{name}")).args(pids).stderr(Stdio::null()).status();
}

pub fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Waits until `condition` holds; panics with `what` when it does not in time.
pub fn wait(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {} s in vain until {what}", patience.as_secs());
        std::thread::sleep(Duration::from_millis(100));
    }
}
