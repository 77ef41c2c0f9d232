//! Processes of our own inside the server: starting them, waiting in them, ending them.
//!
//! Postgres' own signal handlers serve them: SIGTERM ends them like any session, at the next check for interrupts,
//! SIGINT cancels what they run, SIGUSR1 brings barriers.

use core::ffi::{CStr, c_char, c_int};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pgrx::pg_sys;

use super::backend::{Level, report_failure};
use super::catch::catch;
use super::error::SqlState;
use super::wait_event::WaitEvent;
use super::{PgError, Role, raw, version};

thread_local! {
    static WAITS_FOR: Cell<Option<WaitEvent>> = const { Cell::new(None) };
}

/// The body of a process; the argument is what it was started with.
pub type Body = fn(u64) -> Result<(), PgError>;

/// Declares the C symbol that a process begins at: `process!(symbol, body);`.
#[macro_export]
macro_rules! process {
    ($symbol:ident, $body:path) => {
        #[doc(hidden)]
        #[allow(unsafe_code, reason = "the C symbol of a background process; the body is safe Rust")]
        #[unsafe(no_mangle)]
        pub extern "C-unwind" fn $symbol(argument: pgrx::pg_sys::Datum) {
            $crate::pg::background::main(argument.value() as u64, $body);
        }
    };
}

/// Runs the body of a process and ends it.
pub fn main(argument: u64, body: Body) {
    // SAFETY: the process has just been forked, with signals blocked; `die` is what sessions have for SIGTERM (the
    // default for background workers would end the process inside the signal handler).
    unsafe {
        version::handle_signal(SIGTERM, raw::die);
        version::handle_signal(SIGHUP, raw::SignalHandlerForConfigReload);
        pg_sys::BackgroundWorkerUnblockSignals();
    }
    let problem = match catch_unwind(AssertUnwindSafe(|| body(argument))) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(_) => Some(PgError::new(SqlState::new(b"XX000"), "internal error")),
    };
    if let Some(error) = &problem {
        let _ = report_failure(Level::Warning, "alyx_functions", error);
    }
    // SAFETY: nothing that this process owns needs dropping.
    unsafe { raw::proc_exit(c_int::from(problem.is_some())) };
}

/// Ends this process so that the postmaster starts it again, if it was to be kept: one that ends with 0 is forgotten.
pub fn end_for_now() -> ! {
    // SAFETY: as at the end of `main`.
    unsafe { raw::proc_exit(1) }
}

const SIGHUP: c_int = 1;
const SIGINT: c_int = 2;
const SIGTERM: c_int = 15;

/// Lets a SIGTERM ask this process to end, instead of ending it: it has things to put back.
pub fn end_on_request() {
    // SAFETY: a handler that sets a flag and the latch.
    unsafe { version::handle_signal(SIGTERM, raw::SignalHandlerForShutdownRequest) };
}

/// Whether this process was asked to end.
pub fn must_end() -> bool {
    // SAFETY: a sig_atomic_t flag.
    unsafe { pg_sys::ShutdownRequestPending != 0 }
}

/// What to start.
pub struct Start<'a> {
    /// The C symbol it begins at.
    pub symbol: &'a str,
    /// Shown as backend_type.
    pub r#type: &'a str,
    /// Shown by `ps`.
    pub name: &'a str,
    /// Its argument.
    pub argument: u64,
}

impl Start<'_> {
    fn worker(&self) -> pg_sys::BackgroundWorker {
        let mut worker = pg_sys::BackgroundWorker {
            bgw_flags: FLAGS,
            // Never on a standby; on a promoted one at once.
            bgw_start_time: pg_sys::BgWorkerStartTime::BgWorkerStart_RecoveryFinished,
            bgw_restart_time: pg_sys::BGW_NEVER_RESTART,
            #[allow(clippy::cast_possible_truncation, reason = "64-bit platforms")]
            bgw_main_arg: pg_sys::Datum::from(self.argument as usize),
            ..Default::default()
        };
        fill(&mut worker.bgw_library_name, "alyx_functions");
        fill(&mut worker.bgw_function_name, self.symbol);
        fill(&mut worker.bgw_type, self.r#type);
        fill(&mut worker.bgw_name, self.name);
        worker
    }
}

