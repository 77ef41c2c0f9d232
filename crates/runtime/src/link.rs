//! Gives a module the host functions that it imports, and no others.

use crate::error::Error;
use crate::host::Host;
use crate::imports::{self, Namespace};
use crate::state::State;
use crate::summary::Import;
use crate::{extism, user, wasi};
use std::collections::BTreeSet;
use wasmtime::{InstancePre, Linker, Module};

/// Binds the imports of `module`; a wrong type is found here too.
pub(crate) fn link<H: Host>(module: &Module, imports: &[Import]) -> Result<InstancePre<State<H>>, Error> {
    let mut linker = Linker::new(module.engine());
    // A module may import one function many times.
    let distinct: BTreeSet<_> = imports.iter().map(|import| (import.module.as_str(), import.name.as_str())).collect();
    for (namespace, name) in distinct {
        let known = match Namespace::of(namespace) {
            Some(Namespace::Extism) => extism::define(&mut linker, namespace, name),
            Some(Namespace::User) => user::define(&mut linker, namespace, name),
            Some(Namespace::Wasi) => wasi::define(&mut linker, namespace, name),
            None => Ok(false),
        };
        if !known.map_err(internal)? {
            return Err(imports::unknown(namespace, name));
        }
    }
    linker.instantiate_pre(module).map_err(internal)
}

fn internal(error: wasmtime::Error) -> Error {
    Error::Internal(format!("{error:#}"))
}
