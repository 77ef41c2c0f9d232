//! Gives a module the host functions that it imports, and no others.

use crate::error::Error;
use crate::host::Host;
use crate::imports::{self, Namespace};
use crate::state::State;
use crate::summary::Import;
use crate::{extism, transfer, user, wasi};
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
            Some(Namespace::Memory) => transfer::define(&mut linker, namespace, name),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{HttpReply, LogLevel};
    use crate::{Interrupt, Settings, engine};

    struct Nobody;

    impl Host for Nobody {
        type Error = ();

        fn call(&mut self, _: &str, _: &[u8]) -> Result<Vec<u8>, ()> {
            Err(())
        }
        fn http_request(&mut self, _: &[u8], _: &[u8]) -> Result<HttpReply, ()> {
            Err(())
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
            None
        }
    }

    /// The table that modules are checked against and the functions that they get must not drift apart.
    #[test]
    fn every_listed_function_can_be_imported_under_its_type() {
        let engine = engine::engine(&Settings::default()).unwrap();
        for (module, (name, params, results)) in imports::all() {
            let words =
                |letters: &str| letters.chars().map(|c| if c == 'I' { " i64" } else { " i32" }).collect::<String>();
            let ty = format!("(param{}) (result{})", words(params), words(results));
            let wasm = wat::parse_str(format!("(module (import \"{module}\" \"{name}\" (func {ty})))")).unwrap();
            let compiled = Module::new(&engine, &wasm).unwrap();
            let import = Import { module: module.to_owned(), name: name.to_owned() };
            assert!(link::<Nobody>(&compiled, &[import]).is_ok(), "{module} {name} {ty}");
        }
    }
}
