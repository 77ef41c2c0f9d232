//! `kv_*`: entries that a function keeps for itself, whoever calls it. Rows like any others: they come and go with the
//! transaction.

use std::cell::RefCell;
use std::collections::HashMap;

use alyx_abi::{Key, KvList, KvSet};
use serde_json::json;

use super::guest::GuestHost;
use super::{answer, query};
use crate::error::Error;
use crate::pg::interrupt::SqlScope;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{PgError, RoleScope, inval, subtransaction, transaction};
use crate::settings;

/// Longest key, in bytes.
const MAX_KEY: usize = 512;
/// Longest time to live: a hundred years.
const MAX_TTL_MS: u64 = 100 * 365 * 24 * 3_600_000;
/// Entries of a list: when nothing is said, and at most.
const USUAL_LIST: u32 = 100;
const MAX_LIST: u32 = 1_000;
/// What of the room that is left one session may use before it looks again how much there is.
const SHARE: i64 = 64;

/// What a function may still write before its entries are counted again.
#[derive(Clone, Copy)]
struct Room {
    keys: i64,
    bytes: i64,
}

thread_local! {
    static ROOMS: RefCell<HashMap<i64, Room>> = RefCell::default();
}

/// `{"key"}` → `{"value", "exists"}`.
pub(super) fn get(host: &mut GuestHost, request: &[u8]) -> Result<Vec<u8>, PgError> {
    let request: Key<'_> = match answer::request("kv_get", request).and_then(with_good_key) {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal),
    };
    run(host, request.catch, |id| {
        let params = [Param::Big(id), Param::Text(Some(&request.key))];
        let rows = spi::query_kept(include_str!("../../sql/queries/kv_get.sql"), &params)?;
        let value = rows.into_iter().flatten().next().and_then(Cell::some);
        let exists = value.is_some();
        Ok(format!("{{\"value\":{},\"exists\":{exists}}}", value.as_deref().unwrap_or("null")))
    })
}

/// `{"key", "value", "ttl_ms"}` → `{}`.
pub(super) fn set(host: &mut GuestHost, request: &[u8]) -> Result<Vec<u8>, PgError> {
    let request: KvSet<'_> = match answer::request("kv_set", request) {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal),
    };
    let value = request.value.get();
    if let Err(refused) = check_key(&request.key).and_then(|()| check_entry(value, request.ttl_ms)) {
        return Ok(answer::error(&refused.into()));
    }
    let bytes = i64::try_from(request.key.len() + value.len()).unwrap_or(i64::MAX);
    let ttl_ms = request.ttl_ms.map(|ms| ms.to_string());
    run(host, request.catch, |id| {
        take_room(id, &request.key, bytes)?;
        let params = [
            Param::Big(id),
            Param::Text(Some(&request.key)),
            Param::Json(value),
            Param::Int(i32::try_from(bytes).unwrap_or(i32::MAX)),
            Param::Text(ttl_ms.as_deref()),
        ];
        spi::query_kept(include_str!("../../sql/queries/kv_set.sql"), &params)?;
        Ok("{}".to_owned())
    })
}

/// `{"key"}` → `{"deleted"}`.
pub(super) fn delete(host: &mut GuestHost, request: &[u8]) -> Result<Vec<u8>, PgError> {
    let request: Key<'_> = match answer::request("kv_delete", request).and_then(with_good_key) {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal),
    };
    run(host, request.catch, |id| {
        let params = [Param::Big(id), Param::Text(Some(&request.key))];
        let rows = spi::query_kept(include_str!("../../sql/queries/kv_delete.sql"), &params)?;
        // Room may have come free.
        ROOMS.with_borrow_mut(|rooms| rooms.remove(&id));
        let deleted = rows.into_iter().flatten().next().is_some_and(|was_there| was_there.is_true());
        Ok(format!("{{\"deleted\":{deleted}}}"))
    })
}

/// `{"prefix", "after", "limit"}` → `{"entries": [{"key", "value", "expires_at"}], "more"}`.
pub(super) fn list(host: &mut GuestHost, request: &[u8]) -> Result<Vec<u8>, PgError> {
    let request: KvList<'_> = match answer::request("kv_list", request) {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal),
    };
    let limit = request.limit.unwrap_or(USUAL_LIST);
    if !(1..=MAX_LIST).contains(&limit) {
        return Ok(answer::error(&invalid(format!("\"limit\" must be 1 to {MAX_LIST}")).into()));
    }
    let texts = [request.prefix.as_ref(), request.after.as_deref().unwrap_or_default()];
    if texts.iter().any(|text| text.contains('\0')) {
        return Ok(answer::error(&invalid("a key must not hold a NUL").into()));
    }
    run(host, request.catch, |id| {
        let params = [
            Param::Big(id),
            Param::Text(Some(&request.prefix)),
            Param::Text(request.after.as_deref()),
            Param::Int(i32::try_from(limit).unwrap_or(i32::MAX)),
            // Keys are written as JSON strings, so there must be room for more than what is stored.
            Param::Big(i64::from(settings::max_host_call_bytes() / 2)),
        ];
        let rows = spi::query_kept(include_str!("../../sql/queries/kv_list.sql"), &params)?;
        let (mut entries, shown) = (String::new(), rows.len());
        let mut found = 0;
        for row in rows {
            let mut cells = row.into_iter();
            let mut next = || cells.next().unwrap_or(Cell::Null);
            let (key, value, expires_at) = (next().text(), next().text(), next().some());
            found = next().parse().unwrap_or(0);
            if !entries.is_empty() {
                entries.push(',');
            }
            let expires_at = expires_at.as_deref().unwrap_or("null");
            entries.push_str(&format!("{{\"key\":{},\"value\":{value},\"expires_at\":{expires_at}}}", json!(key)));
        }
        Ok(format!("{{\"entries\":[{entries}],\"more\":{}}}", found > shown))
    })
}

