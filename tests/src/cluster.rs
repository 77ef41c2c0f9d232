//! A private cluster, for tests that stop or crash their server. Lives in a temporary folder, listens on a socket only.

use crate::{Server, run_as_server_user};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A server that belongs to one test.
pub struct Cluster {
    folder: PathBuf,
    server: Server,
    settings: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Cluster {
    /// Creates and starts a cluster from the same PostgreSQL installation as the shared server.
    pub fn start(label: &str) -> Cluster {
        Cluster::with(label, &[])
    }

    /// The same with the extension's library preloaded, and further settings, each `name=value`.
    pub fn preloaded(label: &str, settings: &[&str]) -> Cluster {
        Cluster::with(label, &[&["shared_preload_libraries=alyx_functions"], settings].concat())
    }

    /// A cluster whose server has these variables in its environment.
    pub fn with_environment(label: &str, variables: &[(&str, &str)]) -> Cluster {
        let mut cluster = Cluster::start(label);
        cluster.stop("fast");
        cluster.environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        cluster.begin();
        cluster
    }

    fn with(label: &str, settings: &[&str]) -> Cluster {
        Cluster::create(label, settings, Server::shared().bin, |bin, data| must(&mut initdb(bin, data)))
    }

    /// A cluster of another release, whose programs are in `bin`, with the library preloaded.
    pub fn of_release(bin: &Path, label: &str, settings: &[&str]) -> Cluster {
        let settings = [&["shared_preload_libraries=alyx_functions"], settings].concat();
        Cluster::create(label, &settings, bin.to_owned(), |bin, data| must(&mut initdb(bin, data)))
    }

    /// What pg_upgrade makes of a cluster of an older release that is stopped.
    pub fn upgraded(old: &Cluster, label: &str, settings: &[&str]) -> Cluster {
        let settings = [&["shared_preload_libraries=alyx_functions"], settings].concat();
        Cluster::create(label, &settings, Server::shared().bin, |bin, data| {
            // Checksums are the default since 18, and must be as in the old cluster.
            must(initdb(bin, data).arg("--no-data-checksums"));
            let folder = data.parent().expect("a folder above the data");
            let mut upgrade = run_as_server_user(&bin.join("pg_upgrade"));
            upgrade.current_dir(folder).args(["--username=postgres", "--no-sync"]);
            upgrade.arg("--old-bindir").arg(&old.server.bin).arg("--old-datadir").arg(&old.server.data);
            upgrade.arg("--new-bindir").arg(bin).arg("--new-datadir").arg(data).arg("--socketdir").arg(folder);
            for options in ["--old-options", "--new-options"] {
                upgrade.args([options, "-c shared_preload_libraries=alyx_functions"]);
            }
            must(&mut upgrade);
        })
    }

    /// The same cluster, stopped and started with other settings.
    pub fn restarted_with(&mut self, settings: &[&str]) {
        self.stop("fast");
        self.settings =
            [&["shared_preload_libraries=alyx_functions"], settings].concat().into_iter().map(str::to_owned).collect();
        self.begin();
    }

    /// A physical standby of a running cluster, with the library preloaded; it follows until it is promoted.
    pub fn standby_of(primary: &Cluster, label: &str, settings: &[&str]) -> Cluster {
        let settings = [&["shared_preload_libraries=alyx_functions"], settings].concat();
        Cluster::create(label, &settings, Server::shared().bin, |bin, data| {
            let mut copy = run_as_server_user(&bin.join("pg_basebackup"));
            copy.args([
                "--username=postgres",
                "--port=5432",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--write-recovery-conf",
                "--no-sync",
            ]);
            must(copy.arg("--host").arg(&primary.server.host).arg("-D").arg(data));
        })
    }

    /// A copy of the data folder of a cluster that is stopped, started as a server of its own.
    pub fn copy_of(stopped: &Cluster, label: &str, settings: &[&str]) -> Cluster {
        let settings = [&["shared_preload_libraries=alyx_functions"], settings].concat();
        Cluster::create(label, &settings, Server::shared().bin, |_, data| {
            let mut copy = run_as_server_user(Path::new("/bin/cp"));
            must(copy.arg("-a").arg(&stopped.server.data).arg(data));
        })
    }

    /// A cluster whose data folder `fill` makes, given the folder of PostgreSQL's programs and the one to make.
    pub fn filled(label: &str, settings: &[&str], fill: impl FnOnce(&Path, &Path)) -> Cluster {
        Cluster::create(label, settings, Server::shared().bin, fill)
    }

    fn create(label: &str, settings: &[&str], bin: PathBuf, fill: impl FnOnce(&Path, &Path)) -> Cluster {
        let folder = std::env::temp_dir().join(format!("alyx-{label}-{}", std::process::id()));
        must(run_as_server_user(Path::new("/bin/mkdir")).args(["-m", "755", "-p"]).arg(&folder));
        let data = folder.join("data");
        fill(&bin, &data);
        let server = Server { host: folder.clone(), port: 5432, bin, data, log: folder.join("log") };
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let cluster = Cluster { folder, server, settings, environment: Vec::new() };
        cluster.begin();
        cluster
    }

    /// Its address.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Starts the server and waits until it accepts connections.
    pub fn begin(&self) {
        let mut options = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c port=5432 -c fsync=off -c log_min_messages=info",
            self.folder.display()
        );
        self.settings.iter().for_each(|setting| options.push_str(&format!(" -c {setting}")));
        let mut start = self.pg_ctl(&["start", "--wait"]);
        start.envs(self.environment.iter().map(|(name, value)| (name, value)));
        must(start.arg("--log").arg(&self.server.log).args(["-o", &options]));
    }

