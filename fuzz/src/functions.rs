//! The host functions that a guest may import, with their types: `i` is i32, `I` is i64.
//!
//! Written down here again on purpose: a target that asked the runtime what it lends could not notice a change.

/// Name, parameters, results.
pub(crate) type Function = (&'static str, &'static str, &'static str);

/// All of `extism:host/env`.
pub(crate) const EXTISM: [Function; 32] = [
    ("alloc", "I", "I"),
    ("free", "I", ""),
    ("length", "I", "I"),
    ("length_unsafe", "I", "I"),
    ("load_u8", "I", "i"),
    ("load_u64", "I", "I"),
    ("store_u8", "Ii", ""),
    ("store_u64", "II", ""),
    ("memory_bytes", "", "I"),
    ("reset", "", ""),
    ("input_length", "", "I"),
    ("input_offset", "", "I"),
    ("input_load_u8", "I", "i"),
    ("input_load_u64", "I", "I"),
    ("input_set", "II", ""),
    ("output_set", "II", ""),
    ("output_length", "", "I"),
    ("output_offset", "", "I"),
    ("error_set", "I", ""),
    ("error_get", "", "I"),
    ("config_get", "I", "I"),
    ("var_get", "I", "I"),
    ("var_set", "II", ""),
    ("http_request", "II", "I"),
    ("http_status_code", "", "i"),
    ("http_headers", "", "I"),
    ("log_trace", "I", ""),
    ("log_debug", "I", ""),
    ("log_info", "I", ""),
    ("log_warn", "I", ""),
    ("log_error", "I", ""),
    ("get_log_level", "", "i"),
];

const MEMORY: [Function; 2] = [("load", "Iii", ""), ("store", "Iii", "")];

const WASI: [Function; 11] = [
    ("args_sizes_get", "ii", "i"),
    ("clock_time_get", "iIi", "i"),
    ("environ_get", "ii", "i"),
    ("environ_sizes_get", "ii", "i"),
    ("fd_fdstat_get", "ii", "i"),
    ("fd_filestat_get", "ii", "i"),
    ("fd_read", "iiii", "i"),
    ("fd_write", "iiii", "i"),
    ("poll_oneoff", "iiii", "i"),
    ("proc_exit", "i", ""),
    ("random_get", "ii", "i"),
];

/// A module, as text, that imports all of these.
pub(crate) fn imports() -> String {
    let extism = EXTISM.iter().map(|function| ("extism:host/env", *function));
    let user = ["db_query", "mapped"].map(|name| ("extism:host/user", (name, "I", "I")));
    let wasi = WASI.iter().map(|function| ("wasi_snapshot_preview1", *function));
    // Two modules name a function alike in none but these.
    let memory = MEMORY.iter().map(|function| ("alyx:host/memory", *function));
    let all: String =
        extism.chain(memory).chain(user).chain(wasi).map(|(module, function)| import(module, function)).collect();
    format!("(module {all})")
}

/// One import, as text.
pub(crate) fn import(module: &str, (name, params, results): Function) -> String {
    let (params, results) = (words(params), words(results));
    format!("(import \"{module}\" \"{name}\" (func ${name} (param{params}) (result{results})))\n")
}

fn words(letters: &str) -> String {
    letters.chars().map(|letter| if letter == 'I' { " i64" } else { " i32" }).collect()
}
