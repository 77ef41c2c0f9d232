//! The server that these tests share, and what they ask of it.

use alyx_tests::{Cluster, Db, Server};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A database with the extension on a server that preloads the library.
pub struct House {
    // In this order: the last one to leave stops the server.
    db: Db,
    _cluster: Arc<Cluster>,
}

static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

fn cluster() -> Arc<Cluster> {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let label = format!("records{}", STARTED.fetch_add(1, Ordering::Relaxed));
        let cluster = Arc::new(Cluster::preloaded(
            &label,
            &["max_connections=80", "alyx_functions.max_databases=40", "alyx_functions.record_buffer=256kB"],
        ));
        *shared = Arc::downgrade(&cluster);
        cluster
    })
}

impl House {
    /// The database of the test `test`.
    pub fn new(test: &str) -> House {
        let cluster = cluster();
        House { db: Db::on(cluster.server().clone(), test), _cluster: cluster }
    }

    /// The records so far, oldest first, of these columns.
    pub fn records(&mut self, columns: &str) -> Vec<String> {
        self.db.run("SELECT alyx._drain()");
        self.db.rows(&format!("SELECT {columns} FROM alyx.invocations ORDER BY started_at, id"))
    }

    /// These columns of `alyx.stats` for one function.
    pub fn stats(&mut self, function: &str, columns: &str) -> String {
        self.db.value(&format!("SELECT {columns} FROM alyx.stats WHERE function = '{function}'"))
    }

    /// Creates another database on the same server, without the extension.
    pub fn neighbour(&self, test: &str) -> Db {
        Db::empty(self.db.server().clone(), test)
    }
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

/// A fresh server of one's own, for tests that stop it.
pub fn own(label: &str) -> (Cluster, Db) {
    let cluster = Cluster::preloaded(label, &[]);
    let server: Server = cluster.server().clone();
    let db = Db::on(server, label);
    (cluster, db)
}
