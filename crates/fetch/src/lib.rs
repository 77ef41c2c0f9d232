//! Outbound HTTP for guests: a request goes in, a reply or a reason comes out, and on the way every hop is checked twice.
//!
//! First its origin against the [`AllowList`] of the function, as text; then, in the one place that opens connections
//! ([`connect`]), each address its name stands for against the server's [`Networks`]. The connection is made to the
//! address that was checked, never to the name again. No thread is started, no environment variable read, no proxy
//! used, no cookie kept. It must not know Postgres: whether to go on is asked through a closure.

mod address;
mod client;
mod connect;
mod error;
mod headers;
mod origin;
mod redirect;
mod request;

pub use address::Networks;
pub use client::{Client, Config, Limits};
pub use error::{FetchError, Kind};
pub use origin::{AllowList, Origin};
pub use redirect::Redirect;
pub use request::{Reply, Request};
