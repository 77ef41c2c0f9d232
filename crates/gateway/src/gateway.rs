//! What all requests share.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::admission::{Clients, Replies};
use crate::database::{Database, Target};
use crate::metrics::Metrics;
use crate::options::Settings;
use crate::problem::{Problem, Result};
use crate::token::Verifier;

/// Streams of events that may be open at a time: each asks the database every other second.
const MOST_STREAMS: usize = 64;

pub(crate) struct Gateway {
    pub(crate) settings: Settings,
    pub(crate) tokens: Arc<Verifier>,
    /// The primary.
    pub(crate) database: Arc<Database>,
    /// Where reads go.
    pub(crate) replica: Option<Arc<Database>>,
    pub(crate) clients: Arc<Clients>,
    pub(crate) replies: Replies,
    pub(crate) streams: Arc<Semaphore>,
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
        Ok(Arc::new(Self {
            clients: Clients::new(settings.max_per_client),
            replies: Replies::new(settings.max_bodies),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
            metrics: Metrics::new(),
            ending: CancellationToken::new(),
            bodies: Arc::new(Semaphore::new(most_bytes)),
            settings,
            tokens,
            database,
            replica,
        }))
    }

    /// A share of the memory for bodies.
    pub(crate) fn take_bytes(&self, count: usize) -> Result<OwnedSemaphorePermit> {
        let full = || Problem::busy("too many large bodies at a time");
        let count = u32::try_from(count).map_err(|_| full())?;
        Arc::clone(&self.bodies).try_acquire_many_owned(count).map_err(|_| full())
    }
}
