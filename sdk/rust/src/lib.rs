//! Functions for PostgreSQL in Rust: the kit for guests of `alyx_functions`, which runs them as WebAssembly inside the database,
//! in the caller's transaction and with the caller's rights.
//!
//! ```
//! use alyx_functions::{db, handler, params, Context, Error, Outcome};
//! use serde_json::json;
//!
//! #[derive(serde::Deserialize)]
//! struct Post { title: String, slug: Option<String> }
//!
//! /// A BEFORE INSERT trigger that gives a post its slug.
//! #[handler]
//! fn handler(ctx: Context) -> Result<Outcome, Error> {
//!     let Some(post) = ctx.row_as::<Post>()? else { return Err(Error::msg("not called by a trigger")) };
//!     if post.slug.is_some() {
//!         return Ok(Outcome::none());
//!     }
//!     let slug = post.title.to_lowercase().replace(' ', "-");
//!     let taken: i64 = db::query_one("SELECT count(*) FROM posts WHERE slug = $1", params![slug])?;
//!     if taken > 0 {
//!         return Err(Error::new("TAKEN", "there is such a post").field("title"));
//!     }
//!     Ok(Outcome::row(json!({ "slug": slug })))
//! }
//! ```
//!
//! | to | is |
//! |---|---|
//! | be called | [`handler`](macro@handler), with a [`Context`], an input of your own type, or both |
//! | answer | `Result<T, Error>` with anything that serde can write, or an [`Outcome`]: a changed row, text, bytes |
//! | fail | [`Error`], with `?` for everything |
//! | ask the database | [`db`], [`params!`] |
//! | keep something | [`kv`] |
//! | log | [`log`] |
//! | reach the web | [`http`] |
//! | call other functions | [`invoke`], [`enqueue`], [`Job`] |
//! | read settings and secrets | [`env`](fn@env) |
//! | test without a database | `testing`, in `cargo test` |
//!
//! # Build
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [profile.release]
//! opt-level = "s"
//! lto = true
//! panic = "abort"
//! strip = true
//! ```
//! ```sh
//! cargo build --release --target wasm32-unknown-unknown
//! ```
//!
//! # Scalar functions
//!
//! Where all arguments and the result are numbers or booleans, an export needs no kit: it is called with the values as they
//! are, without JSON. `bigint` is `i64`; `smallint`, `integer` and `boolean` are `i32`; `real` and `double precision` are `f32`
//! and `f64`.
//!
//! ```
//! #[no_mangle]
//! pub extern "C" fn add(a: i64, b: i64) -> i64 {
//!     a.wrapping_add(b)
//! }
//! ```
//! ```sql
//! CREATE FUNCTION add(a bigint, b bigint) RETURNS bigint LANGUAGE wasm IMMUTABLE AS 'numbers:add';
//! ```
//!
//! One that can panic calls [`report_panics`] first.
//!
//! # Numbers
//!
//! Integers are read exactly from JSON, up to 128 bits. A `numeric` is exact as [`Numeric`]; in an `f64` or a
//! [`serde_json::Value`] it is rounded to some 17 digits. `bytea` is [`Bytea`].
//!
//! # What is not there
//!
//! No files, sockets, threads or clock: `std::time::SystemTime::now()` panics on `wasm32-unknown-unknown`; ask the database for
//! `now()`. Memory is fresh in each call unless the manifest says `instances: transaction` or `session`.

mod base64;
mod changes;
mod context;
pub mod db;
mod error;
mod event;
mod functions;
mod host;
pub mod http;
mod json;
pub mod kv;
pub mod log;
mod members;
mod outcome;
mod panics;
mod run;
#[cfg(target_arch = "wasm32")]
mod sys;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod values;

pub use context::Context;
pub use error::{Error, Fields, Result};
pub use event::{Auth, Database, Event, FunctionVersion, HttpRequest, Level, Op, Schedule, Timing, Trigger};
pub use functions::{enqueue, env, invoke, Job};
pub use outcome::{IntoOutcome, Outcome};
pub use panics::report_panics;
pub use values::{Bytea, Numeric};

/// Exports a function, under its own name. The one named `handler` is called by default; others are bound by
/// `CREATE FUNCTION … AS 'function:export'`, or by `sql:` or `entrypoint` in the manifest.
///
/// It takes a [`Context`], an input of any type that serde can read, or both in this order, and returns `Result<T, E>`: `T` is
/// anything that serde can write, or an [`Outcome`]; `E` is [`Error`] or converts into it. The function itself stays as it is,
/// so that tests can call it.
///
/// ```
/// use alyx_functions::{handler, Context, Error};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct Order { product: i64, qty: u32 }
///
/// #[derive(Serialize)]
/// struct Placed { id: i64 }
///
/// /// An input that does not fit is refused: 22023, with the path of the value in message and field.
/// #[handler]
/// fn place_order(order: Order) -> Result<Placed, Error> {
///     Ok(Placed { id: order.product * i64::from(order.qty) })
/// }
///
/// #[handler]
/// fn place_order_as(ctx: Context, order: Order) -> Result<Placed, Error> {
///     alyx_functions::log::info!("{} orders", ctx.auth().role);
///     place_order(order)
/// }
/// ```
///
/// What it cannot be is said at compile time:
///
/// ```compile_fail
/// #[alyx_functions::handler]
/// async fn handler(ctx: alyx_functions::Context) -> Result<(), alyx_functions::Error> { Ok(()) }
/// ```
/// ```compile_fail
/// #[alyx_functions::handler]
/// fn handler<T: serde::de::DeserializeOwned>(input: T) -> Result<(), alyx_functions::Error> { Ok(()) }
/// ```
/// ```compile_fail
/// struct Shop;
/// impl Shop {
///     #[alyx_functions::handler]
///     fn handler(&self) -> Result<(), alyx_functions::Error> { Ok(()) }
/// }
/// ```
/// ```compile_fail
/// #[alyx_functions::handler]
/// fn handler(ctx: &alyx_functions::Context) -> Result<(), alyx_functions::Error> { Ok(()) }
/// ```
/// ```compile_fail
/// #[alyx_functions::handler]
/// fn handler(input: i64) -> i64 { input }
/// ```
/// ```compile_fail
/// #[alyx_functions::handler]
/// fn handler(first: i64, second: i64) -> Result<(), alyx_functions::Error> { Ok(()) }
/// ```
/// ```compile_fail
/// struct NotSerialize;
/// #[alyx_functions::handler]
/// fn handler() -> Result<NotSerialize, alyx_functions::Error> { Ok(NotSerialize) }
/// ```
pub use alyx_functions_macro::handler;

/// For the code that the macro writes.
#[doc(hidden)]
pub mod __private {
    pub use crate::run::{run, Argument, First, Returned};
}
