//! A compiled module, ready to be instantiated.

use crate::error::Error;
use crate::failure::Failure;
use crate::host::Host;
use crate::instance::Instance;
use crate::kernel::KernelPool;
use crate::link;
use crate::settings::Limits;
use crate::sha256::Sha256;
use crate::state::State;
use crate::summary::{self, ExportSignature, Summary, ValueType};
use std::rc::Rc;
use wasmtime::InstancePre;

/// Functions that toolchains export to be called once before all others, as Extism calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Initialisation {
    None,
    /// `_initialize`, where there is one, then `hs_init(0, 0)`.
    Haskell,
    /// `__wasm_call_ctors` and nothing else.
    Constructors,
    /// `_initialize`.
    Reactor,
}

/// How a module becomes an instance.
pub(crate) enum Body<H: Host> {
    /// All that it imports are host functions.
    Alone(InstancePre<State<H>>),
    /// It imports memory and functions of the shared module, which is instantiated first, in the same store.
    Program { module: wasmtime::Module, shared: Rc<Module<H>> },
}

/// A compiled module; cheap to keep, its code is shared between processes through the page cache.
pub struct Module<H: Host> {
    sha256: Sha256,
    summary: Summary,
    initialisation: Initialisation,
    body: Body<H>,
    kernels: KernelPool,
    instance_slots: u32,
}

impl<H: Host> Module<H> {
    pub(crate) fn new(
        sha256: Sha256,
        summary: Summary,
        module: &wasmtime::Module,
        shared: Option<Rc<Self>>,
        kernels: KernelPool,
        instance_slots: u32,
    ) -> Result<Self, Error> {
        let body = match shared {
            Some(shared) => Body::Program { module: module.clone(), shared },
            None => Body::Alone(link::link(module, &summary.imports)?),
        };
        Ok(Self { sha256, initialisation: initialisation(&summary.exports), summary, body, kernels, instance_slots })
    }

    /// Its name.
    #[must_use]
    pub fn sha256(&self) -> &Sha256 {
        &self.sha256
    }

    /// Its exported functions.
    #[must_use]
    pub fn exports(&self) -> &[ExportSignature] {
        &self.summary.exports
    }

    /// The exported function `name`.
    #[must_use]
    pub fn signature(&self, name: &str) -> Option<&ExportSignature> {
        self.exports().iter().find(|export| export.name == name)
    }

    /// As [`CheckedModule::entrypoint`](crate::CheckedModule::entrypoint).
    ///
    /// # Errors
    /// [`Error::UnknownExport`] or [`Error::NotCallable`], when `wanted` is given.
    pub fn entrypoint(&self, wanted: Option<&str>) -> Result<Option<&str>, Error> {
        summary::entrypoint(self.exports(), wanted)
    }

    /// Whether it imports from `extism:host/env`.
    #[must_use]
    pub fn uses_extism(&self) -> bool {
        self.summary.uses_extism
    }

    /// Whether calling the export provably leaves no trace in an instance: such calls may share one instance even
    /// where each is to have a fresh one, as long as only stateless exports are called on it.
    #[must_use]
    pub fn is_stateless(&self, export: &str) -> bool {
        self.summary.stateless.contains(export)
    }

    /// Makes an instance and runs its initialisation exports.
    ///
    /// # Errors
    /// As [`Instance::call`], and [`LimitKind::Instances`](crate::LimitKind::Instances).
    pub fn instantiate(self: &Rc<Self>, host: H, limits: &Limits) -> Result<Instance<H>, Failure<H::Error>> {
        let state = State::new(host, self.kernels.take(), limits, self.summary.memory_max_bytes);
        Instance::new(Rc::clone(self), state)
    }

    /// Its code.
    pub(crate) fn code(&self) -> &wasmtime::Module {
        match &self.body {
            Body::Alone(pre) => pre.module(),
            Body::Program { module, .. } => module,
        }
    }

    pub(crate) fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Makes the instance, and the one that it shares memory with: that of the module itself, and that which has the
    /// memory.
    pub(crate) fn start(
        &self,
        store: &mut wasmtime::Store<State<H>>,
    ) -> wasmtime::Result<(wasmtime::Instance, wasmtime::Instance)> {
        let (module, shared) = match &self.body {
            Body::Alone(pre) => return pre.instantiate(store).map(|instance| (instance, instance)),
            Body::Program { module, shared } => (module, shared),
        };
        let (_, engine) = shared.start(store)?;
        let imports: Option<Vec<_>> =
            self.summary.imports.iter().map(|import| engine.get_export(&mut *store, &import.name)).collect();
        let imports = imports.ok_or_else(|| wasmtime::Error::msg("the shared module lacks an export"))?;
        Ok((wasmtime::Instance::new(&mut *store, module, &imports)?, engine))
    }

    /// Where in its memory it wants to be told what its input is.
    pub(crate) fn event_flag(&self) -> Option<u32> {
        match &self.body {
            Body::Alone(_) => self.summary.event_flag,
            Body::Program { shared, .. } => shared.event_flag(),
        }
    }

    /// Whether it runs on the shared module.
    pub(crate) fn is_program(&self) -> bool {
        matches!(self.body, Body::Program { .. })
    }

    pub(crate) fn initialisation(&self) -> Initialisation {
        self.initialisation
    }

    /// Whether its code can reach the host at all.
    pub(crate) fn has_imports(&self) -> bool {
        !self.summary.imports.is_empty()
    }

    pub(crate) fn instance_slots(&self) -> u32 {
        self.instance_slots
    }
}

fn initialisation(exports: &[ExportSignature]) -> Initialisation {
    let export = |name: &str| exports.iter().find(|export| export.name == name);
    let plain = |name| export(name).is_some_and(|export| export.params.is_empty() && export.results.is_empty());
    // Whatever else bears its name is none of GHC's.
    let is_haskell = |export: &ExportSignature| export.params == [ValueType::I32; 2] && export.results.is_empty();
    if export("hs_init").is_some_and(is_haskell) {
        Initialisation::Haskell
    } else if plain("__wasm_call_ctors") {
        Initialisation::Constructors
    } else if plain("_initialize") {
        Initialisation::Reactor
    } else {
        Initialisation::None
    }
}
