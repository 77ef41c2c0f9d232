//! A trigger's view of a row change, and the way its outcome goes back.

use core::ffi::{CStr, c_int};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use pgrx::pg_sys;
use serde_json::value::RawValue;

use super::call::{Call, Reply, owned};
use super::catch::catch;
use super::datum::FromJson;
use super::error::SqlState;
use super::json::escape;
use super::row::RowShape;
use super::{PgError, inval, raw};

/// The first argument of an asynchronous trigger. Postgres' own rules about who may make a trigger of a function, and
/// that the function cannot be dropped under it, hold for these as for all others.
pub const ASYNC_MARK: &str = "alyx:async";

/// When a trigger fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// Before the change.
    Before,
    /// After the change.
    After,
    /// Instead of a change of a view.
    InsteadOf,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// TRUNCATE.
    Truncate,
}

/// The running trigger call.
pub struct Trigger<'a> {
    data: &'a pg_sys::TriggerData,
    shape: Rc<RowShape>,
    /// The columns that the event has.
    read: Rc<RowShape>,
}

/// The shape of a relation, and what a function reads of it: kept beside the function.
#[derive(Default)]
pub struct Narrowed(RefCell<Option<[Rc<RowShape>; 2]>>);

type Shapes = HashMap<u32, (u64, Rc<RowShape>)>;

/// Heads by trigger, relation and operation, under the generation of relations that they were written in.
type Heads = (u64, HashMap<(u32, u32, u32), Vec<u8>>);

/// The bits of an event that its head depends on.
const EVENT_MASK: u32 = pg_sys::TRIGGER_EVENT_OPMASK | pg_sys::TRIGGER_EVENT_ROW | pg_sys::TRIGGER_EVENT_TIMINGMASK;

thread_local! {
    static HEADS: RefCell<Heads> = RefCell::new((0, HashMap::new()));
    static SHAPES: RefCell<Shapes> = RefCell::new(HashMap::new());
}

fn shape_of(relation: pg_sys::Relation) -> Result<Rc<RowShape>, PgError> {
    // SAFETY: the trigger manager holds the relation open for the whole call.
    let (oid, descriptor) = unsafe { ((*relation).rd_id.to_u32(), (*relation).rd_att) };
    let generation = inval::relations();
    let known = SHAPES.with(|shapes| shapes.borrow().get(&oid).filter(|(at, _)| *at == generation).cloned());
    if let Some((_, shape)) = known {
        return Ok(shape);
    }
    // SAFETY: as above.
    let shape = unsafe { RowShape::of(descriptor)? };
    SHAPES.with(|shapes| {
        let mut shapes = shapes.borrow_mut();
        if shapes.len() > 1000 {
            shapes.clear();
        }
        shapes.insert(oid, (generation, Rc::clone(&shape)));
    });
    Ok(shape)
}

impl<'a> Trigger<'a> {
    /// The trigger behind a call; `None` when it is not called as one.
    pub fn of(call: &'a Call<'_>) -> Result<Option<Self>, PgError> {
        if !call.is_trigger() {
            return Ok(None);
        }
        // SAFETY: the node tag was checked; the data lives as long as the call.
        let data = unsafe { &*(*call.fcinfo).context.cast::<pg_sys::TriggerData>() };
        let shape = shape_of(data.tg_relation)?;
        Ok(Some(Self { data, read: Rc::clone(&shape), shape }))
    }

    /// Leaves all other columns out of the event.
    ///
    /// # Errors
    /// 42703 when the relation does not have one of them.
    pub fn reading(mut self, names: &[String], kept: &Narrowed) -> Result<Self, PgError> {
        let known = kept.0.borrow().as_ref().filter(|[whole, _]| Rc::ptr_eq(whole, &self.shape)).cloned();
        self.read = match known {
            Some([_, read]) => read,
            None => {
                let read = self.shape.reading(names).map_err(|name| {
                    let text = format!("column \"{name}\" that the function reads does not exist");
                    let mut error = PgError::new(SqlState::new(b"42703"), text);
                    error.hint = Some("Change \"reads\" in the function's manifest.".to_owned());
                    error
                })?;
                kept.0.replace(Some([Rc::clone(&self.shape), Rc::clone(&read)]));
                read
            }
        };
        Ok(self)
    }

