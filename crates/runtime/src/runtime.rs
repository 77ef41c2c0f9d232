//! The entrance: checks, builds and loads modules.

use crate::cache::{Cache, Entry};
use crate::check::{CheckedModule, Policy};
use crate::debug_info;
use crate::engine::{self, Ticker};
use crate::error::Error;
use crate::host::Host;
use crate::instance::Instance;
use crate::kernel::KernelPool;
use crate::module::Module;
use crate::settings::{Limits, Settings};
use crate::sha256::Sha256;
use crate::summary::Summary;
use crate::trusted;
use lru::LruCache;
use std::cell::RefCell;
use std::rc::Rc;
use wasmtime::Engine;

/// One per process, used by one thread.
pub struct Runtime<H: Host> {
    engine: Engine,
    settings: Settings,
    cache: Option<Cache>,
    loaded: RefCell<LruCache<Sha256, Rc<Module<H>>>>,
    kernels: KernelPool,
    elsewhere: Elsewhere,
}

/// Has compiling done somewhere, given the size of the module in bytes and what compiles it: an embedder's chance to do
/// it where it can be stopped, and where a crash does no harm.
///
/// # Errors
/// [`Error::Interrupted`], [`Error::CompilerCrashed`], or what compiling fails with as [`Error::Invalid`].
pub type Elsewhere = fn(u64, &dyn Fn() -> Result<Vec<u8>, String>) -> Result<Vec<u8>, Error>;

/// Compiles right here.
fn here(_module_bytes: u64, compile: &dyn Fn() -> Result<Vec<u8>, String>) -> Result<Vec<u8>, Error> {
    compile().map_err(|message| Error::Invalid { message, offset: None })
}

/// Compiled code, with the reason why it is not in the cache.
struct Compiled {
    module: wasmtime::Module,
    not_stored: Option<Error>,
}

