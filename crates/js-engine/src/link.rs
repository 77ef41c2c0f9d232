//! Runs the engine on a bundle: compiled to bytecode in one sandbox, evaluated in another, whose memory is kept.

use std::fmt;

use alyx_runtime::{Failure, Host, HttpReply, Instance, Interrupt, LimitKind, Limits, LogLevel, Runtime};

use crate::program::{self, BUNDLE, MANIFEST, Parts, SOURCE_MAP};
use crate::shared;

/// JavaScript to be linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bundle<'a> {
    /// One ES module without imports.
    pub source: &'a str,
    /// Its source map, version 3, as JSON.
    pub source_map: Option<&'a str>,
    /// The manifest that the source declares, as JSON.
    pub manifest: Option<&'a str>,
}

impl<'a> Bundle<'a> {
    /// A source that was not built from others.
    #[must_use]
    pub fn of(source: &'a str) -> Self {
        Self { source, source_map: None, manifest: None }
    }
}

/// Why there is no program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkError {
    /// The source is no JavaScript: the engine's words, with the place.
    Syntax(String),
    /// Its top level threw: the error and its stack.
    Threw(String),
    /// It reached a limit, whose value follows.
    Limit(LimitKind, u64),
    /// An interrupt stopped it.
    Stopped,
    /// Nobody's fault but ours.
    Internal(String),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) | Self::Threw(text) | Self::Internal(text) => f.write_str(text),
            Self::Limit(what, limit) => write!(f, "it reached its {what} limit of {limit}"),
            Self::Stopped => f.write_str("it was stopped"),
        }
    }
}

/// The host of code that is being initialised: it has nothing to give.
struct Nobody(fn() -> Option<Interrupt>);

impl Host for Nobody {
    type Error = String;

    fn call(&mut self, name: &str, _: &[u8]) -> Result<Vec<u8>, String> {
        Err(format!("host function {name} is not available while the module is being initialised"))
    }

    fn http_request(&mut self, _: &[u8], _: &[u8]) -> Result<HttpReply, String> {
        Err("http_request is not available while the module is being initialised".to_owned())
    }

    fn config(&mut self, _: &str) -> Option<String> {
        None
    }

    fn environment(&mut self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn log(&mut self, _: LogLevel, _: &str) {}

    fn log_level(&self) -> LogLevel {
        LogLevel::Off
    }

    fn interrupt(&mut self) -> Option<Interrupt> {
        (self.0)()
    }
}

/// Makes a program of a bundle. `interrupt` is asked at every tick of the runtime's [`Ticker`](alyx_runtime::Ticker).
///
/// # Errors
/// See [`LinkError`].
pub fn link<H: Host>(
    runtime: &Runtime<H>,
    bundle: &Bundle<'_>,
    limits: &Limits,
    interrupt: fn() -> Option<Interrupt>,
) -> Result<Vec<u8>, LinkError> {
    let start =
        || runtime.start_shared(Nobody(interrupt), limits).map_err(|error| LinkError::Internal(error.to_string()));
    let mut compiler = Engine(start()?);
    compiler.put(bundle.source.as_bytes())?;
    let length = compiler.call("alyx_compile", &[1]).map_err(|failure| failed(failure, LinkError::Syntax))?;
    let bytecode = compiler.take(length)?;
    drop(compiler);

    let mut engine = Engine(start()?);
    let base = engine.0.memory().to_vec();
    engine.put(&bytecode)?;
    engine.call("alyx_load", &[1]).map_err(|failure| failed(failure, LinkError::Threw))?;
    let length = engine.call("alyx_names", &[]).map_err(|failure| failed(failure, LinkError::Internal))?;
    let names = engine.take(length)?;
    let exports: Vec<String> = serde_json::from_slice(&names).map_err(|error| internal(&error))?;
    engine.call("alyx_buf", &[0]).map_err(|failure| failed(failure, LinkError::Internal))?;
    let custom: Vec<(&str, &str)> =
        [(BUNDLE, Some(bundle.source)), (SOURCE_MAP, bundle.source_map), (MANIFEST, bundle.manifest)]
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)))
            .collect();
    let image = engine.0.memory();
    Ok(program::write(&Parts { engine: &shared().name, base: &base, image, exports: &exports, custom: &custom }))
}

/// A sandbox of the engine, by the names of its exports.
struct Engine(Instance<Nobody>);

impl Engine {
    fn call(&mut self, export: &str, args: &[u64]) -> Result<u64, Failure<String>> {
        let function = self.0.function(export).ok_or_else(|| Failure::Internal(format!("no export {export}")))?;
        self.0.call_scalar(function, args)
    }

    /// Puts bytes into the engine's buffer.
    fn put(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        let length = u64::try_from(bytes.len()).map_err(|error| internal(&error))?;
        let at = self.call("alyx_buf", &[length]).map_err(|failure| failed(failure, LinkError::Internal))?;
        let at = usize::try_from(at).map_err(|error| internal(&error))?;
        match self.0.memory().get_mut(at..at.saturating_add(bytes.len())) {
            Some(buffer) if at != 0 => buffer.copy_from_slice(bytes),
            _ => return Err(LinkError::Internal("the engine has no buffer of this size".to_owned())),
        }
        Ok(())
    }

    /// Bytes of the engine's buffer.
    fn take(&mut self, length: u64) -> Result<Vec<u8>, LinkError> {
        let at = self.call("alyx_buf_ptr", &[]).map_err(|failure| failed(failure, LinkError::Internal))?;
        let place = usize::try_from(at).ok().zip(usize::try_from(length).ok());
        let bytes = place.and_then(|(at, length)| self.0.memory().get(at..at.checked_add(length)?));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| LinkError::Internal("the engine's buffer is not where it says".into()))
    }
}

/// What the engine reports by Extism's `error_set` is about the source; everything else is a limit or our fault.
fn failed(failure: Failure<String>, of_source: fn(String) -> LinkError) -> LinkError {
    match failure {
        Failure::Guest { message, .. } => of_source(message),
        Failure::Host(message) => LinkError::Threw(message),
        Failure::Interrupted(_) => LinkError::Stopped,
        Failure::Limit { what, limit } => LinkError::Limit(what, limit),
        Failure::StackOverflow { .. } => LinkError::Threw("stack overflow while it was being initialised".to_owned()),
        Failure::Trap { message, .. } => LinkError::Threw(format!("trap while it was being initialised: {message}")),
        Failure::Internal(message) => LinkError::Internal(message),
    }
}

fn internal(error: &dyn fmt::Display) -> LinkError {
    LinkError::Internal(error.to_string())
}
