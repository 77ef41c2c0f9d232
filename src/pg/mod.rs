//! The only room that speaks to Postgres in its own words: `unsafe`, `pg_sys` and `Datum` appear here and nowhere else.
//!
//! It knows nothing of wasm. Above it there are values: roles, rows as JSON, errors. Three rules hold in every file:
//! an ERROR is caught here and becomes a [`PgError`]; nothing raises while a guest frame is on the stack; each switch
//! of a backend variable is a guard that puts it back when dropped.
#![allow(unsafe_code, reason = "the room of unsafe; see the rules above")]

pub mod backend;
pub mod background;
pub mod call;
mod catch;
pub mod child;
pub mod clock;
mod confine;
pub mod current;
mod datum;
mod encoding;
pub mod entry;
mod error;
pub mod interrupt;
pub mod inval;
mod json;
mod jsonb;
mod jsonb_build;
mod param;
mod proc;
mod raw;
mod receiver;
mod refuse;
mod role;
mod row;
mod savepoint;
pub mod session;
pub mod shmem;
pub mod single;
pub mod spi;
mod statement;
pub mod ticks;
pub mod transaction;
pub mod trigger;
pub mod utility;
mod version;
pub mod wait_event;
pub mod zone;

pub use call::{Call, Reply, Scalar, TypeId, current_role, quote_identifier};
pub use catch::{can_open_subtransaction, subtransaction};
pub use confine::confine;
pub use datum::FromJson;
pub use encoding::storable;
pub use error::{PgError, RetryAdvice, SqlState};
pub use json::{JsonKind, escape};
pub use proc::Procedure;
pub use role::{Role, RoleScope, SettingsScope};
pub use savepoint::Savepoint;
pub use statement::{Access, Statement};
