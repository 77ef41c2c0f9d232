//! Modules made by wasm-smith: all valid, within the WebAssembly that guests may use, with imports of ours.
//!
//! What must hold besides what [`module`](crate::module) asks: they are accepted, unless they pass one of our own bounds.

use std::cell::RefCell;
use std::path::PathBuf;

use alyx_runtime::Error;

use crate::generator::Generator;
use crate::{functions, module};

/// Names the generator's program; without it, as in a plain test run, the target does nothing.
pub const PROGRAM_VARIABLE: &str = "ALYX_FUZZ_SMITH";

thread_local! {
    static GENERATOR: RefCell<Option<Generator>> = RefCell::new(start());
}

fn start() -> Option<Generator> {
    let program = PathBuf::from(std::env::var_os(PROGRAM_VARIABLE)?);
    let importable = wat::parse_str(functions::imports()).expect("a module of imports");
    Some(Generator::start(&program, &importable).expect("the generator starts"))
}

/// Takes the input as what wasm-smith draws its choices from.
pub fn run(data: &[u8]) {
    let module = GENERATOR.with_borrow_mut(|generator| {
        generator.as_mut().map(|generator| generator.module(data).expect("the generator answers"))
    });
    // Empty: the bytes did not last for a module.
    let Some(module) = module.filter(|module| !module.is_empty()) else { return };
    match module::judge(&module) {
        Ok(()) | Err(Error::TooLarge { .. } | Error::TooComplex { .. }) => {}
        // The one thing of WebAssembly 2.0 that guests may not use and the generator cannot leave out: externref.
        Err(Error::Invalid { message, .. }) if message.starts_with("gc types are disallowed") => {}
        Err(error) => panic!("a valid module is refused: {error}"),
    }
}
