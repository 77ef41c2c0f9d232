//! A function's export, prepared for calls: the loaded module, and the instance that is kept between calls when its
//! manifest says so or when nobody could tell the difference.

use std::cell::RefCell;
use std::ffi::CString;
use std::mem::ManuallyDrop;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering};

use alyx_fetch::AllowList;
use alyx_manifest::{Instances, RunAs};
use alyx_runtime::{Callable, Failure, Instance, LimitKind, Module};

use super::engine;
use super::failure::{self, Failed};
use super::schema::Schemas;
use crate::catalog::Function;
use crate::error::Error;
use crate::host::{Grants, GuestHost, Scope};
use crate::pg::current::Current;
use crate::pg::{PgError, Role, inval};
use crate::record::Recorder;

/// How long an instance serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reuse {
    /// One call.
    Never,
    /// Any call: nothing that the export can reach writes state, so every call starts from the initial image.
    Always,
    /// Calls of one role in one transaction.
    Transaction,
    /// Calls of one role in one session.
    Session,
}

/// An instance, the exports of it that have been looked up, by the number of their target, and whom it served last.
pub(super) struct Running {
    pub(super) instance: Instance<GuestHost>,
    callables: Vec<(u64, Callable)>,
    role: Role,
    transaction: u64,
}

impl Running {
    /// The target's export in this instance.
    #[inline]
    pub(super) fn callable(&mut self, target: &Target) -> Result<Callable, PgError> {
        if let Some((_, callable)) = self.callables.iter().find(|(number, _)| *number == target.number) {
            return Ok(*callable);
        }
        let callable = self
            .instance
            .function(&target.export)
            .ok_or_else(|| PgError::from(Error::Internal(format!("export \"{}\" has gone", target.export))))?;
        if target.reuse != Reuse::Never {
            self.callables.push((target.number, callable));
        }
        Ok(callable)
    }
}

/// Where the instance of a function version is kept: one place for all of its exports, which share its state.
#[derive(Default)]
struct Shelf(RefCell<Option<Box<Running>>>);

/// One export of one version of a function, ready to be called.
pub struct Target {
    /// The function.
    pub function: Rc<Function>,
    /// Its module.
    pub module: Rc<Module<GuestHost>>,
    /// The export that is called.
    pub export: String,
    /// What its guests are granted.
    pub grants: Rc<Grants>,
    /// Where its invocations are counted and recorded.
    pub(super) recorder: Rc<Recorder>,
    /// What its inputs and outputs are held against: those of the function, when it is its entry point.
    pub(super) schemas: Option<Rc<Schemas>>,
    reuse: Reuse,
    number: u64,
    shelf: Rc<Shelf>,
}

type EntryPoints = Current<(String, i32), Rc<Target>>;