    /// When it fires.
    pub fn timing(&self) -> Timing {
        match self.data.tg_event & pg_sys::TRIGGER_EVENT_TIMINGMASK {
            pg_sys::TRIGGER_EVENT_BEFORE => Timing::Before,
            pg_sys::TRIGGER_EVENT_INSTEAD => Timing::InsteadOf,
            _ => Timing::After,
        }
    }

    /// What changed.
    pub fn operation(&self) -> Operation {
        match self.data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK {
            pg_sys::TRIGGER_EVENT_INSERT => Operation::Insert,
            pg_sys::TRIGGER_EVENT_UPDATE => Operation::Update,
            pg_sys::TRIGGER_EVENT_DELETE => Operation::Delete,
            _ => Operation::Truncate,
        }
    }

    /// Whether it fires once per row.
    pub fn is_row(&self) -> bool {
        self.data.tg_event & pg_sys::TRIGGER_EVENT_ROW != 0
    }

    /// Whether its function is to be called after commit: its first argument is [`ASYNC_MARK`].
    pub fn is_asynchronous(&self) -> bool {
        // SAFETY: the trigger is valid for the whole call; it has as many arguments as it says.
        unsafe {
            let trigger = &*self.data.tg_trigger;
            trigger.tgnargs > 0 && CStr::from_ptr(*trigger.tgargs).to_bytes() == ASYNC_MARK.as_bytes()
        }
    }

    /// Its transition tables, if it has any. Good for as long as the trigger call lasts.
    pub fn transition_tables(&self) -> Option<TransitionTables> {
        let has_any = !self.data.tg_newtable.is_null() || !self.data.tg_oldtable.is_null();
        has_any.then(|| TransitionTables { data: std::ptr::from_ref(self.data).cast_mut() })
    }

    /// Appends the event's `database` object; `out` may grow to about `limit` bytes.
    pub fn write(&self, out: &mut Vec<u8>, limit: usize) -> Result<(), PgError> {
        self.write_head(out);
        if self.is_row() {
            self.write_rows(out, limit)?
        } else {
            self.write_tables(out, limit)?
        }
        out.push(b'}');
        Ok(())
    }

    /// What is the same for every row that one trigger sees of one operation, written once and then copied.
    fn write_head(&self, out: &mut Vec<u8>) {
        // SAFETY: both are valid for the whole call.
        let (trigger, relation) =
            unsafe { ((*self.data.tg_trigger).tgoid.to_u32(), (*self.data.tg_relation).rd_id.to_u32()) };
        let key = (trigger, relation, self.data.tg_event & EVENT_MASK);
        let generation = inval::relations();
        HEADS.with(|heads| {
            let mut heads = heads.borrow_mut();
            if heads.0 != generation {
                *heads = (generation, HashMap::new());
            }
            out.extend_from_slice(heads.1.entry(key).or_insert_with(|| self.head()));
        });
    }