    /// `pg_ctl stop` in the given mode, waiting for the end.
    pub fn stop(&self, mode: &str) {
        must(&mut self.pg_ctl(&["stop", "--wait", "--mode", mode]));
    }

    /// Leaves it to another process to stop the server when this one has ended, however it ends: for a cluster in a
    /// `static`, which is never dropped.
    pub fn stop_at_exit(&self) {
        let stop = "cat; \"$0\" stop --wait --mode immediate -D \"$1/data\"; rm -rf \"$1\"";
        let mut watcher = run_as_server_user(Path::new("/bin/sh"));
        watcher.args(["-c", stop]).arg(self.server.bin.join("pg_ctl")).arg(&self.folder);
        watcher.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = watcher.spawn().unwrap_or_else(|error| panic!("{watcher:?}: {error}"));
        // It reads until this process ends and the pipe with it.
        std::mem::forget(child);
    }

    /// Whether the server runs.
    pub fn is_up(&self) -> bool {
        self.pg_ctl(&["status"]).output().is_ok_and(|output| output.status.success())
    }

    fn pg_ctl(&self, words: &[&str]) -> Command {
        let mut command = run_as_server_user(&self.server.bin.join("pg_ctl"));
        command.args(words).arg("-D").arg(&self.server.data);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.is_up() {
            let _ = self.pg_ctl(&["stop", "--wait", "--mode", "immediate"]).output();
        }
        if std::thread::panicking() {
            eprintln!("server log kept in {}", self.server.log.display());
        } else {
            let _ = run_as_server_user(Path::new("/bin/rm")).arg("-rf").arg(&self.folder).output();
        }
    }
}

fn initdb(bin: &Path, data: &Path) -> Command {
    let mut initdb = run_as_server_user(&bin.join("initdb"));
    initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "-D"]);
    initdb.arg(data);
    initdb
}

fn must(command: &mut Command) {
    // Output goes to a file and not to a pipe: the server inherits it and would keep a pipe open for ever.
    let status = command.stdout(Stdio::null()).status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?} ended with {status}");
}
