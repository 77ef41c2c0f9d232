//! Who may come in: nothing here waits without an end, and no list grows without a bound.
//!
//! A request waits for one of the pool's places. When too many wait already, or it has waited for too long, it is refused,
//! which costs nothing, instead of being served when nobody needs the reply any more.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
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

/// What each client holds of something that all of them share.
pub(crate) struct Shares {
    most: Option<usize>,
    held: Mutex<HashMap<String, usize>>,
}

/// What one request holds of its client's share, until dropped.
pub(crate) struct Share {
    shares: Arc<Shares>,
    /// `None` where nothing is counted.
    client: Option<String>,
    count: usize,
}

impl Shares {
    /// `most`: what one client may hold; `None` is any amount.
    pub(crate) fn new(most: Option<usize>) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// Nothing yet of a client's share.
    pub(crate) fn of(self: &Arc<Self>, client: impl FnOnce() -> String) -> Share {
        Share { shares: Arc::clone(self), client: self.most.map(|_| client()), count: 0 }
    }

    /// One of a client's share, if it may have another.
    pub(crate) fn one(self: &Arc<Self>, client: impl FnOnce() -> String) -> Option<Share> {
        let mut share = self.of(client);
        share.take(1).then_some(share)
    }
}

impl Share {
    /// Takes more, if the client may have it.
    #[must_use]
    pub(crate) fn take(&mut self, count: usize) -> bool {
        let (Some(client), Some(most)) = (&self.client, self.shares.most) else { return true };
        let mut held = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(client) {
            Some(all) if all.saturating_add(count) <= most => *all += count,
            None if count <= most => drop(held.insert(client.clone(), count)),
            _ => return false,
        }
        self.count += count;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some(client) = &self.client else { return };
        let mut held = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = held.get_mut(client) {
            *all = all.saturating_sub(self.count);
            if *all == 0 {
                held.remove(client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Queue, Replies, Shares};
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
        let shares = Shares::new(Some(2));
        let one = |name: &str| shares.one(|| name.to_owned());
        let (first, _second) = (one("a").unwrap(), one("a").unwrap());
        assert!(one("a").is_none());
        let mut other = one("b").unwrap();
        assert!(!other.take(2) && other.take(1) && !other.take(usize::MAX));
        drop(first);
        assert!(one("a").is_some());
        drop(other);
        assert_eq!(shares.held.lock().unwrap().len(), 1, "who holds nothing is forgotten");
        assert!(Shares::new(None).of(|| unreachable!()).take(usize::MAX));
    }
}
