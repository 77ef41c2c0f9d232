//! `cargo xtask soak`: a crowd of clients, good and hostile, for minutes; `tests/soak` is the crowd and starts its own server.

use std::process::Stdio;

use crate::console::Console;
use crate::error::{Context, Failure, Result};
use crate::major::Major;
use crate::{setup, test};

/// `cargo xtask soak [ARGS]`; the arguments go to the crowd.
pub(crate) fn run(console: &mut Console, major: Major, arguments: &[String]) -> Result<()> {
    let ready = setup::prepare(console, major)?;
    let mut soak = test::cargo_test(&ready, &ready.postgres.test_cluster());
    soak.args(["--quiet", "--test", "soak", "--"]).args(arguments).stdin(Stdio::null());
    let status = soak.status().context("start", "cargo")?;
    if status.success() { Ok(()) } else { Err(Failure::new("the soak failed; its own words are above")) }
}
