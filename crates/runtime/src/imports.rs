//! What the host lends: namespaces, names and types of every function that a module may import.
//!
//! Types are written one letter per value: `i` is i32, `I` is i64.

use crate::error::Error;
use crate::settings::Shared;
use crate::summary::{ValueType, signature_text};
use crate::transfer;
use alyx_abi::HOST_FUNCTIONS;

/// A group of host functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// `extism:host/env`: Extism's kernel and host.
    Extism,
    /// `extism:host/user` and its older names: functions of the embedder, each `(i64) -> i64`.
    User,
    /// `alyx:host/memory`: blocks moved in one call.
    Memory,
    /// WASI preview 1.
    Wasi,
}

impl Namespace {
    pub(crate) fn of(module: &str) -> Option<Self> {
        match module {
            "extism:host/env" => Some(Self::Extism),
            "extism:host/user" | "extism:env/user" | "extism:user" => Some(Self::User),
            transfer::NAMESPACE => Some(Self::Memory),
            "wasi_snapshot_preview1" => Some(Self::Wasi),
            _ => None,
        }
    }
}

/// Name, parameters, results.
type Entry = (&'static str, &'static str, &'static str);

const EXTISM: [Entry; 32] = [
    ("alloc", "I", "I"),
    ("config_get", "I", "I"),
    ("error_get", "", "I"),
    ("error_set", "I", ""),
    ("free", "I", ""),
    ("get_log_level", "", "i"),
    ("http_headers", "", "I"),
    ("http_request", "II", "I"),
    ("http_status_code", "", "i"),
    ("input_length", "", "I"),
    ("input_load_u64", "I", "I"),
    ("input_load_u8", "I", "i"),
    ("input_offset", "", "I"),
    ("input_set", "II", ""),
    ("length", "I", "I"),
    ("length_unsafe", "I", "I"),
    ("load_u64", "I", "I"),
    ("load_u8", "I", "i"),
    ("log_debug", "I", ""),
    ("log_error", "I", ""),
    ("log_info", "I", ""),
    ("log_trace", "I", ""),
    ("log_warn", "I", ""),
    ("memory_bytes", "", "I"),
    ("output_length", "", "I"),
    ("output_offset", "", "I"),
    ("output_set", "II", ""),
    ("reset", "", ""),
    ("store_u64", "II", ""),
    ("store_u8", "Ii", ""),
    ("var_get", "I", "I"),
    ("var_set", "II", ""),
];

const MEMORY: [Entry; 2] = [("load", "Iii", ""), ("store", "Iii", "")];

/// Functions of WASI preview 1 that do something here.
const WASI: [Entry; 16] = [
    ("args_get", "ii", "i"),
    ("args_sizes_get", "ii", "i"),
    ("clock_res_get", "ii", "i"),
    ("clock_time_get", "iIi", "i"),
    ("environ_get", "ii", "i"),
    ("environ_sizes_get", "ii", "i"),
    ("fd_close", "i", "i"),
    ("fd_fdstat_get", "ii", "i"),
    ("fd_filestat_get", "ii", "i"),
    ("fd_read", "iiii", "i"),
    ("fd_seek", "iIii", "i"),
    ("fd_write", "iiii", "i"),
    ("poll_oneoff", "iiii", "i"),
    ("proc_exit", "i", ""),
    ("random_get", "ii", "i"),
    ("sched_yield", "", "i"),
];

/// Functions of WASI preview 1 that exist and are refused: `EBADF` for those that name a file, else `ENOSYS`.
pub(crate) const WASI_REFUSED: [Entry; 30] = [
    ("fd_advise", "iIIi", "i"),
    ("fd_allocate", "iII", "i"),
    ("fd_datasync", "i", "i"),
    ("fd_fdstat_set_flags", "ii", "i"),
    ("fd_fdstat_set_rights", "iII", "i"),
    ("fd_filestat_set_size", "iI", "i"),
    ("fd_filestat_set_times", "iIIi", "i"),
    ("fd_pread", "iiiIi", "i"),
    ("fd_prestat_dir_name", "iii", "i"),
    ("fd_prestat_get", "ii", "i"),
    ("fd_pwrite", "iiiIi", "i"),
    ("fd_readdir", "iiiIi", "i"),
    ("fd_renumber", "ii", "i"),
    ("fd_sync", "i", "i"),
    ("fd_tell", "ii", "i"),
    ("path_create_directory", "iii", "i"),
    ("path_filestat_get", "iiiii", "i"),
    ("path_filestat_set_times", "iiiiIIi", "i"),
    ("path_link", "iiiiiii", "i"),
    ("path_open", "iiiiiIIii", "i"),
    ("path_readlink", "iiiiii", "i"),
    ("path_remove_directory", "iii", "i"),
    ("path_rename", "iiiiii", "i"),
    ("path_symlink", "iiiii", "i"),
    ("path_unlink_file", "iii", "i"),
    ("proc_raise", "i", "i"),
    ("sock_accept", "iii", "i"),
    ("sock_recv", "iiiiii", "i"),
    ("sock_send", "iiiii", "i"),
    ("sock_shutdown", "ii", "i"),
];

/// Checks a function that is imported from the shared module.
pub(crate) fn check_shared(
    shared: &Shared,
    name: &str,
    params: &[ValueType],
    results: &[ValueType],
) -> Result<(), Error> {
    let found = shared.functions.iter().find(|entry| entry.0 == name);
    let Some((_, want_params, want_results)) = found else { return Err(unknown(&shared.name, name)) };
    fits(&shared.name, name, (params, results), (want_params, want_results))
}

/// Checks one imported function; `user` says which names of `extism:host/user` exist besides the fixed ones.
pub(crate) fn check(
    module: &str,
    name: &str,
    params: &[ValueType],
    results: &[ValueType],
    user: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let entry = |table: &'static [Entry]| table.iter().find(|entry| entry.0 == name).map(|entry| (entry.1, entry.2));
    let expected = match Namespace::of(module) {
        Some(Namespace::Extism) => entry(&EXTISM),
        Some(Namespace::Memory) => entry(&MEMORY),
        Some(Namespace::User) if HOST_FUNCTIONS.contains(&name) || user(name) => Some(("I", "I")),
        Some(Namespace::Wasi) => entry(&WASI).or_else(|| entry(&WASI_REFUSED)),
        Some(Namespace::User) | None => None,
    };
    let Some((want_params, want_results)) = expected else { return Err(unknown(module, name)) };
    fits(module, name, (params, results), (want_params, want_results))
}

fn fits(
    module: &str,
    name: &str,
    (params, results): (&[ValueType], &[ValueType]),
    (want_params, want_results): (&str, &str),
) -> Result<(), Error> {
    if spelled(params).eq(want_params.chars()) && spelled(results).eq(want_results.chars()) {
        return Ok(());
    }
    Err(Error::ImportType {
        module: module.to_owned(),
        name: name.to_owned(),
        expected: signature_text(&types(want_params), &types(want_results)),
        actual: signature_text(params, results),
    })
}

/// The refusal of an import, with what its author can do.
pub(crate) fn unknown(module: &str, name: &str) -> Error {
    let hint = match Namespace::of(module) {
        Some(Namespace::User) => "Map this name to a function under host_functions in the manifest.",
        Some(Namespace::Extism) => "Build the module with an Extism PDK of version 1, and import only its functions.",
        Some(Namespace::Memory) => "It has load and store.",
        Some(Namespace::Wasi) => "WASI preview 1 has no such function.",
        None if module == "wasi_unstable" => "Build the module with a toolchain that targets WASI preview 1.",
        None if module.starts_with("wasi:") => "Build a core module for WASI preview 1 instead of a component.",
        None => "A module may import extism:host/env, extism:host/user, alyx:host/memory and wasi_snapshot_preview1.",
    };
    Error::UnknownImport { module: module.to_owned(), name: name.to_owned(), hint: hint.to_owned() }
}

/// The types that `letters` spell.
pub(crate) fn types(letters: &str) -> Vec<ValueType> {
    letters.chars().map(|letter| if letter == 'I' { ValueType::I64 } else { ValueType::I32 }).collect()
}

fn spelled(types: &[ValueType]) -> impl Iterator<Item = char> {
    types.iter().map(|ty| match ty {
        ValueType::I32 => 'i',
        ValueType::I64 => 'I',
        _ => '?',
    })
}

/// All host functions, for tests that import each of them.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = (&'static str, Entry)> {
    let extism = EXTISM.iter().map(|entry| ("extism:host/env", *entry));
    let wasi = WASI.iter().chain(&WASI_REFUSED).map(|entry| ("wasi_snapshot_preview1", *entry));
    let memory = MEMORY.iter().map(|entry| (transfer::NAMESPACE, *entry));
    extism.chain(memory).chain(HOST_FUNCTIONS.iter().map(|name| ("extism:host/user", (*name, "I", "I")))).chain(wasi)
}
