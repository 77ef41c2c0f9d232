//! Around every utility command: what a guest may not run is refused, processes of ours leave what is to be dropped, and
//! rows that wait for the end of the statement are written.

use core::ffi::{CStr, c_char};
use std::cell::{Cell, RefCell};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use pgrx::pg_sys;
use pgrx::pg_sys::NodeTag;

use super::{PgError, background, raw, refuse, transaction, version};

/// How long processes of ours may take to leave.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who has processes in databases.
pub struct Tenants {
    /// Asks them to leave a database and to stay away; `false` when there are none to ask.
    pub leave: fn(u32) -> bool,
    /// Whether they have left.
    pub have_left: fn(u32) -> bool,
    /// Lets them come back.
    pub come_back: fn(u32),
    /// Says that there may be a new database.
    pub look: fn(),
}

static TENANTS: OnceLock<Tenants> = OnceLock::new();

thread_local! {
    static NEXT: Cell<pg_sys::ProcessUtility_hook_type> = const { Cell::new(None) };
    // Databases that this transaction has asked them to leave.
    static LEFT: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    static HAS_CREATED: Cell<bool> = const { Cell::new(false) };
    static IS_INSTALLED: Cell<bool> = const { Cell::new(false) };
}

/// Joins the chain of utility hooks; called once, when the library is loaded.
pub fn install_hook() {
    // SAFETY: _PG_init runs alone; the hook that was there is called by ours.
    unsafe {
        NEXT.set(pg_sys::ProcessUtility_hook);
        pg_sys::ProcessUtility_hook = Some(process_utility);
    }
}

/// Says who has processes in databases. Once, while preloading.
pub fn set_tenants(tenants: Tenants) {
    let _ = TENANTS.set(tenants);
}

#[allow(clippy::too_many_arguments, reason = "the signature of ProcessUtility_hook")]
unsafe extern "C-unwind" fn process_utility(
    statement: *mut pg_sys::PlannedStmt,
    text: *const c_char,
    read_only_tree: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    params: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    dest: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: the arguments go on as they came; nothing here owns anything when an error leaves by longjmp.
    unsafe {
        let node = (*statement).utilityStmt;
        if let Some(error) = refuse::of_utility(node) {
            super::error::throw(error.into_error_data());
        }
        if let Some(tenants) = TENANTS.get()
            && let Err(error) = make_room(tenants, node)
        {
            super::error::throw(error.into_error_data());
        }
        let next = NEXT.get().unwrap_or(raw::standard_ProcessUtility);
        next(statement, text, read_only_tree, context, params, environment, dest, completion);
        // COPY fires triggers without an executor of its own.
        transaction::end_statement();
    }
}

unsafe fn make_room(tenants: &Tenants, node: *mut pg_sys::Node) -> Result<(), PgError> {
    // SAFETY: the node is the command's statement.
    let Some(database) = (unsafe { subject(node) }) else { return Ok(()) };
    if !IS_INSTALLED.replace(true) {
        transaction::at_end(|_| end());
    }
    // SAFETY: as above.
    HAS_CREATED.set(unsafe { (*node).type_ } == NodeTag::T_CreatedbStmt);
    if LEFT.with_borrow(|left| left.contains(&database)) || !(tenants.leave)(database) {
        return Ok(());
    }
    LEFT.with_borrow_mut(|left| left.push(database));
    let began = Instant::now();
    while !(tenants.have_left)(database) && began.elapsed() < PATIENCE {
        background::wait(10)?;
    }
    Ok(())
}

fn end() {
    let Some(tenants) = TENANTS.get() else { return };
    for database in LEFT.take() {
        (tenants.come_back)(database);
    }
    if HAS_CREATED.replace(false) {
        (tenants.look)();
    }
}

