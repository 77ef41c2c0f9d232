//! The settings as Postgres knows them: name, unit, range, default, who may set it.

use pgrx::{GucContext, GucFlags, GucRegistry};

use super::*;

/// Defines all settings; called once, when the library is loaded.
pub fn define() {
    let kilobytes = GucFlags::UNIT_KB;
    let ranges = [
        (
            c"alyx_functions.max_timeout",
            c"Longest wall-clock time of one invocation, in milliseconds.",
            c"Caps the manifest's \"timeout\".",
            &MAX_TIMEOUT,
            (1, i32::MAX),
            GucFlags::UNIT_MS,
        ),
        (
            c"alyx_functions.max_memory",
            c"Most memory of one invocation, in kB.",
            c"Linear memory and what the host holds for the guest. Caps the manifest's \"memory\". Address space of this size is reserved per instance.",
            &MAX_MEMORY,
            (64, 4 * 1024 * 1024),
            kilobytes,
        ),
        (
            c"alyx_functions.max_stack",
            c"Most stack of one guest, in kB.",
            c"Must fit, together with max_stack_depth, below the stack limit of the platform. Read when a session runs its first function.",
            &MAX_STACK,
            (64, 4 * 1024),
            kilobytes,
        ),
        (
            c"alyx_functions.max_output",
            c"Largest output of one invocation, in kB.",
            c"",
            &MAX_OUTPUT,
            (1, 1024 * 1024 - 1),
            kilobytes,
        ),
        (
            c"alyx_functions.max_host_call",
            c"Largest request or response of one host call, in kB.",
            c"",
            &MAX_HOST_CALL,
            (1, 1024 * 1024 - 1),
            kilobytes,
        ),
        (
            c"alyx_functions.max_log",
            c"Most log text kept of one invocation, in kB.",
            c"What a guest logs beyond it is dropped.",
            &MAX_LOG,
            (0, 1024 * 1024 - 1),
            kilobytes,
        ),
        (
            c"alyx_functions.record_payload",
            c"How much of inputs and outputs is kept with records, in kB.",
            c"Of jobs, schedules, requests, webhooks and fn_invoke; 0 keeps none.",
            &RECORD_PAYLOAD,
            (0, 8),
            kilobytes,
        ),
        (
            c"alyx_functions.max_module_size",
            c"Largest module that can be deployed, in kB.",
            c"",
            &MAX_MODULE_SIZE,
            (1, 1024 * 1024 - 1),
            kilobytes,
        ),
        (
            c"alyx_functions.max_call_depth",
            c"How deep invocations may nest, through fn_invoke and through triggers.",
            c"",
            &MAX_CALL_DEPTH,
            (1, 64),
            GucFlags::default(),
        ),
        (
            c"alyx_functions.max_cached_functions",
            c"Functions that one session keeps ready to be called.",
            c"Beyond it the one that was used longest ago is forgotten, with the instance kept for it. Read when a session runs its first function.",
            &MAX_CACHED_FUNCTIONS,
            (8, 100_000),
            GucFlags::default(),
        ),
        (
            c"alyx_functions.max_instances",
            c"Instances alive at once in one session.",
            c"Read when a session runs its first function.",
            &MAX_INSTANCES,
            (8, 1024),
            GucFlags::default(),
        ),
        (
            c"alyx_functions.max_http_request",
            c"Largest body of an HTTP request of a guest, in kB.",
            c"",
            &MAX_HTTP_REQUEST,
            (0, 1024 * 1024 - 1),
            kilobytes,
        ),
        (
            c"alyx_functions.max_http_response",
            c"Largest body of a response to a guest, in kB.",
            c"",
            &MAX_HTTP_RESPONSE,
            (0, 1024 * 1024 - 1),
            kilobytes,
        ),
        (
            c"alyx_functions.max_http_headers",
            c"Most bytes of the headers of one HTTP request or response, in kB.",
            c"",
            &MAX_HTTP_HEADERS,
            (1, 1024),
            kilobytes,
        ),
        (
            c"alyx_functions.max_http_redirects",
            c"How many redirects one HTTP request may follow.",
            c"",
            &MAX_HTTP_REDIRECTS,
            (0, 50),
            GucFlags::default(),
        ),
        (
            c"alyx_functions.max_http_time",
            c"Longest wall-clock time of one HTTP request, redirects included, in milliseconds.",
            c"Caps the request's \"timeout_ms\". The function's own time limit holds besides.",
            &MAX_HTTP_TIME,
            (1, i32::MAX),
            GucFlags::UNIT_MS,
        ),
        (
            c"alyx_functions.kv_max_value",
            c"Largest value that a guest can keep by kv_set, in kB.",
            c"",
            &KV_MAX_VALUE,
            (1, 1024 * 1024 - 1),
            kilobytes,
        ),
        (
            c"alyx_functions.kv_max_keys",
            c"Most keys that one function can keep.",
            c"",
            &KV_MAX_KEYS,
            (0, i32::MAX),
            GucFlags::default(),
        ),
        (
            c"alyx_functions.kv_max_size",
            c"Most bytes of keys and values that one function can keep, in kB.",
            c"",
            &KV_MAX_SIZE,
            (0, i32::MAX),
            kilobytes,
        ),
    ];
    for (name, short, long, setting, (least, most), flags) in ranges {
        GucRegistry::define_int_guc(name, short, long, setting, least, most, GucContext::Suset, flags);
    }
    GucRegistry::define_bool_guc(
        c"alyx_functions.superuser_guard",
        c"Runs a function as its owner when a superuser calls it and the owner is not one.",
        c"",
        &SUPERUSER_GUARD,
        GucContext::Suset,
        GucFlags::default(),
    );
    let texts = [
        (
            c"alyx_functions.cache_directory",
            c"Folder for compiled modules.",
            c"Created with owner-only access. Empty means \"alyx_functions\" in the data directory.",
            &CACHE_DIRECTORY,
            GucContext::Sighup,
        ),
        (
            c"alyx_functions.secrets_key_file",
            c"File of the keys that secrets are encrypted with.",
            c"Created with owner-only access. Empty means \"alyx_functions.key\" in the data directory.",
            &SECRETS_KEY_FILE,
            GucContext::Sighup,
        ),
        (
            c"alyx_functions.http_allowed_networks",
            c"Networks that guests may reach although they are not public: CIDR blocks, separated by commas.",
            c"Empty means none: loopback, private, link-local and other special addresses are refused.",
            &HTTP_ALLOWED_NETWORKS,
            GucContext::Suset,
        ),
        (
            c"alyx_functions.http_resolver",
            c"Name server to ask for guests, as address:port.",
            c"Empty means those in resolv.conf, after the hosts file.",
            &HTTP_RESOLVER,
            GucContext::Suset,
        ),
        (
            c"alyx_functions.http_ca_file",
            c"PEM file of the certificate authorities that https of guests trusts.",
            c"Empty means Mozilla's list, as it was when the extension was built.",
            &HTTP_CA_FILE,
            GucContext::Suset,
        ),
    ];
    for (name, short, long, setting, context) in texts {
        GucRegistry::define_string_guc(name, short, long, setting, context, GucFlags::SUPERUSER_ONLY);
    }
    GucRegistry::define_int_guc(
        c"alyx_functions.cache_size",
        c"Most disk space of compiled modules, in MB.",
        c"Beyond it those that were used longest ago are deleted; they are compiled again when they are called.",
        &CACHE_SIZE,
        16,
        1024 * 1024,
        GucContext::Sighup,
        GucFlags::UNIT_MB,
    );
    GucRegistry::define_bool_guc(
        c"alyx_functions.enabled",
        c"Starts jobs and fires schedules.",
        c"While off, jobs can be made and wait.",
        &ENABLED,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"alyx_functions.run_copies",
        c"Starts jobs and fires schedules in copies of a data directory or database as well.",
        c"While off, those of a copy wait until fn_adopt_copy() is called there.",
        &RUN_COPIES,
        GucContext::Sighup,
        GucFlags::default(),
    );
    let waits = [
        (
            c"alyx_functions.group_flush_delay",
            c"How long commits of jobs that follow each other in a worker may wait for one flush to disk; 0 for a flush each.",
            &GROUP_FLUSH_DELAY,
            0,
        ),
        (c"alyx_functions.worker_idle_timeout", c"How long a worker without jobs stays.", &WORKER_IDLE_TIMEOUT, 100),
        (
            c"alyx_functions.poll_interval",
            c"How often a manager looks for jobs that nobody told it of.",
            &POLL_INTERVAL,
            100,
        ),
    ];
    for (name, short, setting, least) in waits {
        let (most, context) = (3_600_000, GucContext::Sighup);
        GucRegistry::define_int_guc(name, short, c"", setting, least, most, context, GucFlags::UNIT_MS);
    }
    GucRegistry::define_int_guc(
        c"alyx_functions.max_job_depth",
        c"How many asynchronous triggers may set each other off in a row.",
        c"",
        &MAX_JOB_DEPTH,
        1,
        1_000_000,
        GucContext::Suset,
        GucFlags::default(),
    );
    let retentions = [
        (c"alyx_functions.retention_ok", c"How long records of invocations that succeeded are kept.", &RETENTION_OK),
        (
            c"alyx_functions.retention_failed",
            c"How long records of invocations that failed are kept.",
            &RETENTION_FAILED,
        ),
    ];
    for (name, short, setting) in retentions {
        let (long, context) = (c"They go by the day, when the whole day is older.", GucContext::Sighup);
        GucRegistry::define_int_guc(name, short, long, setting, 0, i32::MAX, context, GucFlags::UNIT_MIN);
    }
}

/// Defines the settings that decide how much shared memory there is: while preloading only, Postgres allows no other time.
pub fn define_shared() {
    let sizes = [
        (
            c"alyx_functions.record_buffer",
            c"Shared memory for records of invocations on their way into tables, for each database.",
            &RECORD_BUFFER,
            (64, 1024 * 1024),
            GucFlags::UNIT_KB,
        ),
        (
            c"alyx_functions.max_databases",
            c"Databases whose invocations can be recorded at once.",
            &MAX_DATABASES,
            (1, 1024),
            GucFlags::default(),
        ),
        (
            c"alyx_functions.max_workers",
            c"Processes that run jobs at once, in all databases; 0 for half of max_worker_processes, at most 8.",
            &MAX_WORKERS,
            (0, 1024),
            GucFlags::default(),
        ),
        (
            c"alyx_functions.max_statistics",
            c"Functions of all databases that can be counted at once.",
            &MAX_STATISTICS,
            (16, 100_000),
            GucFlags::default(),
        ),
    ];
    for (name, short, setting, (least, most), flags) in sizes {
        GucRegistry::define_int_guc(name, short, c"", setting, least, most, GucContext::Postmaster, flags);
    }
}
