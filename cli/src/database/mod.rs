//! The server: where it is, how its errors read, which schema the extension is in. All statements of the command line
//! that more than one command needs are here.

mod address;
mod connection;
mod deploy;
mod error;
mod tls;

pub(crate) use address::Address;
pub(crate) use connection::{Database, connect, open};
pub(crate) use deploy::{State, check, deploy, state};
pub(crate) use error::problem;
pub(crate) use tls::connector;