#[allow(clippy::cast_possible_wrap, reason = "flag bits")]
const FLAGS: c_int = (pg_sys::BGWORKER_SHMEM_ACCESS | pg_sys::BGWORKER_BACKEND_DATABASE_CONNECTION) as c_int;

#[allow(clippy::cast_possible_wrap, reason = "bytes of a name")]
fn fill(field: &mut [c_char], text: &str) {
    // Zeroed before: the last byte ends the text.
    let room = field.len().saturating_sub(1);
    for (to, from) in field.iter_mut().zip(text.bytes().take(room)) {
        *to = from as c_char;
    }
}

/// Lets the postmaster start a process with the server, and again a second after it has failed. While preloading.
pub fn start_with_server(start: &Start<'_>) {
    // SAFETY: a variable of the postmaster. While pg_upgrade works on a cluster, nothing in it may run but pg_upgrade.
    if unsafe { pg_sys::IsBinaryUpgrade } {
        return;
    }
    let mut worker = start.worker();
    worker.bgw_restart_time = 1;
    // SAFETY: the postmaster copies the struct.
    unsafe { pg_sys::RegisterBackgroundWorker(&mut worker) };
}

/// A process that this one has started.
#[derive(Debug)]
pub struct Child(*mut pg_sys::BackgroundWorkerHandle);

/// What has become of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// The postmaster has yet to start it.
    Starting,
    /// It runs.
    Running,
    /// It has ended.
    Ended,
}

/// Starts a process; this one's latch is set when it starts and when it ends. `None` when the server has no room for
/// one more (max_worker_processes).
pub fn start(start: &Start<'_>) -> Option<Child> {
    let mut worker = start.worker();
    let mut handle = std::ptr::null_mut();
    // SAFETY: the struct is copied; the handle lives in the memory context of the process.
    unsafe {
        worker.bgw_notify_pid = pg_sys::MyProcPid;
        let before = pg_sys::CurrentMemoryContext;
        pg_sys::CurrentMemoryContext = pg_sys::TopMemoryContext;
        let started = pg_sys::RegisterDynamicBackgroundWorker(&mut worker, &mut handle);
        pg_sys::CurrentMemoryContext = before;
        started.then(|| Child(handle))
    }
}

impl Child {
    /// What has become of it.
    pub fn state(&self) -> ChildState {
        let mut pid = 0;
        // SAFETY: the handle is ours until dropped.
        match unsafe { pg_sys::GetBackgroundWorkerPid(self.0, &mut pid) } {
            pg_sys::BgwHandleStatus::BGWH_NOT_YET_STARTED => ChildState::Starting,
            pg_sys::BgwHandleStatus::BGWH_STARTED => ChildState::Running,
            _ => ChildState::Ended,
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: allocated by RegisterDynamicBackgroundWorker; it owns nothing else.
        unsafe { pg_sys::pfree(self.0.cast()) };
    }
}

/// Connects this process to a database with the rights of the bootstrap superuser, or to none (0).
///
/// # Errors
/// Ends the process when the database is not there or accepts no connections.
pub fn connect(database: u32) -> Result<(), PgError> {
    // SAFETY: once per process, before anything else.
    unsafe {
        catch(|| match database {
            0 => raw::BackgroundWorkerInitializeConnection(std::ptr::null(), std::ptr::null(), 0),
            _ => raw::BackgroundWorkerInitializeConnectionByOid(pg_sys::Oid::from(database), pg_sys::InvalidOid, 0),
        })
    }
}

/// Gives this session away to a role, for good: session, outer and current user are the role from here on, in and
/// between transactions, so that nothing it leaves behind (a deferred trigger, an exit handler) finds more rights.
///
/// What remains of the superuser is the right to SET SESSION AUTHORIZATION, which the security context of every
/// transaction ([`super::role::RoleScope::guest`], held until after the commit) forbids at any depth.
pub fn become_role(role: Role, is_superuser: bool) {
    // SAFETY: between transactions, once per process.
    unsafe { pg_sys::SetSessionAuthorization(role.0, is_superuser) };
}

/// Shows what this process does, in pg_stat_activity; `None` when it waits.
pub fn show(activity: Option<&CStr>) {
    // SAFETY: the text is copied.
    unsafe {
        match activity {
            Some(text) => pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, text.as_ptr()),
            None => pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_IDLE, std::ptr::null()),
        }
    }
}

