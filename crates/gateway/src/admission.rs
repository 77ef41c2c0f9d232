//! Who may come in: nothing here waits without an end, and no list grows without a bound.
//!
//! A request waits for one of the pool's places. When too many wait already, or it has waited for too long, it is refused,
//! which costs nothing, instead of being served when nobody needs the reply any more.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Problem, Result};

/// A place at a database, until dropped.
pub(crate) type Place = OwnedSemaphorePermit;

/// The queue in front of one pool.
pub(crate) struct Queue {
    places: Arc<Semaphore>,
    size: usize,
    waiting: AtomicUsize,
    most_waiting: usize,
    patience: Duration,
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    pub(crate) fn new(size: usize, most_waiting: usize, patience: Duration) -> Self {
        let places = Arc::new(Semaphore::new(size));
        Self { places, size, waiting: AtomicUsize::new(0), most_waiting, patience }
    }

    /// A place, now or soon.
    pub(crate) async fn enter(&self) -> Result<Place> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.most_waiting {
            return Err(Problem::busy("too many requests are waiting"));
        }
        match tokio::time::timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(Problem::busy("the gateway is ending")),
            Err(_) => Err(Problem::busy("no connection to the database has become free in time")),
        }
    }

    /// Places in use, and requests that wait for one.
    pub(crate) fn figures(&self) -> (usize, usize) {
        (self.size.saturating_sub(self.places.available_permits()), self.waiting.load(Ordering::Relaxed))
    }
}

/// Bytes of replies that are on their way to clients, some of which may read slowly or not at all.
#[derive(Clone)]
pub(crate) struct Replies {
    bytes: Arc<AtomicUsize>,
    most: usize,
}

/// A reply's bytes, counted until the last of them is sent or given up.
struct Counted {
    data: Vec<u8>,
    replies: Replies,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.replies.bytes.fetch_sub(self.data.len(), Ordering::Relaxed);
    }
}

impl Replies {
    pub(crate) fn new(most: usize) -> Self {
        Self { bytes: Arc::default(), most }
    }

    /// Refuses a request while too much is waiting to be read: asked before it is run, since afterwards it has happened.
    pub(crate) fn check(&self) -> Result<()> {
        match self.bytes.load(Ordering::Relaxed) <= self.most {
            true => Ok(()),
            false => Err(Problem::busy("too many replies are waiting to be read")),
        }
    }

    pub(crate) fn count(&self, data: Vec<u8>) -> Bytes {
        self.bytes.fetch_add(data.len(), Ordering::Relaxed);
        Bytes::from_owner(Counted { data, replies: self.clone() })
    }
}

/// How many requests each client has.
pub(crate) struct Clients {
    most: Option<usize>,
    counts: Mutex<HashMap<String, usize>>,
}

/// One request of a client, until dropped.
pub(crate) struct Visit {
    clients: Arc<Clients>,
    name: Option<String>,
}

impl Clients {
    pub(crate) fn new(most: Option<usize>) -> Arc<Self> {
        Arc::new(Self { most, counts: Mutex::default() })
    }

    /// Counts a request, if its client may have another.
    pub(crate) fn enter(self: &Arc<Self>, name: impl FnOnce() -> String) -> Result<Visit> {
        let Some(most) = self.most else { return Ok(Visit { clients: Arc::clone(self), name: None }) };
        let name = name();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(name.clone()).or_insert(0);
        if *count >= most {
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "this client has too many requests at a time"));
        }
        *count += 1;
        Ok(Visit { clients: Arc::clone(self), name: Some(name) })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Some(name) = &self.name else { return };
        let mut counts = self.clients.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                counts.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Clients, Queue, Replies};
    use std::time::Duration;

    #[tokio::test]
    async fn a_queue_is_bounded_in_length_and_time() {
        let queue = Queue::new(1, 1, Duration::from_millis(50));
        let place = queue.enter().await.unwrap();
        assert_eq!(queue.figures(), (1, 0));
        // One may wait, in vain; a second one is refused at once.
        let (first, second) = tokio::join!(queue.enter(), async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(queue.figures(), (1, 1));
            queue.enter().await
        });
        assert_eq!(first.unwrap_err().status(), 503);
        assert_eq!(second.unwrap_err().status(), 503);
        assert_eq!(queue.figures(), (1, 0));
        drop(place);
        drop(queue.enter().await.unwrap());
        assert_eq!(queue.figures(), (0, 0));
    }

    #[test]
    fn replies_that_nobody_reads_keep_new_requests_out() {
        let replies = Replies::new(100);
        let first = replies.count(vec![0; 80]);
        assert!(replies.check().is_ok());
        let second = replies.count(vec![0; 80]);
        let part = second.slice(10..20);
        drop(second);
        assert_eq!(replies.check().unwrap_err().status(), 503);
        drop(part);
        assert!(replies.check().is_ok());
        drop(first);
        assert_eq!(replies.bytes.load(std::sync::atomic::Ordering::Relaxed), 0);
    }

    #[test]
    fn one_client_does_not_crowd_out_the_others() {
        let clients = Clients::new(Some(2));
        let enter = |name: &str| clients.enter(|| name.to_owned());
        let (first, _second) = (enter("a").unwrap(), enter("a").unwrap());
        assert_eq!(enter("a").err().unwrap().status(), 429);
        assert!(enter("b").is_ok());
        drop(first);
        assert!(enter("a").is_ok());
        assert_eq!(clients.counts.lock().unwrap().len(), 1, "who has no request is forgotten");
    }
}
