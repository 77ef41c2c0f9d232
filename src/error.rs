//! What can go wrong, and the one table from that to what the client sees (SPEC §7).

use alyx_fetch::{FetchError, Kind};
use alyx_js_engine::LinkError;
use alyx_manifest::ManifestError;
use alyx_runtime::LimitKind;

/// What the client sees of an error.
#[derive(Debug)]
pub struct Report {
    /// SQLSTATE.
    pub code: &'static [u8; 5],
    /// Primary message.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
    /// CONTEXT: frames of a guest's stack.
    pub context: Option<String>,
}

/// Everything this extension refuses or fails with, apart from errors that Postgres raised.
#[derive(Debug)]
pub enum Error {
    /// No function of this name.
    UnknownFunction(String),
    /// The function has no such version.
    UnknownVersion { name: String, version: i32 },
    /// The module has no such export that could be called.
    UnknownExport { name: String, export: String, callable: Vec<String> },
    /// Something of this name is there already and is not ours to replace.
    Exists(String),
    /// Another function has this webhook's path.
    PathTaken(String),
    /// The bytes are no WebAssembly module.
    ModuleInvalid { message: String, offset: Option<u64> },
    /// The module needs what the host does not lend.
    ImportMissing { message: String, hint: String },
    /// The module is too large.
    ModuleTooLarge { message: String },
    /// A function of the module would take too long to compile.
    ModuleTooComplex { message: String },
    /// The manifest is wrong.
    ManifestInvalid(ManifestError),
    /// An argument of an SQL function is wrong.
    InvalidArgument { message: String, hint: Option<String> },
    /// The role may not do this.
    NotAllowed { message: String, hint: Option<String> },
    /// Works only in a server that preloads the library.
    NotPreloaded { what: &'static str },
    /// Not possible, by design or not yet.
    Unsupported { message: String, hint: Option<String> },
    /// The guest trapped.
    Trapped { function: String, message: String },
    /// A program needs an engine that this release does not have, and does not carry its source.
    OtherEngine { engine: String },
    /// JavaScript that does not compile, or whose top level fails.
    NotLinked(LinkError),
    /// The guest said that it failed.
    GuestFailed { message: String },
    /// The guest opened a transaction and did not end it.
    LeftOpen,
    /// An input or output does not meet the schema that the manifest has for it.
    SchemaNotMet { what: &'static str, function: String, problems: Vec<String> },
    /// The guest's output is not what its SQL signature needs.
    BadOutput { message: String, detail: String },
    /// The guest's trigger outcome has the wrong shape.
    BadTriggerOutcome { message: String },
    /// The guest's time is up.
    TimedOut { function: String, limit_ms: u64 },
    /// The guest needs more of something than it may have.
    Limit { function: String, what: LimitKind, limit: u64 },
    /// The guest used up its stack.
    StackOverflow { function: String },
    /// Functions call each other too deep.
    TooDeep { limit: u32 },
    /// Asynchronous triggers set each other off too often.
    JobsTooDeep { limit: i32 },
    /// Something that a guest or a user gave is larger than it may be.
    TooLarge { message: String, hint: Option<String> },
    /// Secrets cannot be read, or written, as the server is set up.
    SecretsUnavailable { message: String, hint: String },
    /// No secret of this name.
    UnknownSecret(String),
    /// A request from the web comes from nobody, and must not.
    NotSignedIn { why: &'static str },
    /// A delivery does not prove that it comes from its sender.
    NotProved { why: String },
    /// A path leads to no function.
    NoRoute { path: String },
    /// A path does not have the method.
    NoMethod { method: String, allowed: String },
    /// A request with the same idempotency key is running.
    KeyInUse,
    /// An idempotency key was used for another request.
    KeyReused,
    /// An HTTP request of a guest came to nothing.
    Fetch(FetchError),
    /// Our bug.
    Internal(String),
}

impl Error {
    /// The table. No wildcard: a new error must decide on its SQLSTATE.
    pub fn report(self) -> Report {
        match self {
            Error::UnknownFunction(name) => new(b"42883", format!("function \"{name}\" does not exist"))
                .hint("Functions that are deployed here are listed in the view alyx.functions."),
            Error::UnknownVersion { name, version } => {
                new(b"42883", format!("function \"{name}\" has no version {version}"))
                    .hint(format!("SELECT * FROM fn_versions('{name}') lists its versions."))
            }
            Error::UnknownExport { name, export, callable } => {
                let listed = if callable.is_empty() { "none".to_owned() } else { callable.join(", ") };
                new(b"42883", format!("module of function \"{name}\" has no callable export \"{export}\""))
                    .detail(format!("Exported functions: {listed}."))
            }
            Error::Exists(what) => new(b"42723", format!("{what} already exists"))
                .hint("Drop it, or deploy under another name or into another schema."),
            Error::PathTaken(path) => new(b"42710", format!("webhook path \"{path}\" belongs to another function"))
                .hint("Choose another path: they are shared by all functions of the database."),
            Error::ModuleInvalid { message, offset } => {
                let error = new(b"22P03", format!("invalid WebAssembly module: {message}"));
                match offset {
                    Some(at) => error.detail(format!("The problem is at byte {at} of the module.")),
                    None => error,
                }
            }
            Error::ImportMissing { message, hint } => new(b"0A000", message).hint(hint),
            Error::ModuleTooLarge { message } => new(b"54000", message)
                .hint("The limit is the setting alyx_functions.max_module_size, which only a superuser can raise."),
            Error::ModuleTooComplex { message } => new(b"54000", format!("module is too complex: {message}"))
                .hint("Split the function; no compiler produces code of this shape from ordinary source."),
            Error::ManifestInvalid(error) => {
                let (line, column) = (error.line, error.column);
                let pg = new(b"22023", format!("invalid manifest: {} (line {line}, column {column})", error.message));
                match error.hint {
                    Some(hint) => pg.hint(hint),
                    None => pg,
                }
            }
            Error::InvalidArgument { message, hint } => new(b"22023", message).maybe_hint(hint),
            Error::NotAllowed { message, hint } => new(b"42501", message).maybe_hint(hint),
            Error::NotPreloaded { what } => {
                new(b"55000", format!("{what} need alyx_functions in shared_preload_libraries")).hint(
                    "Add the line shared_preload_libraries = 'alyx_functions' to postgresql.conf and restart the server.",
                )
            }
            Error::Unsupported { message, hint } => new(b"0A000", message).maybe_hint(hint),
            Error::Trapped { function, message } => {
                new(b"38000", format!("function \"{function}\" trapped: {message}"))
            }
            Error::GuestFailed { message } => with_stack(b"38000", &message),
            Error::OtherEngine { engine } => new(b"0A000", format!("module was built for another JavaScript engine, {engine}"))
                .hint("Build it again with the @alyx/functions of this release."),
            Error::NotLinked(LinkError::Syntax(text)) => with_stack(b"42601", &text),
            Error::NotLinked(LinkError::Threw(text)) => with_stack(b"38000", &text),
            Error::NotLinked(LinkError::Stopped) => {
                new(b"57014", "JavaScript exceeded its time limit while its top level ran".to_owned())
                    .hint("The limit is the setting alyx_functions.max_timeout, which only a superuser can raise.")
            }
            Error::NotLinked(LinkError::Limit(what, limit)) => limit_error("top level of JavaScript", what, limit),
            Error::NotLinked(LinkError::Internal(text)) => new(b"XX000", format!("JavaScript was not linked: {text}")),
            Error::LeftOpen => new(b"38000", "function left a transaction open, which was rolled back".to_owned())
                .hint("Each db_savepoint needs a db_release or a db_rollback."),
            Error::SchemaNotMet { what, function, mut problems } => {
                let first = if problems.is_empty() { String::new() } else { problems.remove(0) };
                let error = new(b"22023", format!("invalid {what} of function \"{function}\": {first}"));
                if problems.is_empty() { error } else { error.detail(problems.join("\n")) }
            }
            Error::BadOutput { message, detail } => new(b"38000", message).detail(detail),
            Error::BadTriggerOutcome { message } => new(b"39P01", message).hint(
                "A BEFORE or INSTEAD OF row trigger returns {\"row\": {...}} to set columns, {\"skip\": true} to drop the row, or null to keep it.",
            ),
            Error::TimedOut { function, limit_ms } => new(
                b"57014",
                format!(
                    "function \"{function}\" exceeded its time limit of {limit_ms} ms (manifest \"timeout\", capped by alyx_functions.max_timeout)"
                ),
            ),
            Error::Limit { function, what, limit } => limit_error(&format!("function \"{function}\""), what, limit),
            Error::StackOverflow { function } => {
                new(b"54000", format!("function \"{function}\" exceeded its stack limit"))
                    .hint("The function recurses too deep; the limit is the setting alyx_functions.max_stack.")
            }
            Error::TooDeep { limit } => new(b"54000", format!("functions call each other more than {limit} deep"))
                .hint("Break the recursion, or let a superuser raise alyx_functions.max_call_depth."),
            Error::JobsTooDeep { limit } => {
                new(b"54000", format!("asynchronous triggers set each other off more than {limit} times in a row"))
                    .hint("Give one of the hooks a condition that ends the chain, or let a superuser raise alyx_functions.max_job_depth.")
            }
            Error::TooLarge { message, hint } => new(b"54000", message).maybe_hint(hint),
            Error::SecretsUnavailable { message, hint } => new(b"55000", message).hint(hint),
            Error::UnknownSecret(key) => new(b"42704", format!("secret \"{key}\" does not exist"))
                .hint("Secrets of your own are listed in the view alyx.secrets."),
            // PostgREST's codes: PT and the HTTP status.
            Error::NotSignedIn { why } => new(b"PT401", why)
                .hint("Send the header \"Authorization: Bearer <token>\" with a token of one of the gateway's keys."),
            Error::NotProved { why } => new(b"PT401", format!("the delivery is not proved: {why}")),
            Error::NoRoute { path } => new(b"PT404", format!("nothing is served at \"{path}\""))
                .hint("An http or webhook hook in a function's manifest adds a path."),
            Error::NoMethod { method, allowed } => {
                new(b"PT405", format!("method {method} is not served here")).detail(format!("Allow: {allowed}"))
            }
            Error::KeyInUse => new(b"PT409", "a request with this idempotency key is running")
                .hint("Send it again in a moment: the reply will be that of the first."),
            Error::KeyReused => new(b"PT422", "this idempotency key was used for another request")
                .hint("Make a new key for each request; send the same one only to try the same request again."),
            Error::Fetch(FetchError { kind, message, hint }) => {
                let code = match kind {
                    Kind::Malformed => b"22023",
                    Kind::Denied => b"42501",
                    Kind::TooLarge => b"54000",
                    Kind::Unreachable => b"08001",
                    Kind::Broken | Kind::TimedOut => b"08006",
                    Kind::Interrupted => b"57014",
                };
                new(code, message).maybe_hint(hint)
            }
            Error::Internal(message) => new(b"XX000", format!("internal error: {message}")).hint(
                "This is a bug of alyx_functions; please report it with the statement that led here.",
            ),
        }
    }
}

fn limit_error(subject: &str, what: LimitKind, limit: u64) -> Report {
    let (code, unit, hint) = match what {
        LimitKind::Memory => {
            (b"53200", " bytes", "The limit is the manifest's \"memory\", capped by alyx_functions.max_memory.")
        }
        LimitKind::Table => (b"54000", " elements", "The limit is fixed: a module this size should be split."),
        LimitKind::Output => (b"54000", " bytes", "The limit is the setting alyx_functions.max_output."),
        LimitKind::HostCall => (b"54000", " bytes", "The limit is the setting alyx_functions.max_host_call."),
        LimitKind::Log => (b"54000", " bytes", "Log less in one invocation."),
        LimitKind::Variables => (b"54000", " bytes", "Keep less in Extism variables."),
        LimitKind::Instances => (b"54000", "", "Fewer functions may keep instances in one session at a time."),
    };
    new(code, format!("{subject} exceeded its {what} limit of {limit}{unit}")).hint(hint)
}

fn new(code: &'static [u8; 5], message: impl Into<String>) -> Report {
    Report { code, message: message.into(), detail: None, hint: None, context: None }
}

/// Lines of a guest's stack that are shown.
const MOST_FRAMES: usize = 20;

/// An error in a guest's own words, of which the frames that follow the message go to CONTEXT.
fn with_stack(code: &'static [u8; 5], text: &str) -> Report {
    let (message, frames) = text.split_once("\n    at ").unwrap_or((text, ""));
    let mut report = new(code, message);
    if !frames.is_empty() {
        let lines: Vec<&str> =
            frames.lines().map(|line| line.trim().trim_start_matches("at ")).take(MOST_FRAMES).collect();
        report.context = Some(format!("at {}", lines.join("\nat ")));
    }
    report
}

impl Report {
    fn detail(self, text: impl Into<String>) -> Self {
        Self { detail: Some(text.into()), ..self }
    }

    fn hint(self, text: impl Into<String>) -> Self {
        Self { hint: Some(text.into()), ..self }
    }

    fn maybe_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }
}

impl From<ManifestError> for Error {
    fn from(error: ManifestError) -> Self {
        Self::ManifestInvalid(error)
    }
}
