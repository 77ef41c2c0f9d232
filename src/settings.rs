//! Every setting: name, unit, range, default, who may set it. Manifests can only narrow what is set here.

use std::ffi::CString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use alyx_fetch::Limits;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

static MAX_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(60_000);
static MAX_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(1024 * 1024);
static MAX_STACK: GucSetting<i32> = GucSetting::<i32>::new(1024);
static MAX_OUTPUT: GucSetting<i32> = GucSetting::<i32>::new(64 * 1024);
static MAX_HOST_CALL: GucSetting<i32> = GucSetting::<i32>::new(64 * 1024);
static MAX_LOG: GucSetting<i32> = GucSetting::<i32>::new(64);
static MAX_MODULE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(32 * 1024);
static MAX_CALL_DEPTH: GucSetting<i32> = GucSetting::<i32>::new(8);
static MAX_INSTANCES: GucSetting<i32> = GucSetting::<i32>::new(64);
static SUPERUSER_GUARD: GucSetting<bool> = GucSetting::<bool>::new(true);
static RECORD_BUFFER: GucSetting<i32> = GucSetting::<i32>::new(1024);
static MAX_DATABASES: GucSetting<i32> = GucSetting::<i32>::new(16);
static MAX_STATISTICS: GucSetting<i32> = GucSetting::<i32>::new(1000);
static RECORD_PAYLOAD: GucSetting<i32> = GucSetting::<i32>::new(2);
static RETENTION_OK: GucSetting<i32> = GucSetting::<i32>::new(7 * 24 * 60);
static RETENTION_FAILED: GucSetting<i32> = GucSetting::<i32>::new(30 * 24 * 60);
static ENABLED: GucSetting<bool> = GucSetting::<bool>::new(true);
static MAX_WORKERS: GucSetting<i32> = GucSetting::<i32>::new(0);
static MAX_JOB_DEPTH: GucSetting<i32> = GucSetting::<i32>::new(100);
static GROUP_FLUSH_DELAY: GucSetting<i32> = GucSetting::<i32>::new(10);
static WORKER_IDLE_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(30_000);
static POLL_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(5_000);
static MAX_HTTP_REQUEST: GucSetting<i32> = GucSetting::<i32>::new(16 * 1024);
static MAX_HTTP_RESPONSE: GucSetting<i32> = GucSetting::<i32>::new(16 * 1024);
static MAX_HTTP_HEADERS: GucSetting<i32> = GucSetting::<i32>::new(64);
static MAX_HTTP_REDIRECTS: GucSetting<i32> = GucSetting::<i32>::new(10);
static MAX_HTTP_TIME: GucSetting<i32> = GucSetting::<i32>::new(30_000);
static HTTP_ALLOWED_NETWORKS: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static HTTP_RESOLVER: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static HTTP_CA_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static KV_MAX_VALUE: GucSetting<i32> = GucSetting::<i32>::new(1024);
static KV_MAX_KEYS: GucSetting<i32> = GucSetting::<i32>::new(100_000);
static KV_MAX_SIZE: GucSetting<i32> = GucSetting::<i32>::new(64 * 1024);
static SECRETS_KEY_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static CACHE_DIRECTORY: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);

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
    GucRegistry::define_bool_guc(
        c"alyx_functions.enabled",
        c"Starts jobs and fires schedules.",
        c"While off, jobs can be made and wait.",
        &ENABLED,
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

fn bytes(setting: &GucSetting<i32>) -> u32 {
    u32::try_from(setting.get()).unwrap_or(0).saturating_mul(1024)
}

/// Ceiling of the wall-clock time of one invocation, in milliseconds.
pub fn max_timeout_ms() -> u64 {
    u64::try_from(MAX_TIMEOUT.get()).unwrap_or(0)
}

/// Ceiling of the memory of one invocation. The address space of instances is reserved when a session runs its first
/// function, so later changes in the session can only lower it.
pub fn max_memory_bytes() -> u64 {
    static RESERVED: OnceLock<u64> = OnceLock::new();
    let now = u64::try_from(MAX_MEMORY.get()).unwrap_or(0).saturating_mul(1024);
    now.min(*RESERVED.get_or_init(|| now))
}

/// Stack of one guest.
pub fn max_stack_bytes() -> usize {
    usize::try_from(bytes(&MAX_STACK)).unwrap_or(0)
}

/// Largest output.
pub fn max_output_bytes() -> u32 {
    bytes(&MAX_OUTPUT)
}

/// Largest request or response of a host call.
pub fn max_host_call_bytes() -> u32 {
    bytes(&MAX_HOST_CALL)
}

/// Log text kept of one invocation.
pub fn max_log_bytes() -> u32 {
    bytes(&MAX_LOG)
}

/// How much of an input or output is kept with its record.
pub fn record_payload_bytes() -> usize {
    usize::try_from(bytes(&RECORD_PAYLOAD)).unwrap_or(0)
}

/// Largest module.
pub fn max_module_bytes() -> usize {
    usize::try_from(bytes(&MAX_MODULE_SIZE)).unwrap_or(0)
}

/// Deepest nesting of invocations.
pub fn max_call_depth() -> u32 {
    u32::try_from(MAX_CALL_DEPTH.get()).unwrap_or(1)
}

/// Instances alive at once in one session.
pub fn max_instances() -> u32 {
    u32::try_from(MAX_INSTANCES.get()).unwrap_or(1)
}

/// Whether superusers' calls run as the function's owner.
pub fn superuser_guard() -> bool {
    SUPERUSER_GUARD.get()
}

/// Shared memory for the records of one database.
pub fn record_buffer_bytes() -> usize {
    usize::try_from(bytes(&RECORD_BUFFER)).unwrap_or(0)
}

/// Databases whose invocations can be recorded at once.
pub fn max_databases() -> usize {
    usize::try_from(MAX_DATABASES.get()).unwrap_or(1)
}

/// Functions that can be counted at once.
pub fn max_statistics() -> usize {
    usize::try_from(MAX_STATISTICS.get()).unwrap_or(1)
}

/// How long records of invocations are kept, in minutes: of those that succeeded, and of those that failed.
pub fn retention_minutes() -> (i32, i32) {
    (RETENTION_OK.get(), RETENTION_FAILED.get())
}

/// Whether jobs are started and schedules fired.
pub fn enabled() -> bool {
    ENABLED.get()
}

/// Processes that run jobs at once, if it was set.
pub fn max_workers() -> Option<usize> {
    usize::try_from(MAX_WORKERS.get()).ok().filter(|set| *set > 0)
}

/// How many asynchronous triggers may set each other off in a row.
pub fn max_job_depth() -> i32 {
    MAX_JOB_DEPTH.get()
}

/// How long a worker without jobs stays.
pub fn worker_idle_timeout_ms() -> u64 {
    u64::try_from(WORKER_IDLE_TIMEOUT.get()).unwrap_or(0)
}

/// How long commits of jobs may wait for a common flush.
pub fn group_flush_delay_ms() -> u64 {
    u64::try_from(GROUP_FLUSH_DELAY.get()).unwrap_or(0)
}

/// How often a manager looks for jobs that nobody told it of.
pub fn poll_interval_ms() -> u64 {
    u64::try_from(POLL_INTERVAL.get()).unwrap_or(0)
}

/// What one HTTP request of a guest may take.
pub fn http_limits() -> Limits {
    let size = |setting| usize::try_from(bytes(setting)).unwrap_or(usize::MAX);
    Limits {
        request_bytes: size(&MAX_HTTP_REQUEST),
        response_bytes: size(&MAX_HTTP_RESPONSE),
        header_bytes: size(&MAX_HTTP_HEADERS),
        redirects: u32::try_from(MAX_HTTP_REDIRECTS.get()).unwrap_or(0),
        time: Duration::from_millis(u64::try_from(MAX_HTTP_TIME.get()).unwrap_or(0)),
    }
}

/// Networks that guests may reach although they are not public, as they were set.
pub fn http_allowed_networks() -> String {
    text(&HTTP_ALLOWED_NETWORKS).unwrap_or_default()
}

/// The name server to ask for guests, if it was set.
pub fn http_resolver() -> Option<String> {
    text(&HTTP_RESOLVER)
}

/// The authorities that https trusts, if a file was set.
pub fn http_ca_file() -> Option<PathBuf> {
    text(&HTTP_CA_FILE).map(PathBuf::from)
}

/// Largest value of a key.
pub fn kv_max_value_bytes() -> usize {
    usize::try_from(bytes(&KV_MAX_VALUE)).unwrap_or(usize::MAX)
}
/// Most keys of one function.
pub fn kv_max_keys() -> i64 {
    KV_MAX_KEYS.get().into()
}

/// Most bytes of keys and values of one function.
pub fn kv_max_bytes() -> i64 {
    i64::from(KV_MAX_SIZE.get()).saturating_mul(1024)
}

/// Where the keys of secrets are kept, if it was set.
pub fn secrets_key_file() -> Option<PathBuf> {
    text(&SECRETS_KEY_FILE).map(PathBuf::from)
}

/// Where compiled modules are kept, if it was set.
pub fn cache_directory() -> Option<PathBuf> {
    text(&CACHE_DIRECTORY).map(PathBuf::from)
}

fn text(setting: &GucSetting<Option<CString>>) -> Option<String> {
    setting.get()?.into_string().ok().filter(|text| !text.is_empty())
}
