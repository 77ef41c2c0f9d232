//! The state of one invocation, and the switchboard from a host function's name to the file that answers it.

use std::rc::Rc;
use std::time::SystemTime;

use alyx_abi::Enqueue;
use alyx_manifest::{DatabaseAccess, LogPolicy};
use alyx_runtime::{Host, HttpReply, Interrupt, LogLevel};

use super::grants::Grants;
use super::{call, context, env, fetch, kv, log, query, raise, savepoint};
use crate::pg::trigger::TransitionTables;
use crate::pg::{Access, PgError, Role, Savepoint, SettingsScope, current_role, interrupt};
use crate::settings;

/// Calls a function by name, with Extism input, for a role: what the road lends to `fn_invoke`.
pub type CallByName = fn(&str, &[u8], Role) -> Result<Option<Vec<u8>>, PgError>;

/// Has a function called after commit, for a role; gives the job's id.
pub type EnqueueByName = fn(&Enqueue<'_>, Role) -> Result<String, PgError>;

/// What the road lends to guests, which must not know it.
#[derive(Clone, Copy)]
pub struct Road {
    /// A call now.
    pub call: CallByName,
    /// A call later.
    pub enqueue: EnqueueByName,
    /// The id that the invocation is recorded under.
    pub invocation_id: fn() -> String,
}

/// What the place of a call in its query means for the guest's SQL, and what led to the call.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Whether it sees the calling query's snapshot: true inside STABLE and IMMUTABLE functions.
    pub uses_caller_snapshot: bool,
    /// The transition tables of the trigger that fired it.
    pub transition: Option<TransitionTables>,
    /// What led to it, in the word that events have for it.
    pub trigger: &'static str,
    /// Which try of a job it is, from 1.
    pub attempt: u16,
}

impl Default for Scope {
    fn default() -> Self {
        Self { uses_caller_snapshot: false, transition: None, trigger: "sql", attempt: 1 }
    }
}

/// Everything one invocation carries: whose it is, what it logged, what went wrong.
pub struct GuestHost {
    /// Whose invocation it is, and what it was granted.
    pub(super) function: Rc<Grants>,
    /// The way back onto the road, for calls of other functions.
    pub(super) road: Road,
    caller: Option<Role>,
    effective: Option<Role>,
    scope: Scope,
    settings: Option<SettingsScope>,
    /// What the guest has opened and not ended, outermost first.
    pub(super) savepoints: Vec<Savepoint>,
    raised: Option<PgError>,
    unhandled: Option<PgError>,
    logs: Vec<LogLine>,
    log_bytes: usize,
    host_calls: u32,
    rows: u64,
}

/// One line that a guest logged.
#[derive(Debug)]
pub struct LogLine {
    /// How loud it is.
    pub level: LogLevel,
    /// When it was logged.
    pub at: SystemTime,
    /// What it says.
    pub text: String,
}

/// What a log line is taken to cost beside its text.
const LINE_BYTES: usize = 32;

impl GuestHost {
    /// The host of a new instance.
    pub fn new(function: Rc<Grants>, road: Road) -> Self {
        Self {
            function,
            road,
            caller: None,
            effective: None,
            scope: Scope::default(),
            settings: None,
            savepoints: Vec::new(),
            raised: None,
            unhandled: None,
            logs: Vec::new(),
            log_bytes: 0,
            host_calls: 0,
            rows: 0,
        }
    }

    /// Starts an invocation.
    #[inline]
    pub fn begin(&mut self, function: &Rc<Grants>, caller: Role, scope: Scope) {
        // A kept instance serves every export, and each has its own line in CONTEXT.
        if !Rc::ptr_eq(&self.function, function) {
            self.function = Rc::clone(function);
        }
        self.caller = Some(caller);
        self.effective = None;
        self.scope = scope;
        self.host_calls = 0;
        self.rows = 0;
    }

    /// How many host functions the guest called, and how many rows its statements returned or changed.
    #[inline]
    pub fn used(&self) -> (u32, u64) {
        (self.host_calls, self.rows)
    }

