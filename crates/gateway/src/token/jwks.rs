//! The keys that hold now: those of the settings, and those of a key set that is read again as time goes by.
//!
//! There is no background task: a request that finds the key set out of date sees to it. What it starts runs on by
//! itself when the request is given up, so a client that hangs up cannot keep new keys from arriving.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use super::algorithm::Accepted;
use super::fetch::Remote;
use super::jwk::{self, DOCUMENT_BYTES, Secrets};
use super::keys::Key;
use super::ring::Ring;
use super::settings::ConfigError;

/// How often a key set is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// After this, one that was fetched is fetched again.
    pub(super) stale: Duration,
    /// So much lies between two fetches, whatever the reason.
    pub(super) pause: Duration,
    /// Or so much, as long as there has been none that succeeded.
    pub(super) retry: Duration,
    /// A fetch may take so long.
    pub(super) timeout: Duration,
    /// A file is looked at again after this.
    pub(super) file: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let second = Duration::from_secs;
        Self { stale: second(600), pause: second(30), retry: second(5), timeout: second(5), file: second(5) }
    }
}

/// Why a key set is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    OutOfDate,
    UnknownKey,
}

enum Source {
    File(PathBuf),
    Remote(Box<Remote>),
}

/// A file that has the same stamp is the same: when it was changed, and its size.
type Stamp = (SystemTime, u64);

/// What was found when a key set was last read.
#[derive(Default)]
struct Seen {
    at: Option<Instant>,
    stamp: Option<Stamp>,
    document: String,
}

pub(super) struct Keyring {
    fixed: Vec<Arc<Key>>,
    accepted: Accepted,
    source: Option<Source>,
    pace: Pace,
    ring: ArcSwap<Ring>,
    /// Whether the key set was ever read.
    complete: AtomicBool,
    started: Instant,
    /// When the key set is out of date, in milliseconds after `started`.
    due_ms: AtomicU64,
    /// Held by the one that reads the key set.
    seen: Mutex<Seen>,
}

impl Keyring {
    /// Reads the key set once. A file must be in order; a URL may become so later.
    pub(super) async fn new(
        fixed: Vec<Arc<Key>>,
        jwks: Option<&str>,
        accepted: Accepted,
        pace: Pace,
    ) -> Result<Arc<Self>, ConfigError> {
        let source = match jwks {
            Some(url) if url.contains("://") => Some(Source::Remote(Box::new(Remote::new(url)?))),
            Some(path) => Some(Source::File(path.into())),
            None => None,
        };
        let keyring = Arc::new(Self {
            ring: ArcSwap::from_pointee(Ring::new(fixed.clone())),
            fixed,
            accepted,
            complete: AtomicBool::new(source.is_none()),
            source,
            pace,
            started: Instant::now(),
            due_ms: AtomicU64::default(),
            seen: Mutex::default(),
        });
        match (keyring.read(&mut *keyring.seen.lock().await).await, &keyring.source) {
            (Ok(()), _) => {}
            (Err(reason), Some(Source::File(path))) => {
                return Err(ConfigError::KeyFile { path: path.clone(), reason });
            }
            (Err(reason), _) => tracing::error!(reason, "the JSON Web Key Set cannot be fetched yet"),
        }
        Ok(keyring)
    }

    pub(super) fn has_keys(&self) -> bool {
        self.source.is_some() || !self.fixed.is_empty()
    }

    /// Whether keys are still to come, because the key set could not be read yet.
    pub(super) fn is_incomplete(&self) -> bool {
        !self.complete.load(Ordering::Acquire)
    }

    pub(super) fn ring(&self) -> arc_swap::Guard<Arc<Ring>> {
        self.ring.load()
    }

    /// Has the key set read again when it is out of date. Waits for it only when it takes no time (a file), or when
    /// there are no keys to go on with.
    pub(super) async fn freshen(self: &Arc<Self>) {
        if self.is_due() {
            let wait = self.is_incomplete() || matches!(self.source, Some(Source::File(_)));
            self.again(Cause::OutOfDate, wait).await;
        }
    }

    /// Has the key set read again, if that has not just been done, since a token names a key that is not in it.
    pub(super) async fn look_for_unknown(self: &Arc<Self>) {
        self.again(Cause::UnknownKey, true).await;
    }

