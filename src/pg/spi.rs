//! SQL that this extension itself runs: fixed texts, bound parameters, small results. Guests' SQL is in `statement`.

use core::ffi::c_int;
use std::cell::RefCell;
use std::collections::HashMap;

use pgrx::pg_sys;
use serde_json::value::RawValue;

use super::call::{Call, Reply, TypeId};
use super::catch::catch;
use super::datum::{c_string, c_text, type_name, varlena_bytes};
use super::error::SqlState;
use super::param::bind;
pub use super::param::{Cell, Param};
use super::{PgError, raw, version};

/// Brackets SPI use: finished on every way out that is not an ERROR (then the transaction machinery cleans up).
pub(super) struct Connection(());

impl Connection {
    pub(super) fn open() -> Result<Self, PgError> {
        // SAFETY: SPI_connect allocates its own contexts; `Drop` balances it.
        #[allow(clippy::cast_possible_wrap, reason = "a small constant")]
        match unsafe { catch(|| raw::SPI_connect())? } {
            code if code == pg_sys::SPI_OK_CONNECT as c_int => Ok(Self(())),
            code => Err(spi_error("SPI_connect", code)),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: balances SPI_connect. After a failed statement the innermost level may be one that the statement left
        // open; the abort of the (sub)transaction, which always follows, pops all that remain.
        let _ = unsafe { catch(|| raw::SPI_finish()) };
    }
}

pub(super) fn spi_error(what: &str, code: c_int) -> PgError {
    // SAFETY: returns a static string for every code.
    let name = unsafe { c_text(pg_sys::SPI_result_code_string(code)) };
    PgError::new(SqlState::new(b"XX000"), format!("{what} failed: {name}"))
}

fn without_comment(sql: &str) -> &str {
    let mut rest = sql;
    while let Some((line, after)) = rest.split_once('\n') {
        if !line.starts_with("--") {
            break;
        }
        rest = after;
    }
    rest
}

/// Executes inside an open connection; the rows are in `SPI_tuptable` afterwards.
fn execute(sql: &str, params: &[Param<'_>], read_only: bool) -> Result<(), PgError> {
    // The files of our statements begin with why they are shaped so; CONTEXT should show the statement.
    let text = c_string(without_comment(sql).as_bytes())?;
    let mut bound = bind(params)?;
    // SAFETY: the three arrays have `count` members and live across the call.
    let code = unsafe {
        catch(|| {
            raw::SPI_execute_with_args(
                text.as_ptr(),
                bound.count,
                bound.types.as_mut_ptr(),
                bound.values.as_mut_ptr(),
                bound.nulls.as_ptr(),
                read_only,
                0,
            )
        })?
    };
    if code < 0 { Err(spi_error("SPI_execute", code)) } else { Ok(()) }
}

fn rows() -> Result<Vec<Vec<Cell>>, PgError> {
    // SAFETY: after a successful SPI_execute the table is null or has numvals tuples of its descriptor.
    unsafe {
        let Some(table) = pg_sys::SPI_tuptable.as_ref() else { return Ok(Vec::new()) };
        let tuples = std::slice::from_raw_parts(table.vals, usize::try_from(table.numvals).unwrap_or(0));
        let columns = (*table.tupdesc).natts;
        tuples.iter().map(|&tuple| (1..=columns).map(|at| cell(tuple, table.tupdesc, at)).collect()).collect()
    }
}

unsafe fn cell(tuple: pg_sys::HeapTuple, descriptor: pg_sys::TupleDesc, at: c_int) -> Result<Cell, PgError> {
    // SAFETY: `at` is a column of the descriptor; results are copied before the table is freed.
    unsafe {
        if pg_sys::SPI_gettypeid(descriptor, at) == pg_sys::BYTEAOID {
            let mut is_null = false;
            let datum = pg_sys::SPI_getbinval(tuple, descriptor, at, &mut is_null);
            return Ok(if is_null { Cell::Null } else { Cell::Bytes(varlena_bytes(datum)?.to_vec()) });
        }
        let text = catch(|| raw::SPI_getvalue(tuple, descriptor, at))?;
        Ok(if text.is_null() { Cell::Null } else { Cell::Text(c_text(text)) })
    }
}

/// Runs a statement that reads what is committed now, also inside a transaction that keeps an older snapshot: what the
/// rows say is remembered across transactions.
pub fn query_latest(sql: &str, params: &[Param<'_>]) -> Result<Vec<Vec<Cell>>, PgError> {
    if !super::catch::can_open_subtransaction() {
        // In a parallel plan no snapshot may be taken; there the one of the plan has to do.
        let _connection = Connection::open()?;
        execute(sql, params, true)?;
        return rows();
    }
    let _connection = Connection::open()?;
    // SAFETY: pushed and popped as a pair; an error leaves it to the (sub)transaction abort.
    unsafe { catch(|| raw::PushActiveSnapshot(raw::GetLatestSnapshot()))? };
    execute(sql, params, true)?;
    let rows = rows();
    // SAFETY: as above.
    unsafe { catch(|| raw::PopActiveSnapshot())? };
    rows
}

/// Runs a statement that reads and returns all rows.
pub fn query(sql: &str, params: &[Param<'_>]) -> Result<Vec<Vec<Cell>>, PgError> {
    let _connection = Connection::open()?;
    execute(sql, params, false)?;
    rows()
}

/// Runs a statement for its effect.
pub fn run(sql: &str, params: &[Param<'_>]) -> Result<(), PgError> {
    let _connection = Connection::open()?;
    execute(sql, params, false)
}

thread_local! {
    // By the address of the text: a few dozen constants of this library.
    static KEPT: RefCell<HashMap<usize, pg_sys::SPIPlanPtr>> = RefCell::default();
}

/// Plans made inside this scope go by an index where there is one. A kept plan may be made while the queue is empty, when
/// reading the whole table is cheapest, and used when it is not.
struct IndexPlans {
    seqscan: bool,
    bitmapscan: bool,
}

impl IndexPlans {
    fn prefer() -> Self {
        // SAFETY: two settings of this process; `Drop` puts them back. Our statements run no code of anybody else's.
        unsafe {
            let before = Self { seqscan: pg_sys::enable_seqscan, bitmapscan: pg_sys::enable_bitmapscan };
            pg_sys::enable_seqscan = false;
            pg_sys::enable_bitmapscan = false;
            before
        }
    }
}

impl Drop for IndexPlans {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe {
            pg_sys::enable_seqscan = self.seqscan;
            pg_sys::enable_bitmapscan = self.bitmapscan;
        }
    }
}

/// Runs a statement that this process will run again and again, by a plan that is kept, and returns all rows.
pub fn query_kept(sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Vec<Cell>>, PgError> {
    let _connection = Connection::open()?;
    let _plans = IndexPlans::prefer();
    let mut bound = bind(params)?;
    let key = sql.as_ptr() as usize;
    let plan = match KEPT.with(|kept| kept.borrow().get(&key).copied()) {
        Some(plan) => plan,
        None => {
            let text = c_string(without_comment(sql).as_bytes())?;
            // SAFETY: the types live across the call; a kept plan belongs to the process.
            let plan = unsafe {
                catch(|| {
                    let plan = raw::SPI_prepare(text.as_ptr(), bound.count, bound.types.as_mut_ptr());
                    if !plan.is_null() {
                        raw::SPI_keepplan(plan);
                    }
                    plan
                })?
            };
            if plan.is_null() {
                // SAFETY: set by the call before.
                return Err(spi_error("SPI_prepare", unsafe { pg_sys::SPI_result }));
            }
            KEPT.with(|kept| kept.borrow_mut().insert(key, plan));
            plan
        }
    };
    // SAFETY: the plan was prepared for parameters of these types: a text is always bound alike.
    let code =
        unsafe { catch(|| raw::SPI_execute_plan(plan, bound.values.as_mut_ptr(), bound.nulls.as_ptr(), false, 0))? };
    if code < 0 { Err(spi_error("SPI_execute_plan", code)) } else { rows() }
}

/// Runs a statement whose text is partly the deployer's own: exactly one statement, or nothing.
///
/// # Errors
/// 42601 when the text turns out to be several statements; otherwise what the statement fails with.
pub fn run_one(sql: &str) -> Result<(), PgError> {
    let _connection = Connection::open()?;
    // SAFETY: the tree lives in the SPI context.
    unsafe { parse_one(sql)? };
    execute(sql, &[], false)
}

/// Runs a CREATE FUNCTION whose signature is the deployer's own text.
///
/// # Errors
/// 42601 when the text turns out to be anything but one function in this language with this AS.
pub fn create_function(sql: &str, language: &str, source: &str) -> Result<(), PgError> {
    let _connection = Connection::open()?;
    // SAFETY: the tree lives in the SPI context; each cast follows the node's own tag.
    let is_wanted = unsafe {
        let statement = (*parse_one(sql)?).stmt;
        if (*statement).type_ != pg_sys::NodeTag::T_CreateFunctionStmt {
            false
        } else {
            let options = (*statement.cast::<pg_sys::CreateFunctionStmt>()).options;
            option_text(options, "language").as_deref() == Some(language)
                && option_text(options, "as").as_deref() == Some(source)
        }
    };
    if !is_wanted {
        return Err(PgError::new(
            SqlState::new(b"42601"),
            "expected the signature of one function: name(arguments) RETURNS type",
        ));
    }
    execute(sql, &[], false)
}

unsafe fn parse_one(sql: &str) -> Result<*mut pg_sys::RawStmt, PgError> {
    let text = c_string(sql.as_bytes())?;
    // SAFETY: a null List is an empty one; its members are RawStmt.
    unsafe {
        let tree = catch(|| raw::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT))?;
        let count = if tree.is_null() { 0 } else { (*tree).length };
        if count != 1 {
            return Err(PgError::new(SqlState::new(b"42601"), format!("expected one SQL statement, got {count}")));
        }
        Ok((*(*tree).elements).ptr_value.cast())
    }
}

/// The text of an option that is a string or a list of one string; `None` when it is missing, double or anything else.
unsafe fn option_text(options: *mut pg_sys::List, name: &str) -> Option<String> {
    // SAFETY: the options of CREATE FUNCTION are a List of DefElem; each cast follows the node's own tag.
    unsafe {
        let count = if options.is_null() { 0 } else { usize::try_from((*options).length).unwrap_or(0) };
        let mut found = (0..count)
            .map(|at| &*(*(*options).elements.add(at)).ptr_value.cast::<pg_sys::DefElem>())
            .filter(|option| c_text(option.defname) == name);
        let (Some(option), None) = (found.next(), found.next()) else { return None };
        let mut value = option.arg;
        if (*value).type_ == pg_sys::NodeTag::T_List {
            let list = value.cast::<pg_sys::List>();
            if (*list).length != 1 {
                return None;
            }
            value = (*(*list).elements).ptr_value.cast();
        }
        ((*value).type_ == pg_sys::NodeTag::T_String).then(|| c_text((*value.cast::<pg_sys::String>()).sval))
    }
}

/// The one value of a one-row, one-column statement over a JSON parameter, in the caller's memory context.
pub(super) fn one_datum(sql: &str, json: &str) -> Result<Option<pg_sys::Datum>, PgError> {
    let _connection = Connection::open()?;
    execute(sql, &[Param::Json(json)], false)?;
    // SAFETY: the statement returns one row of one column; SPI_datumTransfer copies it to the caller's context.
    unsafe {
        let Some(table) = pg_sys::SPI_tuptable.as_ref().filter(|table| table.numvals > 0) else { return Ok(None) };
        let mut is_null = false;
        let datum = pg_sys::SPI_getbinval(*table.vals, table.tupdesc, 1, &mut is_null);
        if is_null {
            return Ok(None);
        }
        let Some(attribute) = version::attributes(table.tupdesc).first() else { return Ok(None) };
        Ok(Some(pg_sys::SPI_datumTransfer(datum, attribute.attbyval, i32::from(attribute.attlen))))
    }
}

impl Reply {
    /// A row of an anonymous record type (OUT parameters, a column definition list) from a JSON object.
    pub fn record(call: &Call<'_>, json: &RawValue) -> Result<Self, PgError> {
        let mut result_type = pg_sys::InvalidOid;
        let mut descriptor: pg_sys::TupleDesc = std::ptr::null_mut();
        // SAFETY: out parameters live across the call; a blessed descriptor gives the row its type.
        unsafe {
            catch(|| raw::get_call_result_type(call.fcinfo, &mut result_type, &mut descriptor))?;
            if descriptor.is_null() {
                let mut error = PgError::new(
                    SqlState::new(b"0A000"),
                    "function returning record called in context that cannot accept type record",
                );
                error.hint = Some("Try calling the function in the FROM clause using a column definition list.".into());
                return Err(error);
            }
            let list = column_list(&super::datum::describe(descriptor)?);
            let sql = format!("SELECT t.* FROM pg_catalog.json_to_record($1) AS t({list})");
            let upper = pg_sys::CurrentMemoryContext;
            let _connection = Connection::open()?;
            execute(&sql, &[Param::Json(json.get())], false)?;
            let Some(table) = pg_sys::SPI_tuptable.as_ref().filter(|table| table.numvals > 0) else {
                return Ok(Self::NULL);
            };
            let inner = pg_sys::MemoryContextSwitchTo(upper);
            let blessed = pg_sys::BlessTupleDesc(descriptor);
            let datum = catch(|| raw::heap_copy_tuple_as_datum(*table.vals, blessed));
            pg_sys::MemoryContextSwitchTo(inner);
            Ok(Self::datum(datum?))
        }
    }

    /// All rows of a set-returning function from a JSON array.
    pub fn set(call: &mut Call<'_>, element: TypeId, json: &RawValue) -> Result<Self, PgError> {
        // SAFETY: InitMaterializedSRF checks that the caller can take a set and fills resultinfo.
        unsafe {
            let flags = pg_sys::MAT_SRF_USE_EXPECTED_DESC;
            catch(|| raw::InitMaterializedSRF(call.fcinfo, flags))?;
            let info = (*call.fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            let store = (*info).setResult;
            let sql = match call.result_columns()? {
                Some(columns) => {
                    let list = column_list(&columns);
                    format!("SELECT {} FROM pg_catalog.json_to_recordset($1) AS t({list})", select((*info).setDesc)?)
                }
                None => {
                    let name = type_name(element.0.to_u32(), -1)?;
                    format!(
                        "SELECT t.x FROM pg_catalog.json_array_elements($1) AS e(v), \
                         LATERAL pg_catalog.json_to_record(pg_catalog.json_build_object('x', e.v)) AS t(x {name})"
                    )
                }
            };
            let _connection = Connection::open()?;
            execute(&sql, &[Param::Json(json.get())], false)?;
            if let Some(table) = pg_sys::SPI_tuptable.as_ref() {
                for at in 0..usize::try_from(table.numvals).unwrap_or(0) {
                    let tuple = *table.vals.add(at);
                    catch(|| raw::tuplestore_puttuple(store, tuple))?;
                }
            }
            Ok(Self::NULL)
        }
    }
}

fn column_list(columns: &[(String, String)]) -> String {
    columns.iter().map(|(name, r#type)| format!("{name} {type}")).collect::<Vec<_>>().join(", ")
}

/// The select list that gives rows the physical layout of `descriptor`, with NULL for dropped columns.
unsafe fn select(descriptor: pg_sys::TupleDesc) -> Result<String, PgError> {
    // SAFETY: the descriptor belongs to the running call.
    let shape = unsafe { super::row::RowShape::of(descriptor)? };
    let items = shape.columns.iter().map(|column| {
        if column.name.is_empty() {
            "NULL::pg_catalog.int4".to_owned()
        } else {
            format!("t.{}", super::call::quote_identifier(&column.name))
        }
    });
    Ok(items.collect::<Vec<_>>().join(", "))
}