    /// Whether the invocation left nothing to settle.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.raised.is_none() && self.unhandled.is_none() && self.settings.is_none() && self.logs.is_empty()
    }

    /// The error that the guest raised, if it did.
    pub fn take_raised(&mut self) -> Option<PgError> {
        self.raised.take()
    }

    /// The SQL error that made the guest fail: its last statement failed, and it either said nothing of its own or
    /// passed the error's text on.
    pub fn take_unhandled(&mut self, said: Option<&str>) -> Option<PgError> {
        let error = self.unhandled.take()?;
        let passed_on = said.is_none_or(|said| said.contains(&error.message) || said.starts_with("returned non-zero"));
        passed_on.then_some(error)
    }

    /// Undoes what the guest left open; true when there was something.
    pub fn close_savepoints(&mut self) -> bool {
        savepoint::close(&mut self.savepoints)
    }

    /// Ends an invocation: settings that its SQL changed go back.
    pub fn finish(&mut self) {
        self.settings = None;
        self.unhandled = None;
    }

    /// The lines that the guest logged.
    pub fn take_logs(&mut self) -> Vec<LogLine> {
        self.log_bytes = 0;
        std::mem::take(&mut self.logs)
    }

    pub(super) fn scope(&self) -> Scope {
        self.scope
    }

    /// Who called.
    pub(super) fn caller(&self) -> Role {
        self.caller.unwrap_or_else(current_role)
    }

    /// The role whose rights the guest has.
    pub(super) fn role(&mut self) -> Role {
        if let Some(role) = self.effective {
            return role;
        }
        let role = self.function.role_for(self.caller());
        self.effective = Some(role);
        role
    }

    /// What the guest's SQL may do. From here on settings that it changes are put back at the end.
    pub(super) fn access(&mut self) -> Result<Access, PgError> {
        if self.settings.is_none() {
            let settings = SettingsScope::open();
            if self.role() != current_role() {
                // The caller's search_path must not decide what names mean to another role.
                settings.search_only(&self.function.schema)?;
            }
            self.settings = Some(settings);
        }
        Ok(Access {
            role: self.role(),
            may_write: self.function.database == DatabaseAccess::Write,
            uses_caller_snapshot: self.scope.uses_caller_snapshot,
            transition: self.scope.transition,
        })
    }

    pub(super) fn raise(&mut self, error: PgError) {
        self.raised = Some(error);
    }

    /// Keeps a log line, while there is room for it.
    pub(super) fn push_log(&mut self, level: LogLevel, text: &str) {
        // Each line also costs what holds it, so that empty ones cannot be kept without end.
        let bytes = self.log_bytes.saturating_add(text.len()).saturating_add(LINE_BYTES);
        if bytes <= usize::try_from(settings::max_log_bytes()).unwrap_or(usize::MAX) {
            self.log_bytes = bytes;
            self.logs.push(LogLine { level, at: SystemTime::now(), text: text.to_owned() });
        }
    }

    /// Counts the rows of a statement.
    pub(super) fn count_rows(&mut self, rows: u64) {
        self.rows = self.rows.saturating_add(rows);
    }

    /// Remembers a failure of the guest's last statement, or that it went well.
    pub(super) fn remember(&mut self, failed: Option<&PgError>) {
        self.unhandled = failed.cloned();
    }
}

impl Drop for GuestHost {
    fn drop(&mut self) {
        // A guest that failed in its start function may have opened some; the innermost must end first.
        self.close_savepoints();
    }
}

impl Host for GuestHost {
    type Error = PgError;

    fn call(&mut self, name: &str, request: &[u8]) -> Result<Vec<u8>, PgError> {
        self.host_calls = self.host_calls.saturating_add(1);
        match name {
            "db_query" => query::query(self, request),
            "db_batch" => query::batch(self, request),
            "db_savepoint" => savepoint::open(self),
            "db_release" => savepoint::release(self),
            "db_rollback" => savepoint::roll_back(self),
            "context" => Ok(context::context(self)),
            "log" => Ok(log::log(self, request)),
            "env" => Ok(env::env(self, request)),
            "raise" => Ok(raise::raise(self, request)),
            "fn_invoke" => call::invoke(self, request),
            "http_fetch" => fetch::fetch(self, request),
            "fn_enqueue" => call::enqueue(self, request),
            "kv_get" => kv::get(self, request),
            "kv_set" => kv::set(self, request),
            "kv_delete" => kv::delete(self, request),
            "kv_list" => kv::list(self, request),
            mapped => call::mapped(self, mapped, request),
        }
    }

    fn http_request(&mut self, request: &[u8], body: &[u8]) -> Result<HttpReply, PgError> {
        self.host_calls = self.host_calls.saturating_add(1);
        fetch::extism(self, request, body)
    }

    fn config(&mut self, key: &str) -> Option<String> {
        env::config(self, key)
    }

    fn environment(&mut self) -> Vec<(String, String)> {
        self.function.env.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        log::line(self, level, message);
    }

    fn log_level(&self) -> LogLevel {
        match self.function.log {
            LogPolicy::All | LogPolicy::Sample(_) => LogLevel::Debug,
            LogPolicy::Errors => LogLevel::Error,
            LogPolicy::Off => LogLevel::Off,
        }
    }

    fn interrupt(&mut self) -> Option<Interrupt> {
        match interrupt::poll()? {
            interrupt::Stop::Pending => Some(Interrupt::Cancelled),
            interrupt::Stop::Expired => Some(Interrupt::TimedOut),
            interrupt::Stop::Error(error) => {
                self.raised = Some(error);
                Some(Interrupt::Cancelled)
            }
        }
    }
}