    fn head(&self) -> Vec<u8> {
        let op: &[u8] = match self.operation() {
            Operation::Insert => b"INSERT",
            Operation::Update => b"UPDATE",
            Operation::Delete => b"DELETE",
            Operation::Truncate => b"TRUNCATE",
        };
        let timing: &[u8] = match self.timing() {
            Timing::Before => b"BEFORE",
            Timing::After => b"AFTER",
            Timing::InsteadOf => b"INSTEAD OF",
        };
        let level: &[u8] = if self.is_row() { b"ROW" } else { b"STATEMENT" };
        // SAFETY: relation and trigger are valid for the whole call; names are NUL-terminated.
        let (schema, table, trigger, args) = unsafe {
            let class = &*(*self.data.tg_relation).rd_rel;
            let trigger = &*self.data.tg_trigger;
            let schema = owned(pg_sys::get_namespace_name(class.relnamespace));
            let table = owned(class.relname.data.as_ptr());
            let args = (0..usize::try_from(trigger.tgnargs).unwrap_or(0)).map(|i| owned(*trigger.tgargs.add(i)));
            let own = usize::from(self.is_asynchronous());
            (schema, table, owned(trigger.tgname), args.skip(own).collect::<Vec<_>>())
        };
        let mut out = b"{\"op\":".to_vec();
        escape(op, &mut out);
        for (key, value) in [
            (&b"timing"[..], timing),
            (b"level", level),
            (b"schema", schema.as_bytes()),
            (b"table", table.as_bytes()),
            (b"trigger", trigger.as_bytes()),
        ] {
            field(key, &mut out);
            escape(value, &mut out);
        }
        field(b"args", &mut out);
        out.push(b'[');
        for (i, arg) in args.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            escape(arg.as_bytes(), &mut out);
        }
        out.push(b']');
        out
    }

    fn write_rows(&self, out: &mut Vec<u8>, limit: usize) -> Result<(), PgError> {
        let (new, old) = match self.operation() {
            Operation::Insert => (self.data.tg_trigtuple, std::ptr::null_mut()),
            Operation::Update => (self.data.tg_newtuple, self.data.tg_trigtuple),
            _ => (std::ptr::null_mut(), self.data.tg_trigtuple),
        };
        for (key, tuple) in [(&b"new"[..], new), (b"old", old)] {
            if !tuple.is_null() {
                field(key, out);
                // SAFETY: the tuple has the relation's descriptor, from which the shape was made.
                unsafe { self.read.write_tuple(tuple, (*self.data.tg_relation).rd_att, out, limit)? };
            }
        }
        Ok(())
    }

    fn write_tables(&self, out: &mut Vec<u8>, limit: usize) -> Result<(), PgError> {
        for (key, table) in [(&b"new_rows"[..], self.data.tg_newtable), (b"old_rows", self.data.tg_oldtable)] {
            if !table.is_null() {
                field(key, out);
                self.write_table(table, out, limit)?;
            }
        }
        Ok(())
    }

    fn write_table(&self, table: *mut pg_sys::Tuplestorestate, out: &mut Vec<u8>, limit: usize) -> Result<(), PgError> {
        out.push(b'[');
        // SAFETY: a transition table holds minimal tuples of the relation's descriptor; the slot is dropped at the end
        // (an error leaves it to the memory context).
        unsafe {
            let descriptor = (*self.data.tg_relation).rd_att;
            let slot = pg_sys::MakeSingleTupleTableSlot(descriptor, &pg_sys::TTSOpsMinimalTuple);
            catch(|| raw::tuplestore_rescan(table))?;
            let mut first = true;
            while catch(|| raw::tuplestore_gettupleslot(table, true, false, slot))? {
                if !first {
                    out.push(b',');
                }
                first = false;
                let count = self.shape.columns.len();
                catch(|| raw::slot_getsomeattrs_int(slot, c_int::try_from(count).unwrap_or(c_int::MAX)))?;
                let values = std::slice::from_raw_parts((*slot).tts_values, count);
                let nulls = std::slice::from_raw_parts((*slot).tts_isnull, count);
                self.read.write(values, nulls, out, limit)?;
                if let Some(error) = super::interrupt::raise_pending() {
                    return Err(error);
                }
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
        }
        out.push(b']');
        Ok(())
    }

    /// Lets the change happen as it is.
    pub fn keep(&self) -> Reply {
        let tuple = match self.operation() {
            Operation::Update => self.data.tg_newtuple,
            _ => self.data.tg_trigtuple,
        };
        Reply::datum(pg_sys::Datum::from(if self.is_row() { tuple } else { std::ptr::null_mut() }))
    }

    /// Drops the row.
    pub fn skip(&self) -> Reply {
        Reply::datum(pg_sys::Datum::null())
    }

    /// Merges the given columns into NEW. Columns that Postgres generates are left alone.
    ///
    /// # Errors
    /// 39P01 for a column that the table does not have; otherwise what the column's input function says.
    pub fn merge<'j>(&self, row: impl Iterator<Item = (&'j str, &'j RawValue)>) -> Result<Reply, PgError> {
        let (mut columns, mut values, mut nulls) = (Vec::new(), Vec::new(), Vec::new());
        for (name, json) in row {
            let Some(at) = self.shape.position(name) else {
                let mut error = PgError::new(
                    SqlState::new(b"39P01"),
                    format!("trigger outcome sets column \"{name}\", which the table does not have"),
                );
                error.hint = Some("Return only columns of the table in \"row\".".to_owned());
                return Err(error);
            };
            let column = &self.shape.columns[at];
            if column.is_generated {
                continue;
            }
            let datum = FromJson::of(column.r#type, column.typmod)?.datum(json).map_err(|mut error| {
                error.column.get_or_insert_with(|| name.to_owned());
                error
            })?;
            columns.push(c_int::try_from(at + 1).unwrap_or(c_int::MAX));
            values.push(datum.unwrap_or(pg_sys::Datum::null()));
            nulls.push(datum.is_none());
        }
        let tuple = match self.operation() {
            Operation::Update => self.data.tg_newtuple,
            _ => self.data.tg_trigtuple,
        };
        let count = c_int::try_from(columns.len()).unwrap_or(c_int::MAX);
        // SAFETY: three arrays of `count` members; the new tuple is palloc'd in the current context, as for any trigger.
        let tuple = unsafe {
            catch(|| {
                raw::heap_modify_tuple_by_cols(
                    tuple,
                    (*self.data.tg_relation).rd_att,
                    count,
                    columns.as_ptr(),
                    values.as_ptr(),
                    nulls.as_ptr(),
                )
            })?
        };
        Ok(Reply::datum(pg_sys::Datum::from(tuple)))
    }
}

