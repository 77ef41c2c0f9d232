//! What all requests share.

use std::sync::Arc;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::admission::{Replies, Share, Shares};
use crate::database::{Database, Target};
use crate::metrics::Metrics;
use crate::options::Settings;
use crate::problem::{Problem, Result};
use crate::token::Verifier;

/// Streams of events that may be open at a time: each asks the database every other second.
const MOST_STREAMS: usize = 64;
/// Streams of one client.
const MOST_STREAMS_EACH: usize = 8;

pub(crate) struct Gateway {
    pub(crate) settings: Settings,
    pub(crate) tokens: Arc<Verifier>,
    /// The primary.
    pub(crate) database: Arc<Database>,
    /// Where reads go.
    pub(crate) replica: Option<Arc<Database>>,
    /// Requests of each client.
    pub(crate) requests: Arc<Shares>,
    /// Bytes of bodies of each client.
    pub(crate) body_shares: Arc<Shares>,
    pub(crate) replies: Replies,
    pub(crate) streams: Arc<Semaphore>,
    /// Streams of each client.
    pub(crate) stream_shares: Arc<Shares>,
    pub(crate) metrics: Metrics,
    /// Ends what would go on for ever when the gateway is asked to end.
    pub(crate) ending: CancellationToken,
    bodies: Arc<Semaphore>,
}

impl Gateway {
    pub(crate) async fn new(settings: Settings, target: Target, replica: Option<Target>) -> Result<Arc<Self>, String> {
        let tokens = Verifier::new(settings.token.clone()).await.map_err(|error| error.to_string())?;
        let database = Database::new(target, &settings)?;
        let replica = replica.map(|target| Database::new(target, &settings)).transpose()?;
        let most_bytes = settings.max_bodies.min(Semaphore::MAX_PERMITS);
        // One client that stalls does not keep the others out; what is allowed to be sent can be.
        let each = (most_bytes / 4).max(settings.max_body).max(settings.max_deploy);
        Ok(Arc::new(Self {
            requests: Shares::new(settings.max_per_client),
            body_shares: Shares::new(Some(each)),
            replies: Replies::new(settings.max_bodies),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
            stream_shares: Shares::new(Some(MOST_STREAMS_EACH)),
            metrics: Metrics::new(),
            ending: CancellationToken::new(),
            bodies: Arc::new(Semaphore::new(most_bytes)),
            settings,
            tokens,
            database,
            replica,
        }))
    }

    /// Counts a request, if its client may have another.
    pub(crate) fn visit(&self, client: impl FnOnce() -> String) -> Result<Share> {
        let full = || Problem::new(StatusCode::TOO_MANY_REQUESTS, "this client has too many requests at a time");
        self.requests.one(client).ok_or_else(full)
    }

    /// Some of the memory for bodies.
    pub(crate) fn take_bytes(&self, count: usize) -> Result<OwnedSemaphorePermit> {
        let full = || Problem::busy("too many large bodies at a time");
        let count = u32::try_from(count).map_err(|_| full())?;
        Arc::clone(&self.bodies).try_acquire_many_owned(count).map_err(|_| full())
    }
}
