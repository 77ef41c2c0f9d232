//! This process's runtime: made when the first function is needed, never in the postmaster.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::rc::Rc;

use alyx_js_engine::{Bundle, LinkError};
use alyx_manifest::Manifest;
use alyx_runtime::{CheckedModule, Holdings, Limits, Module, Policy, Runtime, Settings, Sha256, Verified};

use super::stop;
use crate::catalog::Function;
use crate::error::Error;
use crate::host::GuestHost;
use crate::pg::backend::Level;
use crate::pg::child::{self, Ended};
use crate::pg::interrupt::Watch;
use crate::pg::shmem::Region;
use crate::pg::{PgError, backend, interrupt, transaction};
use crate::{catalog, settings};

thread_local! {
    // Never dropped: it lives as long as the process.
    static RUNTIME: ManuallyDrop<OnceCell<Rc<Runtime<GuestHost>>>> = const { ManuallyDrop::new(OnceCell::new()) };
}

/// Which compiled modules processes of this server have verified; 8 kB.
static VERIFIED: Region = Region::new(c"alyx_functions verified modules");
const VERIFIED_WORDS: usize = 1024;

/// Asks for the memory. While preloading only.
pub fn define() {
    VERIFIED.define(VERIFIED_WORDS);
}

fn runtime() -> Result<Rc<Runtime<GuestHost>>, PgError> {
    RUNTIME.with(|cell| {
        if let Some(runtime) = cell.get() {
            return Ok(Rc::clone(runtime));
        }
        let runtime = Rc::new(
            Runtime::new(&Settings {
                cache_dir: Some(cache_folder()),
                cache_bytes: settings::cache_bytes(),
                verified: VERIFIED.words().map(Verified),
                max_module_bytes: settings::max_module_bytes(),
                max_memory_bytes: settings::max_memory_bytes(),
                max_stack_bytes: settings::max_stack_bytes(),
                instance_slots: settings::max_instances(),
                loaded_modules: settings::max_cached_functions(),
                shared: Some(alyx_js_engine::shared()),
            })
            .map_err(Error::from)?
            .compiling(in_a_child),
        );
        let ticker = runtime.ticker();
        interrupt::on_tick(move || ticker.tick());
        transaction::at_end(|_| {
            super::target::end_transaction();
            super::leftover::end_transaction();
        });
        let _ = cell.set(Rc::clone(&runtime));
        Ok(runtime)
    })
}

/// Where compiled modules are kept.
pub fn cache_folder() -> PathBuf {
    settings::cache_directory().unwrap_or_else(|| backend::data_directory().join("alyx_functions"))
}

/// What is kept there, or why nothing can be.
pub fn cache_holdings() -> Result<Holdings, String> {
    alyx_runtime::holdings(&cache_folder())
}

/// Keeps the folder below its size. Once a minute at most, whoever asks.
pub fn sweep_cache() {
    alyx_runtime::keep_below(&cache_folder(), settings::cache_bytes());
}

/// Checks module bytes against what this host lends and what the manifest maps.
pub fn check_module(wasm: &[u8], manifest: &Manifest) -> Result<CheckedModule, PgError> {
    let host_functions: BTreeSet<String> = manifest.host_functions.keys().cloned().collect();
    let policy = Policy { host_functions };
    let runtime = runtime()?;
    let limits = Limits { memory_bytes: manifest.memory_bytes.min(settings::max_memory_bytes()), ..Limits::default() };
    let linked = of_this_engine(&runtime, wasm.to_vec(), &limits)?;
    Ok(runtime.check_made(linked, Sha256::of(wasm), &policy).map_err(Error::from)?)
}

/// Compiles ahead of time into the cache.
pub fn prepare_artefact(module: &CheckedModule) -> Result<(), PgError> {
    match runtime()?.build(module) {
        // It has been compiled and works; what is lost is the time to compile it again in each session.
        Err(alyx_runtime::Error::Cache(problem)) => {
            backend::report(Level::Warning, &format!("compiled module could not be kept: {problem}"))
        }
        other => other.map_err(explain),
    }
}

/// Memory that compiling may take, beside a multiple of the module's size.
const COMPILER_BYTES: u64 = 512 << 20;
const COMPILER_BYTES_PER_BYTE: u64 = 64;

/// Compiles in a child process: the compiler knows no interrupts, and its size and its bugs are not the session's.
fn in_a_child(bytes: u64, compile: &dyn Fn() -> Result<Vec<u8>, String>) -> Result<Vec<u8>, alyx_runtime::Error> {
    use alyx_runtime::Error as Runtime;
    let memory_bytes = bytes.saturating_mul(COMPILER_BYTES_PER_BYTE).saturating_add(COMPILER_BYTES);
    match child::run(memory_bytes, compile) {
        Ended::Done(artefact) => Ok(artefact),
        Ended::Failed(message) => Err(Runtime::Invalid { message, offset: None }),
        Ended::Crashed => Err(Runtime::CompilerCrashed),
        Ended::Stopped(stop) => {
            stop::note(stop);
            Err(Runtime::Interrupted)
        }
        Ended::NotBegun(error) => Err(Runtime::Internal(format!("no process for the compiler: {error}"))),
    }
}