thread_local! {
    // By function and version; emptied whenever functions change.
    // Never dropped with the process: unmapping instances one by one would only delay its end.
    static ENTRY_POINTS: ManuallyDrop<RefCell<EntryPoints>> = ManuallyDrop::new(RefCell::new(Current::new()));
    static SHELVES: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// One shelf in the list of all.
struct Entry {
    function: Rc<Function>,
    reuse: Reuse,
    shelf: Weak<Shelf>,
}

/// Kept instances that go at once when there are too many: enough that a round of many functions does not look for the
/// oldest at every call.
const ROOM: usize = 8;

/// Numbers targets, so that an instance knows which of its exports have been looked up.
static NUMBERS: AtomicU64 = AtomicU64::new(0);
/// Counts transactions of this backend.
static TRANSACTION: AtomicU64 = AtomicU64::new(0);

impl Target {
    /// Loads the function's module and finds the export.
    ///
    /// # Errors
    /// 42883 when the module has no such export.
    pub fn prepare(function: Rc<Function>, export: &str) -> Result<Rc<Self>, PgError> {
        let module = engine::load(&function)?;
        if module.signature(export).is_none() {
            let callable = module.exports().iter().map(|found| found.name.clone()).collect();
            let (name, export) = (function.name.clone(), export.to_owned());
            return Err(Error::UnknownExport { name, export, callable }.into());
        }
        let reuse = match function.manifest.instances {
            Instances::Transaction => Reuse::Transaction,
            Instances::Session => Reuse::Session,
            Instances::Fresh if module.is_stateless(export) => Reuse::Always,
            Instances::Fresh => Reuse::Never,
        };
        let has_shapes = function.manifest.input.is_some() || function.manifest.output.is_some();
        let is_entry_point = function.export.as_deref() == Some(export);
        let schemas = (has_shapes && is_entry_point).then(|| Schemas::of(&function)).transpose()?;
        let target = Rc::new(Self {
            schemas,
            shelf: shelf_for(&function, reuse),
            grants: Rc::new(grants_of(&function, export)),
            recorder: Recorder::new(function.id, function.version, &function.name, export, function.manifest.log),
            function,
            module,
            export: export.to_owned(),
            reuse,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        });
        Ok(target)
    }

    /// Bytes of input that could fit: a guest's memory holds its input.
    pub fn input_limit(&self) -> usize {
        usize::try_from(self.function.limits().memory_bytes).unwrap_or(usize::MAX)
    }

    /// Whether anybody could look at its input: a schema, or the export. Reading it takes a call of the host, and an
    /// export that leaves no state makes none.
    pub fn reads_input(&self) -> bool {
        let is_checked = self.schemas.as_ref().is_some_and(|schemas| schemas.have_input());
        is_checked || (self.module.uses_extism() && !self.module.is_stateless(&self.export))
    }

    /// The entry point of a function, kept until functions change.
    ///
    /// # Errors
    /// 42883 when the module has none.
    pub fn of_function(function: &Rc<Function>) -> Result<Rc<Self>, PgError> {
        let key = (function.name.clone(), function.version);
        let generation = inval::functions();
        if let Some(target) = ENTRY_POINTS.with(|targets| targets.borrow_mut().get(&key)) {
            return Ok(target);
        }
        let Some(export) = function.export.as_deref() else {
            return Err(Error::UnknownExport {
                name: function.name.clone(),
                export: "handler".to_owned(),
                callable: Vec::new(),
            }
            .into());
        };
        let target = Self::prepare(Rc::clone(function), export)?;
        let displaced = ENTRY_POINTS.with(|targets| targets.borrow_mut().keep(generation, key, Rc::clone(&target)));
        drop(displaced);
        Ok(target)
    }

    /// An instance to call: the kept one when it may serve this role now, else a new one.
    #[inline]
    pub(super) fn take(&self, caller: Role, scope: Scope) -> Result<Box<Running>, Failed> {
        let transaction = TRANSACTION.load(Ordering::Relaxed);
        if self.reuse != Reuse::Never {
            // Taken out, so that a nested call of the same function finds nothing and makes its own.
            if let Some(mut kept) = self.shelf.0.take() {
                let serves = match self.reuse {
                    Reuse::Never => false,
                    Reuse::Always => true,
                    Reuse::Session => kept.role == caller,
                    Reuse::Transaction => kept.role == caller && kept.transaction == transaction,
                };
                if serves {
                    kept.instance.host_mut().begin(&self.grants, caller, scope);
                    (kept.role, kept.transaction) = (caller, transaction);
                    return Ok(kept);
                }
            }
        }
        let instance = self.instantiate(caller, scope)?;
        Ok(Box::new(Running { instance, callables: Vec::new(), role: caller, transaction }))
    }

    fn instantiate(&self, caller: Role, scope: Scope) -> Result<Instance<GuestHost>, Failed> {
        let limits = self.function.limits();
        let host = || {
            let mut host = GuestHost::new(Rc::clone(&self.grants), super::ROAD);
            host.begin(&self.grants, caller, scope);
            host
        };
        let failure = match self.module.instantiate(host(), &limits) {
            Ok(instance) => return Ok(instance),
            Err(failure) => failure,
        };
        let failure = if matches!(failure, Failure::Limit { what: LimitKind::Instances, .. }) {
            // Kept instances of other functions take the room.
            drop_unused();
            match self.module.instantiate(host(), &limits) {
                Ok(instance) => return Ok(instance),
                Err(failure) => failure,
            }
        } else {
            failure
        };
        Err(failure::of_start(self, failure))
    }

    /// Keeps an instance for the next call, or drops it.
    #[inline]
    pub(super) fn put(&self, running: Box<Running>) {
        if self.reuse != Reuse::Never {
            let displaced = self.shelf.0.replace(Some(running));
            drop(displaced);
        }
    }
}

fn grants_of(function: &Function, export: &str) -> Grants {
    let manifest = &function.manifest;
    let label = match function.source {
        Some(_) => format!("javascript function \"{}\"", function.name),
        None => format!("alyx function \"{}\" version {}, export \"{export}\"", function.name, function.version),
    };
    Grants {
        id: function.id,
        name: function.name.clone(),
        version: function.version,
        context: CString::new(label.replace('\0', " ")).unwrap_or_default().into(),
        label,
        owner: function.owner,
        schema: function.schema.clone(),
        runs_as_owner: manifest.run_as == RunAs::Owner,
        database: manifest.database,
        env: function.env.clone(),
        secret_names: manifest.secrets.clone(),
        secrets: function.secrets.clone(),
        opened: RefCell::default(),
        allowed: AllowList::new(manifest.allowed_hosts.iter().map(String::as_str)),
        http_in_transaction: manifest.http_in_transaction,
        host_functions: manifest.host_functions.clone(),
        log: manifest.log,
    }
}

/// The shelf of a function version: shared by its exports where they share an instance's state, one for each export
/// whose calls leave no state.
fn shelf_for(function: &Rc<Function>, reuse: Reuse) -> Rc<Shelf> {
    if reuse == Reuse::Never {
        return Rc::default();
    }
    SHELVES.with(|shelves| {
        let mut shelves = shelves.borrow_mut();
        shelves.retain(|entry| entry.shelf.strong_count() > 0);
        let shared = shelves
            .iter()
            .filter(|entry| reuse != Reuse::Always && entry.reuse == reuse && entry.function.runs_like(function))
            .find_map(|entry| entry.shelf.upgrade());
        shared.unwrap_or_else(|| {
            let shelf = Rc::<Shelf>::default();
            shelves.push(Entry { function: Rc::clone(function), reuse, shelf: Rc::downgrade(&shelf) });
            shelf
        })
    })
}

fn drop_kept(which: impl Fn(Reuse) -> bool) {
    let shelves: Vec<Rc<Shelf>> = SHELVES.with(|shelves| {
        shelves.borrow().iter().filter(|entry| which(entry.reuse)).filter_map(|entry| entry.shelf.upgrade()).collect()
    });
    for shelf in shelves {
        drop(shelf.0.take());
    }
}

/// Makes room for [`ROOM`] instances: those go that served in a transaction longest ago.
fn drop_unused() {
    let last_use = |shelf: &Shelf| shelf.0.borrow().as_ref().map(|running| running.transaction);
    let mut kept: Vec<(u64, Rc<Shelf>)> = SHELVES.with_borrow(|shelves| {
        shelves
            .iter()
            .filter_map(|entry| entry.shelf.upgrade())
            .filter_map(|shelf| Some((last_use(&shelf)?, shelf)))
            .collect()
    });
    kept.sort_by_key(|(last_use, _)| *last_use);
    for (_, shelf) in kept.into_iter().take(ROOM) {
        drop(shelf.0.take());
    }
}

/// Called when the backend's transaction ends: instances kept for it go.
pub(super) fn end_transaction() {
    TRANSACTION.fetch_add(1, Ordering::Relaxed);
    drop_kept(|reuse| reuse == Reuse::Transaction);
}
