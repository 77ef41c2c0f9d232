//! A function's export, prepared for calls: the loaded module, and the instance that is kept between calls when its
//! manifest says so or when nobody could tell the difference.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use alyx_manifest::{Instances, RunAs};
use alyx_runtime::{Callable, Failure, Instance, LimitKind, Module};

use super::{engine, failure};
use crate::catalog::Function;
use crate::error::Error;
use crate::host::{Grants, GuestHost, Scope};
use crate::pg::{PgError, Role, inval};

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

struct Kept {
    role: Role,
    transaction: u64,
    instance: Instance<GuestHost>,
}

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
    /// The line that CONTEXT shows.
    pub label: String,
    reuse: Reuse,
    callable: Cell<Option<Callable>>,
    kept: RefCell<Option<Kept>>,
}

type EntryPoints = HashMap<(String, i32), Rc<Target>>;

thread_local! {
    // By function and version; emptied whenever functions change.
    static ENTRY_POINTS: RefCell<(u64, EntryPoints)> = RefCell::new((0, HashMap::new()));
    static TARGETS: RefCell<Vec<Weak<Target>>> = const { RefCell::new(Vec::new()) };
    static TRANSACTION: Cell<u64> = const { Cell::new(0) };
}

impl Target {
    /// Loads the function's module and finds the export.
    ///
    /// # Errors
    /// 42883 when the module has no such export.
    pub fn prepare(function: Rc<Function>, export: &str) -> Result<Rc<Self>, PgError> {
        let module = engine::load_module(&function.sha256)?;
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
        let label =
            format!("alyx function \"{}\" version {}, export \"{export}\"", function.name, function.version);
        let target = Rc::new(Self {
            grants: Rc::new(grants_of(&function)),
            function,
            module,
            export: export.to_owned(),
            label,
            reuse,
            callable: Cell::new(None),
            kept: RefCell::new(None),
        });
        if reuse != Reuse::Never {
            TARGETS.with(|targets| {
                let mut targets = targets.borrow_mut();
                targets.retain(|target| target.strong_count() > 0);
                targets.push(Rc::downgrade(&target));
            });
        }
        Ok(target)
    }

    /// The entry point of a function, kept until functions change.
    ///
    /// # Errors
    /// 42883 when the module has none.
    pub fn of_function(function: &Rc<Function>) -> Result<Rc<Self>, PgError> {
        let key = (function.name.clone(), function.version);
        let generation = inval::functions();
        let known = ENTRY_POINTS.with(|cache| {
            let mut cache = cache.borrow_mut();
            if cache.0 != generation {
                *cache = (generation, HashMap::new());
            }
            cache.1.get(&key).cloned()
        });
        if let Some(target) = known {
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
        ENTRY_POINTS.with(|cache| cache.borrow_mut().1.insert(key, Rc::clone(&target)));
        Ok(target)
    }

    /// The export's handle, good for every instance of the module.
    #[inline]
    pub(super) fn callable(&self, instance: &mut Instance<GuestHost>) -> Result<Callable, PgError> {
        if let Some(callable) = self.callable.get() {
            return Ok(callable);
        }
        let callable = instance
            .function(&self.export)
            .ok_or_else(|| PgError::from(Error::Internal(format!("export \"{}\" has gone", self.export))))?;
        if self.reuse != Reuse::Never {
            self.callable.set(Some(callable));
        }
        Ok(callable)
    }

    /// An instance to call: the kept one when it may serve this role now, else a new one.
    #[inline]
    pub(super) fn take(&self, caller: Role, scope: Scope) -> Result<Instance<GuestHost>, PgError> {
        if self.reuse != Reuse::Never {
            // Taken out, so that a nested call of the same function finds nothing and makes its own.
            if let Some(mut kept) = self.kept.take() {
                let serves = match self.reuse {
                    Reuse::Never => false,
                    Reuse::Always => true,
                    Reuse::Session => kept.role == caller,
                    Reuse::Transaction => kept.role == caller && kept.transaction == TRANSACTION.get(),
                };
                if serves {
                    kept.instance.host_mut().begin(caller, scope);
                    return Ok(kept.instance);
                }
            }
            self.callable.set(None);
        }
        self.instantiate(caller, scope)
    }

    fn instantiate(&self, caller: Role, scope: Scope) -> Result<Instance<GuestHost>, PgError> {
        let limits = self.function.limits();
        let host = || {
            let mut host = GuestHost::new(Rc::clone(&self.grants), super::by_name);
            host.begin(caller, scope);
            host
        };
        let failure = match self.module.instantiate(host(), &limits) {
            Ok(instance) => return Ok(instance),
            Err(failure) => failure,
        };
        let failure = if matches!(failure, Failure::Limit { what: LimitKind::Instances, .. }) {
            // Kept instances of other functions take the room.
            drop_kept(|_| true);
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
    pub(super) fn put(&self, instance: Instance<GuestHost>, role: Role) {
        if self.reuse != Reuse::Never {
            let kept = Kept { role, transaction: TRANSACTION.get(), instance };
            let displaced = self.kept.replace(Some(kept));
            drop(displaced);
        }
    }
}

fn grants_of(function: &Function) -> Grants {
    let manifest = &function.manifest;
    Grants {
        name: function.name.clone(),
        version: function.version,
        owner: function.owner,
        runs_as_owner: manifest.run_as == RunAs::Owner,
        database: manifest.database,
        env: function.env.clone(),
        host_functions: manifest.host_functions.clone(),
        log: manifest.log,
    }
}

fn drop_kept(which: impl Fn(Reuse) -> bool) {
    let targets: Vec<Rc<Target>> = TARGETS.with(|targets| targets.borrow().iter().filter_map(Weak::upgrade).collect());
    for target in targets {
        if which(target.reuse) {
            drop(target.kept.take());
        }
    }
}

/// Called when the backend's transaction ends: instances kept for it go.
pub(super) fn end_transaction() {
    TRANSACTION.set(TRANSACTION.get() + 1);
    drop_kept(|reuse| reuse == Reuse::Transaction);
}