/// The transition tables of a running statement trigger, for the SQL of its guest.
#[derive(Clone, Copy, Debug)]
pub struct TransitionTables {
    data: *mut pg_sys::TriggerData,
}

impl TransitionTables {
    /// Makes them known, under the names of REFERENCING, to the statements of the open SPI connection.
    pub(super) fn register(self) -> Result<(), PgError> {
        // SAFETY: the trigger call that lent this is still running: its guest is what asks.
        let code = unsafe { catch(|| raw::SPI_register_trigger_data(self.data))? };
        if code < 0 { Err(super::spi::spi_error("SPI_register_trigger_data", code)) } else { Ok(()) }
    }

    /// The same for the parser, which is asked outside of SPI for the types of parameters.
    pub(super) fn environment(self) -> Result<*mut pg_sys::QueryEnvironment, PgError> {
        // SAFETY: as above; what is allocated goes with the current memory context.
        unsafe {
            let data = &*self.data;
            let environment = pg_sys::create_queryEnv();
            let tables =
                [((*data.tg_trigger).tgnewtable, data.tg_newtable), ((*data.tg_trigger).tgoldtable, data.tg_oldtable)];
            for (name, table) in tables {
                if name.is_null() || table.is_null() {
                    continue;
                }
                let relation = pg_sys::palloc0(size_of::<pg_sys::EphemeralNamedRelationData>())
                    .cast::<pg_sys::EphemeralNamedRelationData>();
                (*relation).md.name = name;
                (*relation).md.reliddesc = (*data.tg_relation).rd_id;
                (*relation).md.enrtype = pg_sys::EphemeralNameRelationType::ENR_NAMED_TUPLESTORE;
                (*relation).md.enrtuples = pg_sys::tuplestore_tuple_count(table) as f64;
                (*relation).reldata = table.cast();
                pg_sys::register_ENR(environment, relation);
            }
            Ok(environment)
        }
    }
}

fn field(key: &[u8], out: &mut Vec<u8>) {
    out.push(b',');
    escape(key, out);
    out.push(b':');
}

/// Appends the `database` object of an event trigger: which event, which command.
pub fn write_event_trigger(call: &Call<'_>, out: &mut Vec<u8>) {
    // SAFETY: called when the node tag says so; both names are static strings of the server.
    let (event, tag) = unsafe {
        let data = &*(*call.fcinfo).context.cast::<pg_sys::EventTriggerData>();
        (owned(data.event), owned(pg_sys::GetCommandTagName(data.tag)))
    };
    out.extend_from_slice(b"{\"event\":");
    escape(event.as_bytes(), out);
    field(b"tag", out);
    escape(tag.as_bytes(), out);
    out.push(b'}');
}

/// Event triggers of ours that are running; Postgres counts those of rows and statements only.
static EVENT_TRIGGERS: AtomicU32 = AtomicU32::new(0);

/// A running event trigger.
pub struct EventTriggerScope(());

impl EventTriggerScope {
    /// It begins.
    pub fn open() -> Self {
        EVENT_TRIGGERS.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for EventTriggerScope {
    fn drop(&mut self) {
        EVENT_TRIGGERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a trigger of any language is running in this session, so that a writer waits for what is done now.
pub fn is_running() -> bool {
    // SAFETY: `pg_trigger_depth` reads a counter and looks at no argument.
    let depth = unsafe { raw::pg_trigger_depth(std::ptr::null_mut()) }.value();
    depth > 0 || EVENT_TRIGGERS.load(Ordering::Relaxed) > 0
}
