//! `alyx`, the command line, as a user runs it: the real binary, in folders of its own, against the server under test.
//! ALYX_BIN names the binary; without it target/debug/alyx is taken.

mod commands;
mod deploy;
mod dev;
mod house;
mod private;
mod tls;
mod wrong;
