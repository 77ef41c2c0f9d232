//! Why a module could not be accepted, compiled or loaded: before any guest code runs.

use std::fmt;

/// An error about a module or about the runtime itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The bytes are not a core WebAssembly module that this runtime accepts.
    Invalid {
        /// What is wrong.
        message: String,
        /// Where, in bytes from the start of the module.
        offset: Option<u64>,
    },
    /// The module imports something that the host does not lend.
    UnknownImport {
        /// Namespace of the import.
        module: String,
        /// Name of the import.
        name: String,
        /// A sentence that says what could be done.
        hint: String,
    },
    /// The module imports a host function under another type than the host's.
    ImportType {
        /// Namespace of the import.
        module: String,
        /// Name of the import.
        name: String,
        /// Type of the host's function, such as `(i64) -> i64`.
        expected: String,
        /// Type that the module wants.
        actual: String,
    },
    /// A size exceeds a setting.
    TooLarge {
        /// What is too large, such as `module`.
        what: &'static str,
        /// Its size.
        actual: u64,
        /// What is allowed.
        limit: u64,
    },
    /// A function has a shape that takes out of proportion long to compile.
    TooComplex {
        /// What there is too much of.
        what: &'static str,
        /// What is allowed.
        limit: u64,
    },
    /// The module has no export of the name asked for.
    UnknownExport {
        /// The name asked for.
        name: String,
        /// Functions that could be called instead.
        callable: Vec<String>,
    },
    /// The export exists and cannot be called as an entry point.
    NotCallable {
        /// The name asked for.
        name: String,
        /// Its type, such as `(i32) -> i32`.
        signature: String,
    },
    /// The compiled module could not be stored.
    Cache(String),
    /// Compiling was ended before it was done.
    Interrupted,
    /// The compiler crashed, or ran out of memory.
    CompilerCrashed,
    /// A bug here or in wasmtime.
    Internal(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { message, offset: None } => write!(f, "invalid WebAssembly module: {message}"),
            Self::Invalid { message, offset: Some(at) } => {
                write!(f, "invalid WebAssembly module: {message} (at offset {at:#x})")
            }
            Self::UnknownImport { module, name, .. } => {
                write!(f, "module imports \"{module}\" \"{name}\", which the host does not provide")
            }
            Self::ImportType { module, name, expected, actual } => {
                write!(f, "module imports \"{module}\" \"{name}\" as {actual}, but its type is {expected}")
            }
            Self::TooLarge { what, actual, limit } => {
                write!(f, "{what} is too large: {actual} bytes, at most {limit} are allowed")
            }
            Self::TooComplex { what, limit } => write!(f, "{what} is more than {limit}"),
            Self::UnknownExport { name, .. } => write!(f, "module does not export a function \"{name}\""),
            Self::NotCallable { name, signature } => {
                write!(f, "export \"{name}\" cannot be an entry point: its type is {signature}")
            }
            Self::Cache(message) => write!(f, "could not store compiled module: {message}"),
            Self::Interrupted => f.write_str("compiling was interrupted"),
            Self::CompilerCrashed => f.write_str("the compiler crashed or ran out of memory"),
            Self::Internal(message) => write!(f, "WebAssembly runtime failed: {message}"),
        }
    }
}

impl std::error::Error for Error {}
