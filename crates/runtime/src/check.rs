//! Checks a module before anything is stored.

use crate::error::Error;
use crate::sha256::Sha256;
use crate::summary::{self, ExportSignature, Import};
use std::collections::BTreeSet;

/// What a module may import beyond the host functions that always exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Further names under `extism:host/user`, all of type `(i64) -> i64`.
    pub host_functions: BTreeSet<String>,
}

/// A module that is valid and whose imports the host can satisfy.
#[derive(Debug, Clone)]
pub struct CheckedModule {
    /// Its name.
    pub sha256: Sha256,
    /// Its bytes.
    pub wasm: Vec<u8>,
    /// Its exported functions, in the module's order.
    pub exports: Vec<ExportSignature>,
    /// The functions it imports, in the module's order.
    pub imports: Vec<Import>,
    /// Linear memory it starts with.
    pub memory_min_bytes: u64,
    /// Its own bound on linear memory.
    pub memory_max_bytes: Option<u64>,
    /// Whether it imports from `extism:host/env`.
    pub uses_extism: bool,
    /// Whether it imports from WASI preview 1.
    pub uses_wasi: bool,
    /// Whether it has a start section, which runs at instantiation.
    pub has_start: bool,
    /// Exports that write no state of the instance, see [`Module::is_stateless`](crate::Module::is_stateless).
    pub stateless: BTreeSet<String>,
}

impl CheckedModule {
    /// The export to call: `wanted`, else `handler`, else the only callable one (or a lone `_start`); `None` when
    /// there is no choice to make.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] or [`Error::NotCallable`], when `wanted` is given.
    pub fn entrypoint(&self, wanted: Option<&str>) -> Result<Option<&str>, Error> {
        summary::entrypoint(&self.exports, wanted)
    }

    /// The exported function `name`.
    #[must_use]
    pub fn signature(&self, name: &str) -> Option<&ExportSignature> {
        self.exports.iter().find(|export| export.name == name)
    }
}
