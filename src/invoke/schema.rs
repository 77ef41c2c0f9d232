//! Inputs and outputs against what the manifest says they must look like.
//!
//! An input is looked at before an instance is taken, an output before anybody sees it. What a trigger writes into its
//! event is no input: the table's own types and constraints speak for it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use alyx_manifest::{Hook, Manifest, ManifestError, Shape};
use alyx_runtime::LimitKind;
use alyx_validate::{Pulse, Schema, Verdict};

use super::stop;
use crate::catalog::Function;
use crate::error::Error;
use crate::pg::interrupt::Watch;
use crate::pg::{PgError, backend, interrupt, inval};
use crate::settings;

/// Ends a check for an interrupt, for the time limit, or where the stack would not last.
#[derive(Debug)]
struct Backend;

/// Stack that one step of a check may take.
const STEP_BYTES: usize = 64 << 10;

impl Pulse for Backend {
    #[inline]
    fn must_end() -> bool {
        stop::look().is_some() || backend::check_stack(STEP_BYTES).is_err()
    }
}

/// The compiled schemas of a function, where it has any.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    input: Option<Schema<Backend>>,
    output: Option<Schema<Backend>>,
}

type Cache = HashMap<(i64, i32), Rc<Schemas>>;

thread_local! {
    // By function and version; emptied whenever functions change.
    static SCHEMAS: RefCell<(u64, Cache)> = RefCell::default();
}

/// Refuses schemas that cannot be used, and schedules whose input their function would refuse.
///
/// # Errors
/// 22023 with the place in the manifest.
pub fn check_schemas(name: &str, manifest: &Manifest) -> Result<(), PgError> {
    let Some(schema) = Schemas::compile(manifest)?.input else { return Ok(()) };
    let limits = Limits {
        memory_bytes: manifest.memory_bytes.min(settings::max_memory_bytes()),
        timeout_ms: manifest.timeout_ms.min(settings::max_timeout_ms()),
    };
    for hook in &manifest.hooks {
        let Hook::Schedule(hook) = hook else { continue };
        let _watch = Watch::start(limits.timeout_ms);
        if let Some(problems) = limits.check(&schema, hook.input.to_string().as_bytes(), name)? {
            let message = format!("input of a schedule is none of function \"{name}\": {}", problems.join("; "));
            return Err(in_manifest(message, hook.line, hook.column));
        }
    }
    Ok(())
}

/// Holds an input against its function's schema before the function is called.
///
/// # Errors
/// 22023 naming the value that does not fit.
pub fn check_input(function: &Function, input: &[u8]) -> Result<(), PgError> {
    if function.manifest.input.is_none() {
        return Ok(());
    }
    // There is no invocation yet whose time would count.
    let _watch = Watch::start(function.timeout_ms());
    Schemas::of(function)?.check_input(function, input)
}

impl Schemas {
    /// Those of a function.
    pub(super) fn of(function: &Function) -> Result<Rc<Self>, PgError> {
        if function.manifest.input.is_none() && function.manifest.output.is_none() {
            return Ok(Rc::default());
        }
        let key = (function.id, function.version);
        let generation = inval::functions();
        let known = SCHEMAS.with_borrow(|cache| (cache.0 == generation).then(|| cache.1.get(&key).cloned()).flatten());
        if let Some(schemas) = known {
            return Ok(schemas);
        }
        let schemas = Rc::new(Self::compile(&function.manifest)?);
        SCHEMAS.with_borrow_mut(|cache| {
            if cache.0 != generation {
                *cache = (generation, HashMap::new());
            }
            cache.1.insert(key, Rc::clone(&schemas));
        });
        Ok(schemas)
    }

    fn compile(manifest: &Manifest) -> Result<Self, PgError> {
        let compile = |what: &str, shape: &Option<Shape>| {
            let Some(shape) = shape else { return Ok(None) };
            Schema::new(&shape.schema).map(Some).map_err(|problem| {
                let message = format!("{what} is no usable schema: {problem}");
                in_manifest(message, shape.line, shape.column)
            })
        };
        Ok(Self { input: compile("input", &manifest.input)?, output: compile("output", &manifest.output)? })
    }

    /// Whether calls have an input to be looked at.
    pub(super) fn have_input(&self) -> bool {
        self.input.is_some()
    }

    /// Holds an input against its schema, under a watch that the caller has started.
    pub(super) fn check_input(&self, function: &Function, input: &[u8]) -> Result<(), PgError> {
        hold(self.input.as_ref(), input, "input", function)
    }

    /// Holds an output against its schema; a function that set none gave null.
    pub(super) fn check_output(&self, function: &Function, output: Option<&[u8]>) -> Result<(), PgError> {
        if self.output.is_none() {
            return Ok(());
        }
        // The guest's own time has been counted.
        let _watch = Watch::start(function.timeout_ms());
        hold(self.output.as_ref(), output.unwrap_or(b"null"), "output", function)
    }
}

fn hold(schema: Option<&Schema<Backend>>, text: &[u8], what: &'static str, function: &Function) -> Result<(), PgError> {
    let Some(schema) = schema else { return Ok(()) };
    let limits = Limits { memory_bytes: function.limits().memory_bytes, timeout_ms: function.timeout_ms() };
    match limits.check(schema, text, &function.name)? {
        None => Ok(()),
        Some(problems) => Err(Error::SchemaNotMet { what, function: function.name.clone(), problems }.into()),
    }
}

/// What a check may take.
struct Limits {
    memory_bytes: u64,
    timeout_ms: u64,
}

impl Limits {
    /// What is wrong with a value; `None` when it meets the schema.
    ///
    /// # Errors
    /// Why there is no answer: a limit, or an interrupt.
    fn check(&self, schema: &Schema<Backend>, text: &[u8], name: &str) -> Result<Option<Vec<String>>, PgError> {
        let function = || name.to_owned();
        let memory_bytes = usize::try_from(self.memory_bytes).unwrap_or(usize::MAX);
        Err(match schema.check(text, memory_bytes) {
            Verdict::Valid => return Ok(None),
            Verdict::Invalid(problems) => return Ok(Some(problems.iter().map(ToString::to_string).collect())),
            Verdict::TooLarge => {
                let limit = self.memory_bytes;
                Error::Limit { function: function(), what: LimitKind::Memory, limit }.into()
            }
            Verdict::Stopped if interrupt::has_expired() => {
                Error::TimedOut { function: function(), limit_ms: self.timeout_ms }.into()
            }
            Verdict::Stopped => match stop::error() {
                Some(error) => error,
                None => backend::check_stack(STEP_BYTES).err().unwrap_or_else(stop::cancelled),
            },
        })
    }
}

fn in_manifest(message: String, line: usize, column: usize) -> PgError {
    Error::ManifestInvalid(ManifestError { message, line, column, hint: None }).into()
}
