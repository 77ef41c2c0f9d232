//! A guest's own SQL: checked, prepared once, run as the caller, answered as JSON.

use core::ffi::c_int;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CStr;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use pgrx::pg_sys;
use serde_json::value::RawValue;

use super::call::outer_role;
use super::catch::{catch, subtransaction};
use super::datum::{FromJson, c_string};
use super::error::SqlState;
use super::interrupt::SqlScope;
use super::receiver::JsonReceiver;
use super::role::{ReadOnlyScope, Role, RoleScope};
use super::row::RowShape;
use super::spi::{Connection, spi_error};
use super::trigger::TransitionTables;
use super::{PgError, inval, raw, refuse};

/// Texts up to this length are kept prepared.
const KEPT_TEXT_BYTES: usize = 16 * 1024;
/// How many prepared statements a backend keeps; over that it starts afresh.
const CACHE_LIMIT: usize = 512;

/// What a guest's SQL may do.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The role whose rights it has.
    pub role: Role,
    /// Whether it may change data.
    pub may_write: bool,
    /// Whether it runs with the snapshot of the calling query: true inside STABLE and IMMUTABLE functions.
    pub uses_caller_snapshot: bool,
    /// Transition tables that it may query by name.
    pub transition: Option<TransitionTables>,
}

/// One statement of a guest.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// The text, one statement.
    pub sql: &'a str,
    /// Values of `$1`, `$2`, …
    pub params: &'a [&'a RawValue],
    /// Whether the guest can handle a failure: if so the statement stands in a subtransaction of its own.
    pub can_fail: bool,
}

impl Statement<'_> {
    /// Runs the statement and appends `{"columns", "rows", "row_count"}` to `out`, which may grow to `limit` bytes;
    /// returns the row count.
    pub fn run(&self, access: &Access, limit: usize, out: &mut Vec<u8>) -> Result<u64, PgError> {
        let _sql = SqlScope::open();
        // Not the current role: a guest that another guest called runs as that one already.
        let is_switched = access.role != outer_role();
        let _role = RoleScope::guest(access.role);
        let _refusing = refuse::GuestSql::enter(is_switched);
        if self.can_fail {
            subtransaction(|| self.execute(access, limit, out))
        } else {
            self.execute(access, limit, out)
        }
    }

    fn execute(&self, access: &Access, limit: usize, out: &mut Vec<u8>) -> Result<u64, PgError> {
        let _connection = Connection::open()?;
        let _read_only = ReadOnlyScope::open(!access.may_write);
        let plan = match access.transition {
            None => Plan::get(self.sql, self.params.len(), access.role)?,
            Some(tables) => {
                tables.register()?;
                // Not kept: what the names mean ends with the trigger call.
                Rc::new(Plan::prepare(self.sql, self.params.len(), Some(tables))?).check(self.params.len())?
            }
        };
        let ran = self.run_plan(&plan, access, limit, out);
        if ran.is_err() {
            plan.forget(self.sql);
        }
        ran
    }

    fn run_plan(&self, plan: &Plan, access: &Access, limit: usize, out: &mut Vec<u8>) -> Result<u64, PgError> {
        let params = plan.bind(self.params)?;
        let mut receiver = JsonReceiver::new(out, limit, plan.shape.borrow().clone());
        let options = pg_sys::SPIExecuteOptions {
            params,
            read_only: access.uses_caller_snapshot,
            allow_nonatomic: false,
            must_return_tuples: false,
            tcount: 0,
            dest: receiver.as_dest(),
            owner: std::ptr::null_mut(),
        };
        // SAFETY: the plan, the parameters and the receiver live across the call; the receiver's callbacks never raise.
        let code = unsafe { catch(|| raw::SPI_execute_plan_extended(plan.pointer, &options))? };
        if code < 0 {
            return Err(refuse::by_spi(code).unwrap_or_else(|| spi_error("SPI_execute_plan", code)));
        }
        // SAFETY: SPI_processed is set by the call above.
        let rows = unsafe { pg_sys::SPI_processed };
        let shape = receiver.finish(rows)?;
        plan.shape.replace(shape);
        Ok(rows)
    }
}

/// A prepared statement with its parameter types.
struct Plan {
    pointer: pg_sys::SPIPlanPtr,
    params: Vec<(pg_sys::Oid, FromJson)>,
    /// When the types of the parameters were worked out: Postgres plans the text again, but not these.
    generation: u64,
    /// The shape of its rows when it last ran.
    shape: RefCell<Option<Rc<RowShape>>>,
}

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: kept by SPI_keepplan and owned by this value alone; never executed again.
        let _ = unsafe { catch(|| raw::SPI_freeplan(self.pointer)) };
    }
}

/// What the meaning of a statement's names depends on, beside its text.
struct Meaning {
    role: Role,
    search_path: Box<[u8]>,
    plan: Rc<Plan>,
}

/// Plans by text; few texts have more than one meaning.
#[derive(Default)]
struct Plans {
    count: usize,
    by_text: HashMap<Box<str>, Vec<Meaning>>,
}

thread_local! {
    // Never dropped: at the end of the process Postgres has cleaned up, and no plan can be freed any more.
    static PLANS: ManuallyDrop<RefCell<Plans>> = ManuallyDrop::default();
}

