//! The event a guest gets when it is not simply called with bytes (SPEC §6): one JSON object, written in one pass.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::catalog::Function;
use crate::pg::{PgError, Role, backend, escape};

/// What led to an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A row, statement or event trigger.
    Database,
}

impl Trigger {
    fn word(self) -> &'static [u8] {
        match self {
            Self::Database => b"database",
        }
    }
}

/// Writes events.
pub struct Event<'a> {
    /// The function that gets it.
    pub function: &'a Function,
    /// What led to it.
    pub trigger: Trigger,
    /// The role that the event comes from.
    pub role: Role,
}

impl Event<'_> {
    /// Appends the event to `out`; `block` appends the object that belongs to the trigger.
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        block: impl FnOnce(&mut Vec<u8>) -> Result<(), PgError>,
    ) -> Result<(), PgError> {
        out.extend_from_slice(b"{\"id\":\"");
        write_id(out);
        out.extend_from_slice(b"\",\"function\":{\"name\":");
        escape(self.function.name.as_bytes(), out);
        out.extend_from_slice(format!(",\"version\":{}}},\"trigger\":", self.function.version).as_bytes());
        escape(self.trigger.word(), out);
        out.extend_from_slice(b",\"input\":null,\"auth\":");
        write_auth(self.role, out);
        out.extend_from_slice(b",\"attempt\":1,");
        escape(self.trigger.word(), out);
        out.push(b':');
        block(out)?;
        out.push(b'}');
        Ok(())
    }
}

/// Who is asking: the role, and the claims that PostgREST or the gateway put into `request.jwt.claims`.
fn write_auth(role: Role, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"role\":");
    escape(role.name().as_bytes(), out);
    let claims = backend::setting("request.jwt.claims")
        .and_then(|text| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).ok());
    for (key, claim) in [("id", "sub"), ("email", "email")] {
        out.extend_from_slice(format!(",\"{key}\":").as_bytes());
        match claims.as_ref().and_then(|claims| claims.get(claim)).and_then(serde_json::Value::as_str) {
            Some(text) => escape(text.as_bytes(), out),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(b",\"claims\":");
    match claims.and_then(|claims| serde_json::to_vec(&claims).ok()) {
        Some(json) => out.extend_from_slice(&json),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Appends a UUID version 7: time first, so that ids sort by age; then a count, and what tells this process from others.
fn write_id(out: &mut Vec<u8>) {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis()) & 0xFFFF_FFFF_FFFF;
    let count = u128::from(COUNTER.fetch_add(1, Ordering::Relaxed));
    let process = u128::from(process_bits());
    let random = (process ^ (count << 24)) & 0x3FFF_FFFF_FFFF_FFFF;
    let id = (ms << 80) | (7 << 76) | ((count & 0xFFF) << 64) | (0b10 << 62) | random;
    let hex = format!("{id:032x}");
    for (i, digit) in hex.bytes().enumerate() {
        if matches!(i, 8 | 12 | 16 | 20) {
            out.push(b'-');
        }
        out.push(digit);
    }
}

fn process_bits() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    static BITS: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    // RandomState is seeded from the system's entropy, once per process after the fork.
    *BITS.get_or_init(|| RandomState::new().hash_one(std::process::id()))
}
