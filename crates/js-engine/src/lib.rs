//! QuickJS-ng as one WebAssembly module that all JavaScript functions share, and the linker of programs for it.
//!
//! A program is a small module: what differs from the engine's own memory once its JavaScript has been evaluated, and
//! a function for each export. `sdk/js/build` makes the same bytes in Node.js. Here they are made for source that is
//! given to the database, and again when the engine has changed since a program was built.
//!
//! | file | job |
//! |---|---|
//! | `engine/`, `prelude/`, `build.mjs` | the engine: C, JavaScript, and what builds it |
//! | `link` | runs the engine on a bundle |
//! | `program` | two memories → a program |
//! | `sections` | what a program says about itself |
//! | `source_map` | where a place in a bundle comes from |

mod link;
mod program;
mod sections;
mod source_map;

pub use link::{Bundle, LinkError, link};
pub use sections::{bundle_of, engine_of, source_map_of};
pub use source_map::{Place, original};

use alyx_runtime::{Sha256, Shared};

/// The engine: runtime and prelude, already evaluated.
const ENGINE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/engine.wasm"));

/// Its hash, taken when it was built: it is asked for at the first call of each session.
const SHA256: Sha256 = Sha256(*include_bytes!(concat!(env!("OUT_DIR"), "/engine.sha256")));

/// What names of engines begin with.
const NAMESPACE: &str = "alyx:js-engine/";

/// The engine, as the runtime takes it.
#[must_use]
pub fn shared() -> Shared {
    let hash: String = SHA256.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{NAMESPACE}{hash}");
    Shared { name, sha256: SHA256, wasm: ENGINE, functions: &[("alyx_invoke", "i", "i")] }
}
