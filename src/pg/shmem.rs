//! Memory that all processes of the server share, as words that are only touched atomically: what lives there is laid
//! out by the rooms above, in safe code. There is none unless the library was preloaded.

use core::ffi::{CStr, c_int, c_void};
use std::cell::{Cell, RefCell};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use pgrx::pg_sys;

use super::raw;

/// One named stretch of shared words.
pub struct Region {
    name: &'static CStr,
    words: AtomicUsize,
    start: AtomicPtr<AtomicU64>,
}

thread_local! {
    static REGIONS: RefCell<Vec<&'static Region>> = const { RefCell::new(Vec::new()) };
    static NEXT_REQUEST: Cell<pg_sys::shmem_request_hook_type> = const { Cell::new(None) };
    static NEXT_STARTUP: Cell<pg_sys::shmem_startup_hook_type> = const { Cell::new(None) };
}

/// Whether the postmaster is loading this library, the only time when shared memory can be asked for.
pub fn is_preloading() -> bool {
    // SAFETY: a variable of the postmaster, false in every other process.
    unsafe { pg_sys::process_shared_preload_libraries_in_progress }
}

/// Joins the chain of processes that ask for shared memory. Once, while preloading.
pub fn install_hooks() {
    // SAFETY: the postmaster loads libraries alone; the hooks that were there are called by ours.
    unsafe {
        NEXT_REQUEST.set(pg_sys::shmem_request_hook);
        pg_sys::shmem_request_hook = Some(request);
        NEXT_STARTUP.set(pg_sys::shmem_startup_hook);
        pg_sys::shmem_startup_hook = Some(start_up);
    }
}

impl Region {
    /// A region by its name, which `pg_shmem_allocations` shows.
    pub const fn new(name: &'static CStr) -> Self {
        Self { name, words: AtomicUsize::new(0), start: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// Asks for this many words. While preloading only.
    pub fn define(&'static self, words: usize) {
        self.words.store(words, Ordering::Relaxed);
        REGIONS.with(|regions| regions.borrow_mut().push(self));
    }

    /// The words, all zero when the server started; `None` when the library was not preloaded.
    #[inline]
    pub fn words(&self) -> Option<&'static [AtomicU64]> {
        let start = self.start.load(Ordering::Relaxed);
        // SAFETY: `start_up` set the pointer to this many zeroed words, mapped as long as the process lives.
        (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start, self.words.load(Ordering::Relaxed)) })
    }

    fn bytes(&self) -> usize {
        self.words.load(Ordering::Relaxed) * size_of::<AtomicU64>()
    }
}

unsafe extern "C-unwind" fn request() {
    // SAFETY: Postgres calls the hook when requests are allowed; the hook before ours comes first.
    unsafe {
        if let Some(next) = NEXT_REQUEST.get() {
            next();
        }
        REGIONS.with(|regions| {
            for region in regions.borrow().iter() {
                raw::RequestAddinShmemSpace(region.bytes());
            }
        });
    }
}

unsafe extern "C-unwind" fn start_up() {
    // SAFETY: the postmaster runs this alone, at its start and after a crash (where processes are forked, the only
    // platforms there are here); new memory is cleared before anyone else can see it.
    unsafe {
        if let Some(next) = NEXT_STARTUP.get() {
            next();
        }
        // Before the startup process changes it; processes that are forked from here on know what it said.
        let mut is_valid = false;
        let control = raw::get_controlfile(pg_sys::DataDir, &mut is_valid);
        let was_shut_down = is_valid && (*control).state == pg_sys::DBState::DB_SHUTDOWNED;
        WAS_SHUT_DOWN.store(was_shut_down, Ordering::Relaxed);
        REGIONS.with(|regions| {
            for region in regions.borrow().iter() {
                let mut found = false;
                let start: *mut c_void = raw::ShmemInitStruct(region.name.as_ptr(), region.bytes(), &mut found);
                if !found {
                    std::ptr::write_bytes(start.cast::<u8>(), 0, region.bytes());
                }
                region.start.store(start.cast(), Ordering::Relaxed);
            }
        });
    }
}

static WAS_SHUT_DOWN: AtomicBool = AtomicBool::new(false);

/// Whether the server was shut down in good order before this start. After a crash, or on a server that began as a
/// standby, it was not.
pub fn was_shut_down() -> bool {
    WAS_SHUT_DOWN.load(Ordering::Relaxed)
}

/// The pid of this process.
pub fn process_id() -> u32 {
    // SAFETY: a variable of this process.
    let pid: c_int = unsafe { pg_sys::MyProcPid };
    u32::try_from(pid).unwrap_or(0)
}

/// The OID of the database of this process, 0 for none.
pub fn database_id() -> u32 {
    // SAFETY: a variable of this process.
    unsafe { pg_sys::MyDatabaseId.to_u32() }
}

/// Whether a process of this number is connected to the server now.
pub fn is_backend(pid: u32) -> bool {
    // SAFETY: takes a lock of Postgres' and gives it back; the answer is not looked into.
    c_int::try_from(pid).is_ok_and(|pid| unsafe { !pg_sys::BackendPidGetProc(pid).is_null() })
}

static AT_EXIT: OnceLock<fn()> = OnceLock::new();

/// Calls `f` when this process ends in order, whatever it was doing, while shared memory is still there. Set once.
pub fn at_process_exit(f: fn()) {
    if AT_EXIT.set(f).is_ok() {
        // SAFETY: once per process; the callback calls nothing that raises.
        unsafe { pg_sys::before_shmem_exit(Some(on_exit), pg_sys::Datum::null()) };
    }
}

unsafe extern "C-unwind" fn on_exit(_code: c_int, _argument: pg_sys::Datum) {
    // A panic here would be raised as an error in a process that is ending.
    let _ = std::panic::catch_unwind(|| AT_EXIT.get().map(|f| f()));
}
