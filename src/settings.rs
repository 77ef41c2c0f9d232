//! Every setting, as a value with its unit. Manifests can only narrow what is set here. What Postgres is told of them is in
//! `define.rs`.

mod define;

use std::ffi::CString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use alyx_fetch::Limits;
use pgrx::GucSetting;

pub use define::{define, define_shared};

static MAX_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(60_000);
static MAX_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(1024 * 1024);
static MAX_STACK: GucSetting<i32> = GucSetting::<i32>::new(1024);
static MAX_OUTPUT: GucSetting<i32> = GucSetting::<i32>::new(64 * 1024);
static MAX_HOST_CALL: GucSetting<i32> = GucSetting::<i32>::new(64 * 1024);
static MAX_LOG: GucSetting<i32> = GucSetting::<i32>::new(64);
static MAX_MODULE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(32 * 1024);
static MAX_CALL_DEPTH: GucSetting<i32> = GucSetting::<i32>::new(8);
static MAX_CACHED_FUNCTIONS: GucSetting<i32> = GucSetting::<i32>::new(256);
static MAX_INSTANCES: GucSetting<i32> = GucSetting::<i32>::new(64);
static SUPERUSER_GUARD: GucSetting<bool> = GucSetting::<bool>::new(true);
static RECORD_BUFFER: GucSetting<i32> = GucSetting::<i32>::new(1024);
static MAX_DATABASES: GucSetting<i32> = GucSetting::<i32>::new(16);
static MAX_STATISTICS: GucSetting<i32> = GucSetting::<i32>::new(1000);
static RECORD_PAYLOAD: GucSetting<i32> = GucSetting::<i32>::new(2);
static RETENTION_OK: GucSetting<i32> = GucSetting::<i32>::new(7 * 24 * 60);
static RETENTION_FAILED: GucSetting<i32> = GucSetting::<i32>::new(30 * 24 * 60);
static ENABLED: GucSetting<bool> = GucSetting::<bool>::new(true);
static RUN_COPIES: GucSetting<bool> = GucSetting::<bool>::new(false);
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
static CACHE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(1024);
static CACHE_DIRECTORY: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);

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

/// Functions that one session keeps ready. The same for all of its caches, from the first on.
pub fn max_cached_functions() -> NonZeroUsize {
    static MOST: OnceLock<NonZeroUsize> = OnceLock::new();
    let now = || usize::try_from(MAX_CACHED_FUNCTIONS.get()).ok().and_then(NonZeroUsize::new);
    *MOST.get_or_init(|| now().unwrap_or(NonZeroUsize::MIN))
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

/// Whether a copy of where jobs ran runs them too.
pub fn run_copies() -> bool {
    RUN_COPIES.get()
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

/// Most bytes of compiled modules on disk.
pub fn cache_bytes() -> u64 {
    u64::try_from(CACHE_SIZE.get()).unwrap_or(0) << 20
}

fn text(setting: &GucSetting<Option<CString>>) -> Option<String> {
    setting.get()?.into_string().ok().filter(|text| !text.is_empty())
}
