//! What is known of a module without compiling it: its exports, imports and sizes.
//!
//! Stored beside the compiled code, so that a cached module is used without its wasm bytes.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The type of a parameter or result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ValueType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 128-bit vector.
    V128,
    /// Any reference.
    Reference,
}

impl ValueType {
    /// Whether the value is one number of at most 64 bits.
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(self, Self::I32 | Self::I64 | Self::F32 | Self::F64)
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::Reference => "reference",
        })
    }
}

/// An exported function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportSignature {
    /// Its name.
    pub name: String,
    /// Types of its parameters.
    pub params: Vec<ValueType>,
    /// Types of its results.
    pub results: Vec<ValueType>,
}

impl ExportSignature {
    /// Whether an Extism host may call it: no parameter, at most one result.
    #[must_use]
    pub fn is_callable(&self) -> bool {
        self.params.is_empty() && self.results.len() <= 1
    }

    /// Whether [`Instance::call_scalar`](crate::Instance::call_scalar) may call it: numbers in, at most one out.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        self.results.len() <= 1 && self.params.iter().chain(&self.results).all(|ty| ty.is_number())
    }

    /// Whether toolchains export it for the host's use: it is no function of the user.
    fn is_plumbing(&self) -> bool {
        self.name.starts_with("__") || matches!(self.name.as_str(), "_initialize" | "_start" | "hs_init")
    }
}

impl fmt::Display for ExportSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&signature_text(&self.params, &self.results))
    }
}

/// A function type in words: `(i32, i64) -> i64`.
pub(crate) fn signature_text(params: &[ValueType], results: &[ValueType]) -> String {
    let list = |types: &[ValueType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match results {
        [one] => format!("({}) -> {one}", list(params)),
        many => format!("({}) -> ({})", list(params), list(many)),
    }
}

/// A function that a module imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Namespace.
    pub module: String,
    /// Name.
    pub name: String,
}

/// What the cache keeps of a module besides its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) exports: Vec<ExportSignature>,
    pub(crate) imports: Vec<Import>,
    pub(crate) memory_max_bytes: Option<u64>,
    pub(crate) uses_extism: bool,
    pub(crate) stateless: BTreeSet<String>,
    /// The shared module that it imports.
    pub(crate) shared: Option<String>,
    /// Where in its memory it wants to be told what its input is.
    pub(crate) event_flag: Option<u32>,
}

/// Finds the function to call: `wanted`, else `handler`, else the only callable export, else a lone `_start`.
///
/// # Errors
/// [`Error::UnknownExport`] and [`Error::NotCallable`], only when `wanted` is given.
pub(crate) fn entrypoint<'a>(exports: &'a [ExportSignature], wanted: Option<&str>) -> Result<Option<&'a str>, Error> {
    let named = |name: &str| exports.iter().find(|export| export.name == name);
    if let Some(wanted) = wanted {
        return match named(wanted) {
            Some(export) if export.is_callable() => Ok(Some(&export.name)),
            Some(export) => Err(Error::NotCallable { name: wanted.to_owned(), signature: export.to_string() }),
            None => Err(Error::UnknownExport {
                name: wanted.to_owned(),
                callable: candidates(exports).map(|export| export.name.clone()).collect(),
            }),
        };
    }
    if let Some(handler) = named("handler").filter(|export| export.is_callable()) {
        return Ok(Some(&handler.name));
    }
    let mut callable = candidates(exports);
    Ok(match (callable.next(), callable.next()) {
        (Some(only), None) => Some(only.name.as_str()),
        (None, _) => named("_start").filter(|export| export.is_callable()).map(|export| export.name.as_str()),
        _ => None,
    })
}

fn candidates(exports: &[ExportSignature]) -> impl Iterator<Item = &ExportSignature> {
    exports.iter().filter(|export| export.is_callable() && !export.is_plumbing())
}
