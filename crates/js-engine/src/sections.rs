//! What a program says about itself: the engine that it was linked for, and what it was made of.

use wasmparser::{Parser, Payload};

use crate::NAMESPACE;
use crate::program::{BUNDLE, MANIFEST, SOURCE_MAP};

/// The engine that a module imports, if it is a program: `alyx:js-engine/` and a hash.
#[must_use]
pub fn engine_of(wasm: &[u8]) -> Option<&str> {
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ImportSection(section) = payload.ok()? {
            let mut modules = section.into_imports().filter_map(Result::ok).map(|import| import.module);
            return modules.find(|module| module.starts_with(NAMESPACE));
        }
    }
    None
}

/// The JavaScript that a program was made of; `None` where it does not carry it.
#[must_use]
pub fn bundle_of(wasm: &[u8]) -> Option<crate::Bundle<'_>> {
    Some(crate::Bundle {
        source: custom(wasm, BUNDLE)?,
        source_map: custom(wasm, SOURCE_MAP),
        manifest: custom(wasm, MANIFEST),
    })
}

/// The source map of a program.
#[must_use]
pub fn source_map_of(wasm: &[u8]) -> Option<&str> {
    custom(wasm, SOURCE_MAP)
}

/// The text of a custom section.
fn custom<'a>(wasm: &'a [u8], name: &str) -> Option<&'a str> {
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CustomSection(section) = payload.ok()?
            && section.name() == name
        {
            return std::str::from_utf8(section.data()).ok();
        }
    }
    None
}
