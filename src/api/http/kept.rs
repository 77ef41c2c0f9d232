//! Replies that are given again: a request that comes twice under one idempotency key is run once.
//!
//! The reply is stored by the transaction that it belongs to, so a request that failed leaves nothing and may be tried
//! again. A request that comes while the first one runs is told so (it could wait, but then a caller could fill the
//! server's connections with requests that wait).

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::Message;
use super::caller::Caller;
use crate::catalog::{Function, as_owner};
use crate::error::Error;
use crate::pg::spi::{self, Param};
use crate::pg::{PgError, backend, current_role};

/// Longest key, in bytes.
const LONGEST: usize = 255;
/// Largest reply that is kept, in bytes: keys are the caller's to choose, and each fills the disk for a day.
const LARGEST_REPLY: usize = 1 << 20;

/// A key that this transaction holds.
pub(super) struct Key {
    function_id: i64,
    /// Hash of who asks and under which key.
    key: [u8; 32],
    /// Hash of what is asked.
    fingerprint: [u8; 32],
}

impl Key {
    /// Takes the key until the transaction ends.
    ///
    /// # Errors
    /// PT409 while another transaction has it.
    pub(super) fn take(
        function: &Function,
        key: &str,
        caller: &Caller<'_>,
        route: Option<&str>,
        message: &Message<'_>,
        body: &[u8],
    ) -> Result<Self, PgError> {
        if !backend::is_preloaded() {
            // The manager of the database deletes what is too old.
            return Err(Error::NotPreloaded { what: "idempotency keys" }.into());
        }
        if !(1..=LONGEST).contains(&key.len()) {
            let message = format!("an idempotency key must have 1 to {LONGEST} bytes");
            return Err(
                Error::InvalidArgument { message, hint: Some("Use a UUID for each request.".to_owned()) }.into()
            );
        }
        let role = current_role().oid().to_string();
        // Strangers may be known to the function by what the gateway passes on.
        let own = credentials(message.headers);
        let key = hash(&[role.as_bytes(), caller.subject().as_bytes(), own.as_bytes(), key.as_bytes()]);
        let fingerprint = hash(&[
            message.method.as_bytes(),
            route.unwrap_or_default().as_bytes(),
            message.query.get().as_bytes(),
            message.content_type.as_bytes(),
            body,
        ]);
        let taken = Self { function_id: function.id, key, fingerprint };
        let sql = include_str!("../../../sql/queries/lock_kept_reply.sql");
        let rows = spi::query_kept(sql, &[Param::Big(function.id), Param::Bytes(&taken.key)])?;
        if rows.iter().flatten().any(spi::Cell::is_true) { Ok(taken) } else { Err(Error::KeyInUse.into()) }
    }

    /// The reply that is kept under it.
    ///
    /// # Errors
    /// PT422 when it was used for another request.
    pub(super) fn look(&self) -> Result<Option<Vec<u8>>, PgError> {
        let sql = include_str!("../../../sql/queries/find_kept_reply.sql");
        let rows = as_owner(|| spi::query_latest(sql, &[Param::Big(self.function_id), Param::Bytes(&self.key)]))?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let mut cells = row.into_iter().map(spi::Cell::bytes);
        let (fingerprint, reply) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        if fingerprint == self.fingerprint { Ok(Some(reply)) } else { Err(Error::KeyReused.into()) }
    }

    /// Keeps a reply under it, if the transaction commits.
    pub(super) fn keep(&self, reply: &[u8]) -> Result<(), PgError> {
        if reply.len() > LARGEST_REPLY {
            return Err(Error::TooLarge {
                message: format!(
                    "the reply is larger than the {LARGEST_REPLY} bytes that are kept under an idempotency key"
                ),
                hint: Some("Call this function without a key, or let it answer less.".to_owned()),
            }
            .into());
        }
        let sql = include_str!("../../../sql/queries/keep_reply.sql");
        let params = [
            Param::Big(self.function_id),
            Param::Bytes(&self.key),
            Param::Bytes(&self.fingerprint),
            Param::Bytes(reply),
        ];
        as_owner(|| spi::query_kept(sql, &params)).map(drop)
    }
}

/// The headers by which a function may know its caller.
fn credentials(headers: &RawValue) -> String {
    let headers: BTreeMap<String, String> = serde_json::from_str(headers.get()).unwrap_or_default();
    let own = ["authorization", "cookie"].map(|name| headers.get(name).map_or("", String::as_str));
    own.join("\n")
}

/// SHA-256 of parts, each with its length, so that no two lists have one text.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
