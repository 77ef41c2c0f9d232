//! What a checked manifest says about a function (SPEC §4), with the defaults of a function that has none.
//! Plain data: it must not know YAML, nor how a value was spelled.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Hook;

/// A function's manifest after all checks; every value is in range and no two values contradict each other.
///
/// Ceilings that a server sets (`alyx_functions.max_timeout`, …) are applied by the caller, not here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    /// Function name, `[a-z][a-z0-9_-]{0,62}`; the deploy call's own argument wins where both are given.
    pub name: Option<String>,
    /// Free text for people.
    pub description: Option<String>,
    /// Schema for the SQL functions the deploy creates; the current schema when absent.
    pub schema: Option<String>,
    /// What runs the function.
    pub runtime: Runtime,
    /// Export to call; when absent `handler`, then the single exported function.
    pub entrypoint: Option<String>,
    /// How the command line builds the module; of no meaning in the database.
    pub build: Option<Build>,
    /// Wall-clock limit of one invocation in milliseconds, 1 to 86 400 000.
    pub timeout_ms: u64,
    /// Limit of linear memory in bytes, 64 KiB to 4 GiB.
    pub memory_bytes: u64,
    /// How long an instance lives.
    pub instances: Instances,
    /// Whose rights the guest has.
    pub run_as: RunAs,
    /// What SQL from the guest may do.
    pub database: DatabaseAccess,
    /// Columns that trigger events have; all when absent.
    pub reads: Option<Vec<String>>,
    /// Configuration values the guest may read; always text.
    pub env: BTreeMap<String, String>,
    /// Names of secrets the guest may read once they are granted.
    pub secrets: Vec<String>,
    /// Origins the guest may reach, `scheme://host[:port]` in lower case; empty means none.
    pub allowed_hosts: Vec<String>,
    /// Whether outbound HTTP is allowed while a transaction of the writer is open.
    pub http_in_transaction: bool,
    /// Imports of `extism:host/user` that are served by other functions: import name → function name.
    pub host_functions: BTreeMap<String, String>,
    /// What inputs must look like.
    pub input: Option<Shape>,
    /// What outputs must look like.
    pub output: Option<Shape>,
    /// Which invocations are recorded with their log lines.
    pub log: LogPolicy,
    /// How many jobs of this function may run at once, at least 1; no limit of its own when absent.
    pub concurrency: Option<u32>,
    /// How often jobs of this function may start.
    pub rate_limit: Option<RateLimit>,
    /// How failed jobs are tried again; the server's default when absent.
    pub retry: Option<Retry>,
    /// SQL functions to create beside the usual two.
    pub sql: Vec<SqlFunction>,
    /// Rules that lead events to the function.
    pub hooks: Vec<Hook>,
}

impl Manifest {
    /// Names of the secrets that prove webhooks; guests need not be able to read them.
    pub fn webhook_secrets(&self) -> impl Iterator<Item = &String> {
        self.hooks.iter().flat_map(|hook| match hook {
            Hook::Webhook(hook) => hook.verify.secrets.as_slice(),
            _ => &[],
        })
    }
}

impl Default for Manifest {
    /// What a function without a manifest has.
    fn default() -> Self {
        Self {
            name: None,
            description: None,
            schema: None,
            runtime: Runtime::Wasm,
            entrypoint: None,
            build: None,
            timeout_ms: 10_000,
            memory_bytes: 128 << 20,
            instances: Instances::Fresh,
            run_as: RunAs::Caller,
            database: DatabaseAccess::Write,
            reads: None,
            env: BTreeMap::new(),
            secrets: Vec::new(),
            allowed_hosts: Vec::new(),
            http_in_transaction: false,
            host_functions: BTreeMap::new(),
            input: None,
            output: None,
            log: LogPolicy::All,
            concurrency: None,
            rate_limit: None,
            retry: None,
            sql: Vec::new(),
            hooks: Vec::new(),
        }
    }
}

/// The shorthand or a JSON Schema, as it was written; `alyx-validate` knows what it means.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Shape {
    /// A JSON object.
    pub schema: serde_json::Value,
    /// Line where it begins, 1-based; left out of the serialised form, which is content only.
    #[serde(skip)]
    pub line: usize,
    /// Column where it begins, in characters, 1-based.
    #[serde(skip)]
    pub column: usize,
}

/// What runs a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// A WebAssembly module.
    Wasm,
}

/// How the command line builds a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Build {
    /// Program to run.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Globs of the sources that start a rebuild in `alyx dev`.
    pub watch: Vec<String>,
    /// Path of the built `.wasm`, relative to the function's folder.
    pub output: Option<String>,
}

/// How long an instance of the module lives (SPEC §7, "State").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Instances {
    /// Each invocation starts from the module's initial image.
    Fresh,
    /// Reused until the transaction ends.
    Transaction,
    /// Reused until the session ends.
    Session,
}

/// Whose rights the guest has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunAs {
    /// The role that fired the trigger or called.
    Caller,
    /// The role that deployed the function.
    Owner,
}

/// What SQL from the guest may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseAccess {
    /// No SQL at all.
    None,
    /// Statements that write nothing.
    Read,
    /// Whatever the role may do.
    Write,
}

/// Which invocations are recorded with their log lines.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogPolicy {
    /// Every invocation.
    All,
    /// Only those that failed.
    Errors,
    /// Those that failed and this share of the others, 0.0 to 1.0.
    Sample(f64),
    /// None.
    Off,
}

/// At most `count` starts in any `per_ms` milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RateLimit {
    /// Starts allowed, at least 1.
    pub count: u32,
    /// Length of the window: 1 000, 60 000 or 3 600 000 ms.
    pub per_ms: u64,
}

/// How failed jobs are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// Attempts in all, the first one included, 1 to 1 000.
    pub attempts: u32,
    /// How the delay grows.
    pub backoff: Backoff,
    /// Delay before the second attempt in milliseconds, at least 1.
    pub base_ms: u64,
    /// Longest delay in milliseconds, at least `base_ms`.
    pub max_ms: u64,
}

impl Default for Retry {
    /// What `retry: {}` means.
    fn default() -> Self {
        Self { attempts: 10, backoff: Backoff::Exponential, base_ms: 1_000, max_ms: 3_600_000 }
    }
}

/// How the delay between attempts grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Doubles each time.
    Exponential,
    /// Stays at the base.
    Fixed,
}

/// One SQL function that the deploy creates: `create function <create> language wasm as '<name>:<export>'`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SqlFunction {
    /// Signature as written, e.g. `ship_cost(weight float8, zone int) returns float8`.
    pub create: String,
    /// Export that answers it.
    pub export: String,
    /// Line of the entry, 1-based; left out of the serialised form, which is content only.
    #[serde(skip)]
    pub line: usize,
    /// Column of the entry, 1-based.
    #[serde(skip)]
    pub column: usize,
}
