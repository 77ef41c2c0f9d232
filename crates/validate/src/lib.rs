//! Inputs and outputs of functions, held against the schema that their manifest has for them.
//!
//! A schema is written by one stranger and the value comes from another, and the check runs in a process that must stay
//! cancellable. So a schema is bounded when it is compiled, asks nobody (references lead into itself only), and whoever
//! checks is asked at every step whether to go on.
//!
//! | file | job |
//! |---|---|
//! | `shorthand` | `{title: {type: string, required: true}}` → a JSON Schema |
//! | `places` | every subschema of a schema: where it is, how one is entered from another |
//! | `bounds` | refuses what could loop, explode or look elsewhere |
//! | `document` | JSON text → a value of bounded size |
//! | `watched` | values that ask, at each step of a check, whether to go on |
//! | `schema` | compiles and checks |
//! | `problem` | what does not fit, in words |

mod bounds;
mod document;
mod places;
mod problem;
mod schema;
mod shorthand;
mod watched;

pub use problem::{Problem, SchemaError};
pub use schema::{Schema, Verdict};
pub use shorthand::json_schema;
pub use watched::Pulse;
