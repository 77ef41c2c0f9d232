//! Tests with real keys, and with a real server for the key sets.

mod algorithms;
mod claims;
mod file;
mod fixtures;
mod malformed;
mod remote;
mod settings;
mod signer;
mod speed;