    async fn again(self: &Arc<Self>, cause: Cause, wait: bool) {
        match self.seen.try_lock() {
            Ok(seen) if !self.is_wanted(cause, &seen) => return,
            Err(_) if !wait => return,
            _ => {}
        }
        let keyring = Arc::clone(self);
        let reading = tokio::spawn(async move {
            // Whoever was faster has done it for all that come after.
            let mut seen = keyring.seen.lock().await;
            if keyring.is_wanted(cause, &seen)
                && let Err(reason) = keyring.read(&mut seen).await
            {
                tracing::warn!(reason, "the JSON Web Key Set cannot be read again; the keys stay as they are");
            }
        });
        if wait {
            // Fails when the runtime shuts down; there is nobody to tell then.
            let _ = reading.await;
        }
    }

    fn is_wanted(&self, cause: Cause, seen: &Seen) -> bool {
        match (cause, &self.source) {
            (_, None) => false,
            (Cause::OutOfDate, _) => self.is_due(),
            (Cause::UnknownKey, Some(source)) => {
                let pause = if matches!(source, Source::File(_)) { self.pace.file } else { self.pace.pause };
                // While there are no keys at all, every key is unknown: that is for `OutOfDate` to mend.
                !self.is_incomplete() && seen.at.is_none_or(|at| at.elapsed() >= pause)
            }
        }
    }

    fn is_due(&self) -> bool {
        self.source.is_some() && millis(self.started.elapsed()) >= self.due_ms.load(Ordering::Acquire)
    }

    /// Reads the key set. When that fails, the keys stay as they are.
    async fn read(&self, seen: &mut Seen) -> Result<(), String> {
        let (found, fresh_for) = match &self.source {
            None => return Ok(()),
            Some(Source::File(path)) => (self.read_file(path, seen).await, self.pace.file),
            Some(Source::Remote(remote)) => {
                let document = remote.get(self.pace.timeout).await;
                (document.and_then(|document| self.take(seen, document, Secrets::Refused)), self.pace.stale)
            }
        };
        let pause = match &found {
            Ok(()) => fresh_for,
            Err(_) if self.is_incomplete() => self.pace.retry,
            Err(_) => self.pace.pause.min(fresh_for),
        };
        seen.at = Some(Instant::now());
        self.due_ms.store(millis(self.started.elapsed()).saturating_add(millis(pause)), Ordering::Release);
        found
    }

    /// Reads a file unless it is as it was. Its stamp is taken first: a change meanwhile is seen the next time.
    async fn read_file(&self, path: &Path, seen: &mut Seen) -> Result<(), String> {
        let (path, known) = (path.to_owned(), seen.stamp);
        let changed = tokio::task::spawn_blocking(move || read_changed(&path, known)).await;
        let Some((stamp, document)) = changed.map_err(|error| error.to_string())?? else { return Ok(()) };
        // A file that is wrong is complained about once, and not each time it is looked at.
        seen.stamp = Some(stamp);
        self.take(seen, document, Secrets::Allowed)
    }

    /// Puts the keys of a document in the place of those that were there. The same document changes nothing, so that
    /// what its keys have verified is still known.
    fn take(&self, seen: &mut Seen, document: String, secrets: Secrets) -> Result<(), String> {
        if !self.is_incomplete() && document == seen.document {
            return Ok(());
        }
        let mut keys = jwk::read(&document, secrets, &self.accepted)?;
        tracing::info!(keys = keys.len(), "the JSON Web Key Set is read");
        keys.extend(self.fixed.iter().cloned());
        self.ring.store(Arc::new(Ring::new(keys)));
        self.complete.store(true, Ordering::Release);
        seen.document = document;
        Ok(())
    }
}

fn read_changed(path: &Path, known: Option<Stamp>) -> Result<Option<(Stamp, String)>, String> {
    let text = |error: std::io::Error| error.to_string();
    let about = fs::metadata(path).map_err(text)?;
    // Reading a pipe would wait for whoever writes to it.
    if !about.is_file() {
        return Err("it is not a file".to_owned());
    }
    let stamp = (about.modified().map_err(text)?, about.len());
    if known == Some(stamp) {
        return Ok(None);
    }
    let limit = u64::try_from(DOCUMENT_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut document = String::new();
    File::open(path).map_err(text)?.take(limit).read_to_string(&mut document).map_err(text)?;
    if document.len() > DOCUMENT_BYTES {
        return Err(format!("it is larger than {} KiB", DOCUMENT_BYTES / 1024));
    }
    Ok(Some((stamp, document)))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
