//! How a call ends when it does not succeed.

use std::fmt;

/// The end of an instantiation or a call that gave no result. `E` is [`Host::Error`](crate::Host::Error).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure<E> {
    /// The guest reported an error itself.
    Guest {
        /// Its own text, or the exit code in words.
        message: String,
        /// Its return or exit code; 134 when it trapped after setting an error.
        exit_code: i32,
    },
    /// The guest trapped, or abused the ABI.
    Trap {
        /// Why.
        message: String,
        /// Guest frames, innermost first.
        frames: Vec<Frame>,
    },
    /// The guest used up its stack.
    StackOverflow {
        /// Guest frames, innermost first.
        frames: Vec<Frame>,
    },
    /// The guest needs more than [`Limits`](crate::Limits) allow.
    Limit {
        /// Which limit.
        what: LimitKind,
        /// Its value.
        limit: u64,
    },
    /// [`Host::interrupt`](crate::Host::interrupt) asked the guest to stop.
    Interrupted(Interrupt),
    /// A host function failed.
    Host(E),
    /// A bug here, in the caller or in wasmtime.
    Internal(String),
}

/// A limit that a guest ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Bytes of linear memory, blocks and variables.
    Memory,
    /// Table elements.
    Table,
    /// Bytes of output.
    Output,
    /// Bytes of one request or response.
    HostCall,
    /// Bytes of log text; never an error, only counted in [`Usage`](crate::Usage).
    Log,
    /// Bytes of Extism variables; comes out as a trap, as in Extism.
    Variables,
    /// Instances alive at once.
    Instances,
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Table => "table",
            Self::Output => "output",
            Self::HostCall => "host call",
            Self::Log => "log",
            Self::Variables => "variables",
            Self::Instances => "instances",
        })
    }
}

/// Why a guest was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interrupt {
    /// Somebody cancelled the statement or the session.
    Cancelled,
    /// The time limit has passed.
    TimedOut,
}

/// A place in guest code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Demangled name of the function, or `function N`.
    pub function: String,
    /// Source file, where the module has debug information.
    pub file: Option<String>,
    /// Line in it, from 1.
    pub line: Option<u32>,
    /// Column in it, from 1.
    pub column: Option<u32>,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        let Some(file) = &self.file else { return Ok(()) };
        write!(f, " ({file}")?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        f.write_str(")")
    }
}

impl<E: fmt::Debug> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guest { message, .. } => f.write_str(message),
            Self::Trap { message, .. } => write!(f, "function trapped: {message}"),
            Self::StackOverflow { .. } => f.write_str("function used up its stack"),
            Self::Limit { what, limit } => write!(f, "function exceeded its {what} limit of {limit}"),
            Self::Interrupted(Interrupt::Cancelled) => f.write_str("function was cancelled"),
            Self::Interrupted(Interrupt::TimedOut) => f.write_str("function ran out of time"),
            Self::Host(error) => write!(f, "host function failed: {error:?}"),
            Self::Internal(message) => write!(f, "WebAssembly runtime failed: {message}"),
        }
    }
}

impl<E: fmt::Debug> std::error::Error for Failure<E> {}
