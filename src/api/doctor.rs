//! What `fn_doctor()` cannot see by SQL: files, the limits of the process, the kernel's settings. What to make of it is said
//! in sql/doctor.sql.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::{Value, json};

use super::reply;
use crate::host::key_file;
use crate::pg::{Call, PgError, Reply, backend};
use crate::{invoke, queue, settings};

/// `_surroundings()` → an object; its members are the functions below.
pub(super) fn surroundings(_call: &mut Call<'_>) -> Result<Reply, PgError> {
    reply(&json!({
        "library": env!("CARGO_PKG_VERSION"),
        "preloaded": backend::is_preloaded(),
        "cache": cache(),
        "secrets_key": secrets_key(),
        "memory": memory(),
        "stack": stack(),
        "waiting": queue::waiting()?.map(|waiting| waiting.as_str()),
    }))
}

/// `{folder, files, bytes, most_bytes, free_bytes, problem}`.
fn cache() -> Value {
    let folder = invoke::cache_folder();
    let space = existing(&folder).and_then(backend::free_space);
    let holdings = invoke::cache_holdings();
    let problem = match (&holdings, space) {
        (Err(problem), _) => Some(problem.clone()),
        (Ok(_), Some((_, false))) => Some("its file system is mounted read-only".to_owned()),
        _ => None,
    };
    let holdings = holdings.unwrap_or_default();
    json!({
        "folder": folder.to_string_lossy(),
        "files": holdings.files,
        "bytes": holdings.bytes,
        "most_bytes": settings::cache_bytes(),
        "free_bytes": space.map(|(bytes, _)| bytes),
        "problem": problem,
    })
}

/// The path, or the nearest folder above it that is there.
fn existing(path: &Path) -> Option<&Path> {
    path.ancestors().find(|path| path.exists())
}

/// `{file, exists, problem}`.
fn secrets_key() -> Value {
    let file = key_file();
    let (exists, problem) = match file.read() {
        Ok(_) => (true, None),
        Err(error) if error.kind() == ErrorKind::NotFound => (false, None),
        Err(error) => (true, Some(error.to_string())),
    };
    json!({ "file": file.path().to_string_lossy(), "exists": exists, "problem": problem })
}

/// `{overcommit, commit_limit_bytes, committed_bytes, address_space_bytes, reserved_bytes}`; null where there is no limit, or
/// the system does not tell.
fn memory() -> Value {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|number| number.saturating_mul(1024))
    };
    let overcommit = fs::read_to_string("/proc/sys/vm/overcommit_memory").ok();
    json!({
        "overcommit": overcommit.and_then(|text| text.trim().parse::<i32>().ok()),
        "commit_limit_bytes": kilobytes("CommitLimit"),
        "committed_bytes": kilobytes("Committed_AS"),
        "address_space_bytes": limit("Max address space"),
        "reserved_bytes": u64::from(settings::max_instances()).saturating_mul(settings::max_memory_bytes()),
    })
}

/// `{limit_bytes, guest_bytes}`.
fn stack() -> Value {
    json!({ "limit_bytes": limit("Max stack size"), "guest_bytes": settings::max_stack_bytes() })
}

/// A soft limit of this process; `None` for no limit.
fn limit(name: &str) -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