impl Plan {
    fn get(sql: &str, given: usize, role: Role) -> Result<Rc<Self>, PgError> {
        // SAFETY: the setting is null or a NUL-terminated string, and cannot change before it has been used.
        let search_path = unsafe {
            let path = pg_sys::namespace_search_path;
            if path.is_null() { &[][..] } else { CStr::from_ptr(path).to_bytes() }
        };
        let known = PLANS.with(|plans| {
            let plans = plans.borrow();
            let meanings = plans.by_text.get(sql)?;
            let found = meanings.iter().find(|one| one.role == role && *one.search_path == *search_path)?;
            let is_current = found.plan.params.is_empty() || found.plan.generation == inval::relations();
            is_current.then(|| Rc::clone(&found.plan))
        });
        if let Some(plan) = known {
            return plan.check(given);
        }
        let search_path = Box::from(search_path);
        let plan = Rc::new(Self::prepare(sql, given, None)?);
        if sql.len() > KEPT_TEXT_BYTES {
            return plan.check(given);
        }
        // Taken out before it is dropped: a plan that is freed may call back into Postgres.
        let dropped = PLANS.with(|plans| {
            let mut plans = plans.borrow_mut();
            let dropped = (plans.count >= CACHE_LIMIT).then(|| std::mem::take(&mut *plans));
            let meaning = Meaning { role, search_path, plan: Rc::clone(&plan) };
            let meanings = plans.by_text.entry(Box::from(sql)).or_default();
            let known = meanings.iter_mut().find(|one| one.role == role && one.search_path == meaning.search_path);
            let outdated = match known {
                Some(known) => Some(std::mem::replace(known, meaning)),
                None => {
                    meanings.push(meaning);
                    plans.count += 1;
                    None
                }
            };
            (dropped, outdated)
        });
        drop(dropped);
        plan.check(given)
    }

    /// Takes a plan out of the cache: one that failed may hold anything, such as a folded constant of any size.
    fn forget(self: &Rc<Self>, sql: &str) {
        let forgotten = PLANS.with(|plans| {
            let mut plans = plans.borrow_mut();
            let meanings = plans.by_text.get_mut(sql)?;
            let at = meanings.iter().position(|one| Rc::ptr_eq(&one.plan, self))?;
            Some(meanings.swap_remove(at))
        });
        drop(forgotten);
    }

    fn check(self: Rc<Self>, given: usize) -> Result<Rc<Self>, PgError> {
        if self.params.len() == given {
            return Ok(self);
        }
        Err(PgError::new(
            SqlState::new(b"42P02"),
            format!("statement has {} parameters, but {given} values were given", self.params.len()),
        ))
    }

    fn prepare(sql: &str, given: usize, tables: Option<TransitionTables>) -> Result<Self, PgError> {
        let generation = inval::relations();
        let text = c_string(sql.as_bytes())?;
        let mut types: *mut pg_sys::Oid = std::ptr::null_mut();
        let mut count: c_int = 0;
        let environment = match tables {
            Some(tables) if given > 0 => tables.environment()?,
            _ => std::ptr::null_mut(),
        };
        // SAFETY: parse trees live in the SPI context; the array of types is palloc'd by the parser.
        let pointer = unsafe {
            let tree = catch(|| raw::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT))
                .map_err(|error| error.inside(sql))?;
            let statement = refuse::check(tree)?;
            if given > 0 {
                catch(|| raw::parse_analyze_varparams(statement, text.as_ptr(), &mut types, &mut count, environment))
                    .map_err(|error| error.inside(sql))?;
            }
            let plan = catch(|| raw::SPI_prepare(text.as_ptr(), count, types))?;
            if plan.is_null() {
                return Err(spi_error("SPI_prepare", pg_sys::SPI_result));
            }
            plan
        };
        // `types` has `count` members once the parser has filled it.
        let oids: &[pg_sys::Oid] = match usize::try_from(count) {
            // SAFETY: as said.
            Ok(count) if count > 0 => unsafe { std::slice::from_raw_parts(types, count) },
            _ => &[],
        };
        let params = oids
            .iter()
            .enumerate()
            .map(|(at, &oid)| {
                if oid == pg_sys::InvalidOid || oid == pg_sys::UNKNOWNOID {
                    let message = format!("could not determine data type of parameter ${}", at + 1);
                    return Err(PgError::new(SqlState::new(b"42P18"), message));
                }
                FromJson::of(oid.to_u32(), -1).map(|from| (oid, from))
            })
            .collect::<Result<Vec<_>, _>>()?;
        // SAFETY: a plan that SPI_prepare has just made; from here on `Drop` owns it.
        unsafe { catch(|| raw::SPI_keepplan(pointer))? };
        Ok(Self { pointer, params, generation, shape: RefCell::default() })
    }

    fn bind(&self, values: &[&RawValue]) -> Result<pg_sys::ParamListInfo, PgError> {
        if values.is_empty() {
            return Ok(std::ptr::null_mut());
        }
        let count = c_int::try_from(values.len()).unwrap_or(c_int::MAX);
        // SAFETY: makeParamList gives `count` members behind the header.
        unsafe {
            let list = catch(|| raw::makeParamList(count))?;
            let slots = std::slice::from_raw_parts_mut((*list).params.as_mut_ptr(), values.len());
            for ((slot, (oid, from)), value) in slots.iter_mut().zip(&self.params).zip(values) {
                let datum = from.datum(value)?;
                #[allow(clippy::cast_possible_truncation, reason = "a flag bit")]
                let flags = pg_sys::PARAM_FLAG_CONST as u16;
                *slot = pg_sys::ParamExternData {
                    value: datum.unwrap_or(pg_sys::Datum::null()),
                    isnull: datum.is_none(),
                    pflags: flags,
                    ptype: *oid,
                };
            }
            Ok(list)
        }
    }
}
