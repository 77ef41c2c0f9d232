//! Connections: pooled, leased for one request each, and cancelled when nobody waits for the answer any more.
//!
//! Statements are never prepared by name and settings of a session never depended on, so that PgBouncer may stand between,
//! in transaction mode.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Metrics, Object, Pool, RecyclingMethod, Runtime,
};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::admission::{Place, Queue};
use crate::connect::Servers;
use crate::options::Settings;
use crate::problem::{Problem, Result, chain};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a server's machine may leave what was sent to it unconfirmed before its connection is given up: the system's
/// own limit is a quarter of an hour.
const UNHEARD: Duration = Duration::from_secs(15);
/// After so much silence the machine is asked whether it is there, where the address says nothing of it.
const IDLE: Duration = Duration::from_secs(10);
/// What the driver has when the address says nothing.
const DRIVERS_IDLE: Duration = Duration::from_secs(2 * 60 * 60);
/// A connection that nobody has used for so long is asked first whether its server is there.
const UNUSED: Duration = Duration::from_secs(1);
/// How long that one may take.
const SILENCE: Duration = Duration::from_secs(1);
/// How long a statement that was cancelled may go on before its connection is given up.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Where a database is, and how to speak with it.
#[derive(Clone)]
pub struct Target {
    /// The driver's address: hosts, user, `target_session_attrs`.
    pub config: tokio_postgres::Config,
    /// TLS as its `sslmode` wants it.
    pub tls: MakeRustlsConnect,
    /// What it is called in messages; without a password.
    pub name: String,
}

/// The connections to one database.
pub(crate) struct Database {
    pool: Pool,
    tls: MakeRustlsConnect,
    queue: Queue,
    name: String,
}

impl Database {
    pub(crate) fn new(target: Target, settings: &Settings) -> Result<Arc<Self>, String> {
        let Target { mut config, tls, name } = target;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNHEARD);
        }
        // A statement that runs is silence, too; only the machine can say that it is still there.
        if config.get_keepalives_idle() == DRIVERS_IDLE {
            config.keepalives_idle(IDLE);
        }
        if config.get_application_name().is_none() {
            config.application_name("alyx serve");
        }
        let way = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let servers = Servers::of(&config, tls.clone());
        let manager = Manager::from_connect(config, servers, way);
        let trust = Arc::new(Trust { lifetime: settings.connection_lifetime, lost_at: Mutex::new(None) });
        let pool = Pool::builder(manager)
            .pre_recycle(Hook::async_fn(move |client, metrics| {
                let (trust, metrics) = (Arc::clone(&trust), *metrics);
                Box::pin(async move { trust.look_at(client, &metrics).await })
            }))
            .max_size(settings.pool_size)
            .create_timeout(Some(CONNECT))
            .wait_timeout(Some(CONNECT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| error.to_string())?;
        let queue = Queue::new(settings.pool_size, settings.max_waiting, settings.wait_timeout);
        Ok(Arc::new(Self { pool, tls, queue, name }))
    }

    /// A connection for one request.
    pub(crate) async fn lease(&self) -> Result<Lease> {
        let place = self.queue.enter().await?;
        let client = self.pool.get().await.map_err(|error| {
            tracing::warn!(database = self.name, error = %chain(&error), "no connection");
            Problem::unreachable("the database cannot be reached")
        })?;
        Ok(Lease { held: Some((client, place)), tls: self.tls.clone(), is_busy: false })
    }

    pub(crate) fn figures(&self) -> Figures {
        let (in_use, waiting) = self.queue.figures();
        Figures { open: self.pool.status().size, in_use, waiting }
    }

    /// Closes what is idle.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

/// Which of the connections that nobody uses may be used again.
struct Trust {
    /// Who was a replica when an old one was made may be the primary by now.
    lifetime: Duration,
    /// When a server last said nothing.
    lost_at: Mutex<Option<Instant>>,
}

impl Trust {
    async fn look_at(&self, client: &mut ClientWrapper, metrics: &Metrics) -> Result<(), HookError> {
        if metrics.age() >= self.lifetime {
            return Err(HookError::message("it has lived for long enough"));
        }
        // The others of a machine that is gone need not all be waited for.
        let lost_at = self.lost_at.lock().map_or(None, |lost_at| *lost_at);
        if lost_at.is_some_and(|lost_at| metrics.created < lost_at) {
            return Err(HookError::message("it is as old as one whose server said nothing"));
        }
        if metrics.last_used() < UNUSED {
            return Ok(());
        }
        match tokio::time::timeout(SILENCE, client.batch_execute("")).await {
            Ok(answer) => answer.map_err(HookError::Backend),
            Err(_) => {
                if let Ok(mut lost_at) = self.lost_at.lock() {
                    *lost_at = Some(Instant::now());
                }
                Err(HookError::message("its server says nothing"))
            }
        }
    }
}

/// The state of a pool.
pub(crate) struct Figures {
    pub(crate) open: usize,
    pub(crate) in_use: usize,
    pub(crate) waiting: usize,
}

/// One connection while it serves one request.
pub(crate) struct Lease {
    held: Option<(Object, Place)>,
    tls: MakeRustlsConnect,
    /// A statement has been sent and its end has not been seen.
    is_busy: bool,
}

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl Lease {
    fn client(&self) -> Result<&Client> {
        self.held.as_ref().map(|(object, _)| &***object).ok_or_else(|| Problem::busy("the connection is gone"))
    }

    /// Runs one statement, which is its own transaction unless one is open, and waits for its end: what it did is
    /// committed when this returns rows.
    pub(crate) async fn query(
        &mut self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Result<Vec<Row>, tokio_postgres::Error>> {
        self.is_busy = true;
        let result = self.client()?.query_typed(sql, parameters).await;
        // After an error of the connection itself nobody knows; the pool finds it closed.
        self.is_busy = result.as_ref().is_err_and(|error| error.as_db_error().is_none());
        Ok(result)
    }

    /// Runs statements without parameters.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<Result<(), tokio_postgres::Error>> {
        self.is_busy = true;
        let result = self.client()?.batch_execute(sql).await;
        self.is_busy = result.as_ref().is_err_and(|error| error.as_db_error().is_none());
        Ok(result)
    }

    /// Marks the connection as one that is in the middle of something until [`Open::end`].
    pub(crate) fn begins(&mut self) -> Open<'_> {
        Open { lease: self, is_over: false }
    }
}

/// A transaction on a lease. Dropped before its end, the connection is given up.
pub(crate) struct Open<'a> {
    pub(crate) lease: &'a mut Lease,
    is_over: bool,
}

impl Open<'_> {
    /// Its end has been seen.
    pub(crate) fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.lease.is_busy = self.lease.is_busy || !self.is_over;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some((object, place)) = self.held.take() else { return };
        if !self.is_busy {
            return;
        }
        // The client has gone, or has waited for long enough. A connection whose statement was cancelled is not used
        // again: the cancel might arrive late and hit somebody else's. Its place stays taken until it is closed.
        let client = Object::take(object);
        let token = client.cancel_token();
        let tls = self.tls.clone();
        tokio::spawn(async move {
            let _place = place;
            if client.is_closed() {
                return;
            }
            let cancel = tokio::time::timeout(LAST_WORDS, token.cancel_query(tls)).await;
            if !matches!(cancel, Ok(Ok(()))) {
                tracing::warn!("a statement could not be cancelled");
            }
            let _ = tokio::time::timeout(LAST_WORDS, client.batch_execute("")).await;
        });
    }
}
