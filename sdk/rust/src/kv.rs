//! Entries that this function keeps for itself, whoever calls it; they come and go with the transaction.
//!
//! ```
//! use std::time::Duration;
//! use alyx_functions::{kv, Error};
//!
//! # fn run() -> Result<(), Error> {
//! let seen: u64 = kv::get("seen")?.unwrap_or(0);
//! kv::set("seen", &(seen + 1))?;
//! kv::set_for("session:7", &"ada", Duration::from_secs(3600))?;
//! for entry in kv::list("session:").limit(1000).read::<String>()?.entries {
//!     kv::delete(&entry.key)?;
//! }
//! # Ok(()) }
//! ```

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::{host, json};

#[derive(Serialize)]
struct Key<'a> {
    key: &'a str,
}

/// The value of a key, or `None` when there is none.
///
/// # Errors
/// 42804 when it does not fit the type; 22023 when the key is empty or holds a NUL, 54000 when it is too long.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Error> {
    #[derive(Deserialize)]
    struct Answer {
        value: Box<RawValue>,
        exists: bool,
    }
    let answer: Answer = host::run(host::KV_GET, &Key { key })?;
    answer.exists.then(|| read(key, &answer.value)).transpose()
}

fn read<T: DeserializeOwned>(key: &str, value: &RawValue) -> Result<T, Error> {
    json::read_value(&format!("the value of key {key:?}"), value.get())
}

/// Keeps a value: any that serde can write as JSON, whose numbers keep every digit.
///
/// # Errors
/// 22023 when the key is empty or holds a NUL, 54000 when key or value are too large or the function keeps too many, 25006 in a
/// transaction that may not write.
pub fn set<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<(), Error> {
    write(key, value, None)
}

/// Keeps a value for some time, at least a millisecond.
///
/// # Errors
/// As [`set`]; 22023 when the time is less than that or more than a hundred years.
pub fn set_for<T: Serialize + ?Sized>(key: &str, value: &T, time: Duration) -> Result<(), Error> {
    write(key, value, Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
}

fn write<T: Serialize + ?Sized>(key: &str, value: &T, ttl_ms: Option<u64>) -> Result<(), Error> {
    #[derive(Serialize)]
    struct Set<'a, T: ?Sized> {
        key: &'a str,
        value: &'a T,
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl_ms: Option<u64>,
    }
    host::run::<host::Empty>(host::KV_SET, &Set { key, value, ttl_ms }).map(drop)
}

/// Takes an entry away; whether there was one.
///
/// # Errors
/// As [`set`].
pub fn delete(key: &str) -> Result<bool, Error> {
    #[derive(Deserialize)]
    struct Answer {
        deleted: bool,
    }
    host::run(host::KV_DELETE, &Key { key }).map(|Answer { deleted }| deleted)
}

/// Entries whose key begins with `prefix`, in the order of their keys' bytes: at most 100, unless it is said.
pub fn list(prefix: impl Into<String>) -> List {
    List { prefix: prefix.into(), after: None, limit: None }
}

/// Which entries to list; [`list`] begins one.
#[derive(Clone, Debug, Serialize)]
#[must_use]
pub struct List {
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
}

impl List {
    /// Only keys after this one: the last of the list before.
    pub fn after(self, key: impl Into<String>) -> Self {
        Self { after: Some(key.into()), ..self }
    }

    /// At most this many, 1 to 1000.
    pub fn limit(self, limit: u32) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Reads them.
    ///
    /// # Errors
    /// 42804 when a value does not fit the type; 22023 when the limit is out of range.
    pub fn read<T: DeserializeOwned>(self) -> Result<Page<T>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            entries: Vec<Stored>,
            more: bool,
        }
        #[derive(Deserialize)]
        struct Stored {
            key: String,
            value: Box<RawValue>,
            expires_at: Option<String>,
        }
        let answer: Answer = host::run(host::KV_LIST, &self)?;
        let entry = |Stored { key, value, expires_at }| Ok(Entry { value: read(&key, &value)?, key, expires_at });
        Ok(Page { entries: answer.entries.into_iter().map(entry).collect::<Result<_, Error>>()?, more: answer.more })
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The entries, by their keys.
    pub entries: Vec<Entry<T>>,
    /// Whether there are others after them.
    pub more: bool,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<T> {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: T,
    /// When it will be gone, in ISO 8601; `None` for never.
    pub expires_at: Option<String>,
}