/// The database that the command needs to itself, if it is one that the role may run.
unsafe fn subject(node: *mut pg_sys::Node) -> Option<u32> {
    // SAFETY: each cast follows the node's own tag; names are NUL-terminated.
    unsafe {
        match (*node).type_ {
            NodeTag::T_DropStmt => {
                let drop = &*node.cast::<pg_sys::DropStmt>();
                let is_ours = drop.removeType == pg_sys::ObjectType::OBJECT_EXTENSION
                    && members(drop.objects).any(|name| is_our_name((*name.cast::<pg_sys::String>()).sval));
                if is_ours { own_database() } else { None }
            }
            NodeTag::T_AlterExtensionStmt => {
                let alter = &*node.cast::<pg_sys::AlterExtensionStmt>();
                if is_our_name(alter.extname) { own_database() } else { None }
            }
            NodeTag::T_DropdbStmt => owned_database((*node.cast::<pg_sys::DropdbStmt>()).dbname, false),
            NodeTag::T_RenameStmt => {
                let rename = &*node.cast::<pg_sys::RenameStmt>();
                let is_database = rename.renameType == pg_sys::ObjectType::OBJECT_DATABASE;
                if is_database { owned_database(rename.subname, false) } else { None }
            }
            NodeTag::T_CreatedbStmt => {
                let create = &*node.cast::<pg_sys::CreatedbStmt>();
                let template = option(create.options, c"template").unwrap_or(c"template1".as_ptr());
                owned_database(template, true)
            }
            NodeTag::T_AlterDatabaseStmt => {
                let alter = &*node.cast::<pg_sys::AlterDatabaseStmt>();
                option(alter.options, c"tablespace").and_then(|_| owned_database(alter.dbname, false))
            }
            _ => None,
        }
    }
}

unsafe fn members(list: *mut pg_sys::List) -> impl Iterator<Item = *mut core::ffi::c_void> {
    // SAFETY: a List of pointers, null when empty.
    unsafe {
        let length = if list.is_null() { 0 } else { usize::try_from((*list).length).unwrap_or(0) };
        (0..length).map(move |at| (*(*list).elements.add(at)).ptr_value)
    }
}

unsafe fn option(options: *mut pg_sys::List, name: &CStr) -> Option<*const c_char> {
    // SAFETY: a List of DefElem; a string argument is a String node.
    unsafe {
        members(options).map(|member| &*member.cast::<pg_sys::DefElem>()).find_map(|element| {
            let is_it = CStr::from_ptr(element.defname) == name && !element.arg.is_null();
            (is_it && (*element.arg).type_ == NodeTag::T_String)
                .then(|| (*element.arg.cast::<pg_sys::String>()).sval.cast_const())
        })
    }
}

unsafe fn is_our_name(name: *const c_char) -> bool {
    // SAFETY: a NUL-terminated name.
    unsafe { CStr::from_ptr(name) == c"alyx_functions" }
}

/// This database, for who may drop the extension: others must not be able to stop its jobs by trying.
unsafe fn own_database() -> Option<u32> {
    // SAFETY: catalog look-ups.
    unsafe {
        let extension = pg_sys::get_extension_oid(c"alyx_functions".as_ptr(), true);
        let may = extension != pg_sys::InvalidOid && version::owns_extension(extension, pg_sys::GetUserId());
        may.then(|| pg_sys::MyDatabaseId.to_u32())
    }
}

/// A database, for who may do with it what the command does.
unsafe fn owned_database(name: *const c_char, to_copy: bool) -> Option<u32> {
    // SAFETY: catalog look-ups.
    unsafe {
        let database = pg_sys::get_database_oid(name, true);
        let role = pg_sys::GetUserId();
        let may = database != pg_sys::InvalidOid
            && (version::owns_database(database, role)
                || to_copy && is_template(database) && may_create_databases(role));
        may.then(|| database.to_u32())
    }
}

unsafe fn is_template(database: pg_sys::Oid) -> bool {
    // SAFETY: the tuple is released before the function returns.
    unsafe {
        #[allow(clippy::cast_possible_wrap, reason = "a small enum value")]
        let cache = pg_sys::SysCacheIdentifier::DATABASEOID as i32;
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(database));
        if tuple.is_null() {
            return false;
        }
        let is_template = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_database>()).datistemplate;
        pg_sys::ReleaseSysCache(tuple);
        is_template
    }
}

unsafe fn may_create_databases(role: pg_sys::Oid) -> bool {
    // SAFETY: the tuple is released before the function returns.
    unsafe {
        #[allow(clippy::cast_possible_wrap, reason = "a small enum value")]
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::AUTHOID as i32, pg_sys::Datum::from(role));
        if tuple.is_null() {
            return false;
        }
        let may = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_authid>()).rolcreatedb;
        pg_sys::ReleaseSysCache(tuple);
        may
    }
}
