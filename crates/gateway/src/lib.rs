//! `alyx serve`: functions and webhooks over HTTP, and a page to watch them.
//!
//! It carries requests to the database and replies back, and holds no rule: which role may do what is decided there, by
//! `alyx._http_*` (sql/http.sql, src/api/http). What it adds is what a database cannot do: HTTP, TLS, tokens' signatures,
//! and saying no in time when there is too much of anything.
//!
//! ```text
//!  server ─▶ routes ─▶ admission, token, message ─▶ database ─▶ one statement, one transaction ─▶ reply
//!  (TLS,     (one file   (may it wait? who asks?     (pool, cancel when
//!   limits)   per noun)   what did they send?)        nobody waits any more)
//! ```
//!
//! | file | job |
//! |---|---|
//! | `options`, `units` | flags, environment and file; durations and sizes |
//! | `server`, `tls` | sockets, limits of connections, graceful end |
//! | `gateway` | what all requests share |
//! | `admission` | who may wait, and for how long; bytes of bodies in memory |
//! | `token/` | JSON Web Tokens |
//! | `caller`, `message` | who asks, and what they sent, as the database is told |
//! | `database`, `connect` | pools, leases of connections, cancelling; which of several servers |
//! | `problem`, `status` | what went wrong, as a reply; SQLSTATE → status |
//! | `routes/` | functions, webhooks, deploy, admin, events, openapi, operations, page |
//! | `metrics`, `telemetry` | figures, logs and traces |

mod admission;
mod caller;
mod connect;
mod database;
mod gateway;
mod message;
mod metrics;
mod options;
mod problem;
mod routes;
mod server;
mod status;
mod telemetry;
mod tls;
mod token;
mod units;

pub use database::Target;
pub use options::{Options, Settings};
pub use server::serve;
pub use status::{STATUSES, status_of};