impl<H: Host> Runtime<H> {
    /// Makes the engine; nothing is compiled or read.
    ///
    /// # Errors
    /// [`Error::Internal`] when the address space cannot be reserved.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let engine = engine::engine(settings)?;
        Ok(Self {
            cache: settings
                .cache_dir
                .as_ref()
                .map(|folder| Cache::new(folder, settings.cache_bytes, &engine, settings.verified)),
            engine,
            settings: settings.clone(),
            loaded: RefCell::new(LruCache::new(settings.loaded_modules)),
            kernels: KernelPool::default(),
            elsewhere: here,
        })
    }

    /// The same runtime with its modules compiled elsewhere.
    #[must_use]
    pub fn compiling(self, elsewhere: Elsewhere) -> Self {
        Self { elsewhere, ..self }
    }

    /// The handle that makes running guests ask for interrupts.
    #[must_use]
    pub fn ticker(&self) -> Ticker {
        Ticker::new(&self.engine)
    }

    /// Validates `wasm` and its imports; stores and compiles nothing.
    ///
    /// # Errors
    /// All of [`Error`] that speak about a module.
    pub fn check(&self, wasm: &[u8], policy: &Policy) -> Result<CheckedModule, Error> {
        self.check_made(wasm.to_vec(), Sha256::of(wasm), policy)
    }

    /// The same of bytes that were made from those that `name` names, as a program is that was linked again.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_made(&self, wasm: Vec<u8>, name: Sha256, policy: &Policy) -> Result<CheckedModule, Error> {
        self.check_size(&wasm)?;
        self.checked(wasm, name, |name| policy.host_functions.contains(name))
    }

    /// Compiles a module into the cache, unless it is there.
    ///
    /// # Errors
    /// [`Error::Cache`] when it could not be stored: the module is loaded nevertheless, and [`load`](Self::load) will
    /// compile it again in other processes. Others when it does not compile.
    pub fn build(&self, module: &CheckedModule) -> Result<(), Error> {
        if self.in_cache(&module.sha256).is_some() {
            return Ok(());
        }
        let compiled = self.compile(module)?;
        self.keep(module.sha256, module.summary(), &compiled.module)?;
        compiled.not_stored.map_or(Ok(()), Err)
    }

    /// Finds a module in memory, then in the cache; else asks for its bytes and builds it.
    ///
    /// # Errors
    /// Those of `wasm`, of [`check`](Self::check), and [`Error::Internal`]; never [`Error::Cache`].
    pub fn load<E: From<Error>>(
        &self,
        sha256: &Sha256,
        wasm: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Rc<Module<H>>, E> {
        self.load_made(sha256, || {
            let wasm = wasm()?;
            if Sha256::of(&wasm) != *sha256 {
                let message = format!("its SHA-256 is not {sha256}");
                return Err(Error::Invalid { message, offset: None }.into());
            }
            Ok(wasm)
        })
    }

    /// The same for bytes that are made from what `sha256` names, and need not have that hash.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_made<E: From<Error>>(
        &self,
        sha256: &Sha256,
        wasm: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Rc<Module<H>>, E> {
        if let Some(module) = self.loaded(sha256) {
            return Ok(module);
        }
        if let Some((module, summary)) = self.cached(sha256) {
            return Ok(self.keep(*sha256, summary, &module)?);
        }
        let wasm = wasm()?;
        self.check_size(&wasm)?;
        // Which host functions it may have was decided when it was deployed; the host refuses the others.
        let checked = self.checked(wasm, *sha256, |_| true)?;
        let compiled = self.compile(&checked)?;
        if let Some(error) = compiled.not_stored {
            tracing::debug!(%sha256, %error, "compiled module is kept in memory only");
        }
        Ok(self.keep(*sha256, checked.summary(), &compiled.module)?)
    }

    /// The module that others share.
    ///
    /// # Errors
    /// As [`load`](Self::load); [`Error::Internal`] where the settings have none.
    pub fn shared(&self) -> Result<Rc<Module<H>>, Error> {
        let shared = self.settings.shared.as_ref();
        let shared = shared.ok_or_else(|| Error::Internal("there is no shared module".to_owned()))?;
        self.load_made(&shared.sha256, || Ok(shared.wasm.to_vec()))
    }

    /// A sandbox of the shared module alone, for a host of its own, in which time stands still and nothing is random:
    /// what is evaluated there is the same everywhere.
    ///
    /// # Errors
    /// Those of [`shared`](Self::shared), or the failure as text.
    pub fn start_shared<I: Host>(&self, host: I, limits: &Limits) -> Result<Instance<I>, Error> {
        let shared = self.shared()?;
        let slots = self.settings.instance_slots;
        let module = Module::<I>::new(
            *shared.sha256(),
            shared.summary().clone(),
            shared.code(),
            None,
            KernelPool::default(),
            slots,
        )?;
        let mut instance =
            Rc::new(module).instantiate(host, limits).map_err(|failure| Error::Internal(format!("{failure:?}")))?;
        instance.stop_the_clock();
        Ok(instance)
    }

    /// Removes a module from memory and from the cache; instances that live go on.
    pub fn forget(&self, sha256: &Sha256) {
        self.loaded.borrow_mut().pop(sha256);
        if let Some(cache) = &self.cache {
            cache.remove(sha256);
        }
    }

    fn checked(&self, wasm: Vec<u8>, sha256: Sha256, user: impl Fn(&str) -> bool) -> Result<CheckedModule, Error> {
        let module = CheckedModule::new(wasm, sha256, self.settings.shared.as_ref(), user)?;
        too_large("initial memory", module.memory_min_bytes, self.settings.max_memory_bytes)?;
        Ok(module)
    }

    fn check_size(&self, wasm: &[u8]) -> Result<(), Error> {
        let bytes = |size| u64::try_from(size).unwrap_or(u64::MAX);
        too_large("module", bytes(wasm.len()), bytes(self.settings.max_module_bytes))
    }

    fn loaded(&self, sha256: &Sha256) -> Option<Rc<Module<H>>> {
        self.loaded.borrow_mut().get(sha256).cloned()
    }

    /// Maps a module from the cache; what is missing, stale or damaged is not there.
    fn cached(&self, sha256: &Sha256) -> Option<(wasmtime::Module, Summary)> {
        let entry = self.in_cache(sha256)?;
        match trusted::map(&self.engine, entry.file) {
            Ok(module) => Some((module, entry.summary)),
            Err(error) => {
                tracing::debug!(%sha256, %error, "compiled module does not fit this engine");
                None
            }
        }
    }

    /// The entry of a module, if it is there and fits the shared module of today.
    fn in_cache(&self, sha256: &Sha256) -> Option<Entry> {
        match self.cache.as_ref()?.open(sha256) {
            Ok(entry) if entry.summary.shared.as_ref().is_none_or(|name| self.is_shared(name)) => Some(entry),
            Ok(_) => {
                tracing::debug!(%sha256, "compiled program was made for another shared module");
                None
            }
            Err(reason) => {
                tracing::debug!(%sha256, %reason, "compiled module not used");
                None
            }
        }
    }

    fn is_shared(&self, name: &str) -> bool {
        self.settings.shared.as_ref().is_some_and(|shared| shared.name == name)
    }

    /// Compiles and stores a module, unless another process does it at this time.
    fn compile(&self, module: &CheckedModule) -> Result<Compiled, Error> {
        let started = std::time::Instant::now();
        let _turn = self.cache.as_ref().and_then(|cache| cache.wait_for_turn(&module.sha256));
        if let Some((module, _)) = self.cached(&module.sha256) {
            return Ok(Compiled { module, not_stored: None });
        }
        let wasm = debug_info::bounded(&module.wasm)?;
        let compile = || self.engine.precompile_module(&wasm).map_err(|error| format!("{error:#}"));
        let artefact = (self.elsewhere)(u64::try_from(wasm.len()).unwrap_or(u64::MAX), &compile)?;
        let milliseconds = started.elapsed().as_millis();
        tracing::debug!(sha256 = %module.sha256, bytes = artefact.len(), milliseconds, "module compiled");
        let mut not_stored = None;
        if let Some(cache) = &self.cache {
            match cache.store(&module.sha256, &artefact, &module.summary()) {
                Ok(()) => {
                    if let Some((module, _)) = self.cached(&module.sha256) {
                        return Ok(Compiled { module, not_stored: None });
                    }
                    not_stored = Some(Error::Cache("what was written cannot be read again".to_owned()));
                }
                Err(error) => not_stored = Some(error),
            }
        }
        Ok(Compiled { module: trusted::load(&self.engine, &artefact).map_err(refused)?, not_stored })
    }

    fn keep(&self, sha256: Sha256, summary: Summary, module: &wasmtime::Module) -> Result<Rc<Module<H>>, Error> {
        let slots = self.settings.instance_slots;
        let shared = if summary.shared.is_some() { Some(self.shared()?) } else { None };
        let module = Rc::new(Module::new(sha256, summary, module, shared, self.kernels.clone(), slots)?);
        let displaced = self.loaded.borrow_mut().push(sha256, Rc::clone(&module));
        drop(displaced);
        Ok(module)
    }
}

fn too_large(what: &'static str, actual: u64, limit: u64) -> Result<(), Error> {
    if actual > limit { Err(Error::TooLarge { what, actual, limit }) } else { Ok(()) }
}

/// A valid module that wasmtime does not take exceeds one of its own bounds, such as the size of a function.
fn refused(error: wasmtime::Error) -> Error {
    Error::Invalid { message: format!("{error:#}"), offset: None }
}