/// Does the work with the rights of the extension's owner, undone alone when it fails and the guest can handle that.
fn run(
    host: &mut GuestHost,
    catches: bool,
    work: impl FnOnce(i64) -> Result<String, PgError>,
) -> Result<Vec<u8>, PgError> {
    let can_fail = query::can_fail(catches);
    let id = host.function.id;
    let as_owner = || {
        let _interruptible = SqlScope::open();
        let (_, owner) = inval::find_catalog()?;
        let _role = RoleScope::internal(owner);
        work(id)
    };
    let result = if can_fail { subtransaction(as_owner) } else { as_owner() };
    query::settle(host, result.map(|text| (text.into_bytes(), 0)), can_fail)
}

/// Takes what an entry needs from what the session may still write; counts again when it is used up.
fn take_room(id: i64, key: &str, bytes: i64) -> Result<(), PgError> {
    let fits = |room: &Room| room.keys >= 1 && room.bytes >= bytes;
    let known = ROOMS.with_borrow(|rooms| rooms.get(&id).copied()).filter(fits);
    let room = match known {
        Some(room) => Room { keys: room.keys - 1, bytes: room.bytes - bytes },
        None => count(id, key, bytes)?,
    };
    ROOMS.with_borrow_mut(|rooms| rooms.insert(id, room));
    Ok(())
}

/// What a session may write after this entry, when there is room for it.
fn count(id: i64, key: &str, bytes: i64) -> Result<Room, PgError> {
    // Under a snapshot that is kept, a row that another session has tidied up since would be a conflict.
    if !transaction::keeps_snapshot() {
        let function = id.to_string();
        spi::query_kept(include_str!("../../sql/queries/kv_expire.sql"), &[Param::Text(Some(&function))])?;
    }
    let params = [Param::Big(id), Param::Text(Some(key))];
    let rows = spi::query_kept(include_str!("../../sql/queries/kv_size.sql"), &params)?;
    let mut cells = rows.into_iter().flatten();
    let mut next = || cells.next().and_then(Cell::parse::<i64>).unwrap_or(0);
    let (keys, stored, replaced) = (next(), next(), next());
    // An entry that takes the place of another needs only what it is larger by.
    let is_new = replaced < 0;
    let keys_left = settings::kv_max_keys() - keys - i64::from(is_new);
    let bytes_left = settings::kv_max_bytes() - stored - bytes + replaced.max(0);
    if is_new && keys_left < 0 {
        return Err(too_much("keys", settings::kv_max_keys(), "kv_max_keys"));
    }
    if bytes_left < 0 && bytes > replaced {
        return Err(too_much("bytes", settings::kv_max_bytes(), "kv_max_size"));
    }
    Ok(Room { keys: keys_left / SHARE, bytes: bytes_left / SHARE })
}

fn with_good_key(request: Key<'_>) -> Result<Key<'_>, Vec<u8>> {
    check_key(&request.key).map_err(|refused| answer::error(&refused.into()))?;
    Ok(request)
}

fn check_key(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.contains('\0') {
        return Err(invalid("a key must not be empty and must not hold a NUL"));
    }
    if key.len() > MAX_KEY {
        return Err(Error::TooLarge { message: format!("a key must not exceed {MAX_KEY} bytes"), hint: None });
    }
    Ok(())
}

fn check_entry(value: &str, ttl_ms: Option<u64>) -> Result<(), Error> {
    if ttl_ms.is_some_and(|ms| !(1..=MAX_TTL_MS).contains(&ms)) {
        return Err(invalid("\"ttl_ms\" must be positive, and at most a hundred years"));
    }
    let limit = settings::kv_max_value_bytes();
    if value.len() > limit {
        return Err(Error::TooLarge {
            message: format!("a value must not exceed {limit} bytes"),
            hint: Some("The limit is alyx_functions.kv_max_value.".to_owned()),
        });
    }
    Ok(())
}

fn too_much(what: &str, limit: i64, setting: &str) -> PgError {
    Error::TooLarge {
        message: format!("the function keeps its limit of {limit} {what}"),
        hint: Some(format!("Delete entries, let them expire, or raise alyx_functions.{setting}.")),
    }
    .into()
}

fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidArgument { message: message.into(), hint: None }
}
