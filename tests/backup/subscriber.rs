//! Two servers for tests of logical replication: one that publishes a table, one that subscribes and has the extension.

use crate::house::{SETTINGS, furnished, wait_for};
use alyx_tests::{Cluster, Db, Server, wait_until};
use std::sync::OnceLock;

/// A table `t` on both servers; on the subscriber with the column `note`, and the extension.
pub struct Pair {
    /// Session in the database that publishes; it knows nothing of the extension.
    pub publisher: Db,
    /// Session in the database that subscribes.
    pub subscriber: Db,
    name: String,
}

/// Shared by these tests: each has databases of its own.
fn servers() -> (&'static Server, &'static Server) {
    static SERVERS: OnceLock<(Cluster, Cluster)> = OnceLock::new();
    let (one, other) = SERVERS.get_or_init(|| {
        let publisher = Cluster::preloaded(
            "backup_publisher",
            &[
                &SETTINGS[..],
                &[
                    "wal_level=logical",
                    "max_wal_senders=30",
                    "max_replication_slots=30",
                    "max_prepared_transactions=10",
                    "logical_decoding_work_mem=64kB",
                ],
            ]
            .concat(),
        );
        let subscriber = Cluster::preloaded(
            "backup_subscriber",
            &[
                &SETTINGS[..],
                &[
                    "max_logical_replication_workers=20",
                    "wal_retrieve_retry_interval=200ms",
                    "max_prepared_transactions=10",
                ],
            ]
            .concat(),
        );
        publisher.stop_at_exit();
        subscriber.stop_at_exit();
        (publisher, subscriber)
    });
    (one.server(), other.server())
}

impl Pair {
    /// Both databases, not connected yet.
    pub fn new(test: &str) -> Pair {
        let (one, other) = servers();
        let mut publisher = Db::empty(one.clone(), test);
        publisher.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION p FOR TABLE t");
        let mut subscriber = furnished(other, test);
        subscriber.run("CREATE TABLE t (id int PRIMARY KEY, v text, note text)");
        Pair { publisher, subscriber, name: format!("s_{test}") }
    }

    /// Subscribes, and waits until the rows that are there have been copied.
    pub fn subscribe(&mut self) {
        self.subscribe_with("streaming = off");
    }

    /// The same with these options.
    pub fn subscribe_with(&mut self, options: &str) {
        let url = self.publisher.server().url(self.publisher.name(), "postgres");
        self.subscriber
            .run(&format!("CREATE SUBSCRIPTION {} CONNECTION '{url}' PUBLICATION p WITH ({options})", self.name));
        wait_for(&mut self.subscriber, 20, "SELECT string_agg(srsubstate::text, '') FROM pg_subscription_rel", "r");
    }

    /// The server that subscribes.
    pub fn server(&self) -> &Server {
        self.subscriber.server()
    }

    /// Anonymous resident memory of the worker that applies the changes.
    pub fn apply_worker_bytes(&mut self) -> u64 {
        let pid = self
            .subscriber
            .value(&format!("SELECT pid FROM pg_stat_subscription WHERE subname = '{}' AND relid IS NULL", self.name));
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the worker runs on this machine");
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("Linux counts RssAnon");
        let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
        kilobytes.expect("RssAnon in kB") * 1024
    }

    /// Unsubscribes; the workers must end as they should.
    pub fn end(mut self) {
        let of =
            format!("SELECT count(*) FROM pg_stat_subscription WHERE subname = '{}' AND pid IS NOT NULL", self.name);
        if self.subscriber.value(&format!("SELECT count(*) FROM pg_subscription WHERE subname = '{}'", self.name))
            == "1"
        {
            self.subscriber.run(&format!("ALTER SUBSCRIPTION {} DISABLE", self.name));
            let there = &mut self.subscriber;
            wait_until("the apply worker has ended", || there.value(&of) == "0");
            self.subscriber.run(&format!("DROP SUBSCRIPTION {}", self.name));
        }
        let (log, _) = self.server().log_since(0);
        for word in ["terminated by signal", "PANIC:", "panicked at", "TRAP:"] {
            assert!(!log.contains(word), "the subscriber's log speaks of {word}");
        }
    }
}