/// The runtime's error, or that of Postgres for which compiling was ended.
fn explain(error: alyx_runtime::Error) -> PgError {
    if error != alyx_runtime::Error::Interrupted {
        return Error::from(error).into();
    }
    stop::cancelled()
}

/// A function's module ready to run: mapped from the cache, or rebuilt from the catalog's bytes or its source.
pub(super) fn load(function: &Function) -> Result<Rc<Module<GuestHost>>, PgError> {
    let runtime = runtime()?;
    let made = runtime.load_made(&function.sha256, || match &function.source {
        Some(source) => link(&runtime, &Bundle::of(&source.bundle), &function.limits()).map_err(LoadError),
        None => {
            let wasm = catalog::wasm(&function.sha256).map_err(LoadError)?;
            Ok(of_this_engine(&runtime, wasm, &function.limits()).map_err(LoadError)?)
        }
    });
    made.map_err(|LoadError(mut error)| {
        super::source::locate_in(&mut error, function);
        error
    })
}

/// The name under which a program of this source is kept: another engine makes another program.
pub fn name_of_source(bundle: &str) -> Sha256 {
    Sha256::of(format!("{}\0{bundle}", alyx_js_engine::shared().name).as_bytes())
}

/// A program that was built for another release of the engine is linked again, from the source that it carries.
fn of_this_engine(runtime: &Runtime<GuestHost>, wasm: Vec<u8>, limits: &Limits) -> Result<Vec<u8>, PgError> {
    match alyx_js_engine::engine_of(&wasm) {
        Some(engine) if engine != alyx_js_engine::shared().name => match alyx_js_engine::bundle_of(&wasm) {
            Some(bundle) => link(runtime, &bundle, limits),
            None => Err(Error::OtherEngine { engine: engine.to_owned() }.into()),
        },
        _ => Ok(wasm),
    }
}

/// Runs JavaScript's top level and keeps what it leaves in memory. Nothing of the database is within its reach.
fn link(runtime: &Runtime<GuestHost>, bundle: &Bundle<'_>, limits: &Limits) -> Result<Vec<u8>, PgError> {
    let watch = Watch::start(settings::max_timeout_ms());
    let linked = alyx_js_engine::link(runtime, bundle, limits, stop::look);
    let has_expired = interrupt::has_expired();
    drop(watch);
    linked.map_err(|problem| {
        if problem == LinkError::Stopped
            && !has_expired
            && let Some(error) = stop::error()
        {
            return error;
        }
        Error::NotLinked(problem).into()
    })
}

/// Either the runtime's error or Postgres', which read the bytes.
struct LoadError(PgError);

impl From<alyx_runtime::Error> for LoadError {
    fn from(error: alyx_runtime::Error) -> Self {
        Self(explain(error))
    }
}

/// The parser shows bytes over several lines; a primary message has one.
fn one_line(message: &str) -> String {
    if message.starts_with("magic header not detected") {
        return "it does not begin with the WebAssembly magic number".to_owned();
    }
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl From<alyx_runtime::Error> for Error {
    fn from(error: alyx_runtime::Error) -> Self {
        use alyx_runtime::Error as Runtime;
        let message = error.to_string();
        match error {
            Runtime::Invalid { message, offset } => Self::ModuleInvalid { message: one_line(&message), offset },
            Runtime::UnknownImport { hint, .. } => Self::ImportMissing { message, hint },
            Runtime::ImportType { .. } => Self::ImportMissing {
                message,
                hint: "Build the module against the host functions' documented types.".to_owned(),
            },
            Runtime::TooLarge { .. } => Self::ModuleTooLarge { message },
            Runtime::TooComplex { .. } => Self::ModuleTooComplex { message },
            Runtime::UnknownExport { name, callable } => {
                Self::UnknownExport { name: "(new)".to_owned(), export: name, callable }
            }
            Runtime::NotCallable { name, signature } => Self::UnknownExport {
                name: "(new)".to_owned(),
                export: name,
                callable: vec![format!("this one has type {signature}, an entry point has no parameters")],
            },
            Runtime::CompilerCrashed => Self::ModuleTooComplex { message },
            Runtime::Interrupted => Self::Internal(message),
            Runtime::Cache(message) | Runtime::Internal(message) => Self::Internal(message),
        }
    }
}