/// Shows this process under an application_name.
pub fn show_name(name: &str) -> Result<(), PgError> {
    super::role::set_for_process("application_name", name)
}

/// The address of this process's latch, for [`wake`].
pub fn latch() -> u64 {
    // SAFETY: a variable of this process; the latch is in shared memory, at the same address everywhere.
    unsafe { pg_sys::MyLatch as u64 }
}

/// Wakes the process whose latch this is. One that has ended, or another in its place, is woken for nothing.
pub fn wake(latch: u64) {
    if latch != 0 {
        // SAFETY: an address that `latch` gave, in memory that lives as long as the server.
        unsafe { pg_sys::SetLatch(latch as *mut pg_sys::Latch) };
    }
}

/// Says what this process waits for in [`wait`].
pub fn waits_for(event: WaitEvent) {
    WAITS_FOR.set(Some(event));
}

/// Sleeps until woken or until the time is up; then serves interrupts (a SIGTERM ends the process here) and reads the
/// configuration again if it was asked to.
pub fn wait(timeout_ms: u64) -> Result<(), PgError> {
    let timeout = i64::try_from(timeout_ms).unwrap_or(i64::MAX).min(86_400_000);
    #[allow(clippy::cast_possible_wrap, reason = "flag bits")]
    let events = (pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH) as c_int;
    let number = WAITS_FOR.get().unwrap_or(WaitEvent::Leave).number();
    // SAFETY: MyLatch is this process's own.
    unsafe {
        catch(|| {
            raw::WaitLatch(pg_sys::MyLatch, events, timeout, number);
            raw::ResetLatch(pg_sys::MyLatch);
            if pg_sys::InterruptPending != 0 {
                raw::ProcessInterrupts();
            }
            if pg_sys::ConfigReloadPending != 0 {
                pg_sys::ConfigReloadPending = 0;
                raw::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
            }
        })
    }
}

/// Tells the statistics collector what this process has done to tables, so that autovacuum comes.
pub fn report_table_statistics() {
    // SAFETY: between transactions.
    unsafe { pg_sys::pgstat_report_stat(true) };
}

/// Ends a process of this server in good order.
pub fn terminate(pid: u32) {
    signal(pid, SIGTERM);
}

/// Cancels what a process of this server runs.
pub fn cancel(pid: u32) {
    signal(pid, SIGINT);
}

fn signal(pid: u32, signal: c_int) {
    if let Ok(pid) = c_int::try_from(pid)
        && pid > 1
    {
        // SAFETY: a signal to a process that said in shared memory that it is one of ours.
        unsafe { raw::kill(pid, signal) };
    }
}

static AT_EXIT: std::sync::OnceLock<fn()> = std::sync::OnceLock::new();

/// Calls `f` when this process ends, however it ends (but for a crash). Once per process.
pub fn at_exit(f: fn()) {
    if AT_EXIT.set(f).is_ok() {
        // SAFETY: once per process; shared memory is still there when it runs.
        unsafe { pg_sys::before_shmem_exit(Some(on_exit), pg_sys::Datum::null()) };
    }
}

unsafe extern "C-unwind" fn on_exit(_code: c_int, _argument: pg_sys::Datum) {
    if let Some(f) = AT_EXIT.get() {
        let _ = catch_unwind(f);
    }
}

/// The databases of this server that accept connections. In a transaction.
pub fn databases() -> Vec<(u32, String)> {
    let mut found = Vec::new();
    // SAFETY: a scan of a shared catalog, as the autovacuum launcher does it.
    unsafe {
        #[allow(clippy::cast_possible_wrap, reason = "a lock mode")]
        let lock = pg_sys::AccessShareLock as c_int;
        let relation = pg_sys::table_open(pg_sys::DatabaseRelationId, lock);
        let scan = pg_sys::systable_beginscan(
            relation,
            pg_sys::InvalidOid,
            false,
            std::ptr::null_mut(),
            0,
            std::ptr::null_mut(),
        );
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let row = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_database>();
            if row.datallowconn {
                found.push((row.oid.to_u32(), super::datum::c_text(row.datname.data.as_ptr())));
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, lock);
    }
    found
}
