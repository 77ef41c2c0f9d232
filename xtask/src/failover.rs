//! `cargo xtask failover`: servers under Patroni whose primary is lost under load; `tests/failover` starts and judges them.

use std::process::Stdio;

use crate::console::Console;
use crate::error::{Context, Failure, Result};
use crate::major::Major;
use crate::{packages, setup, test};

/// What keeps the servers, and where it writes down who leads.
const PACKAGES: [&str; 2] = ["patroni", "etcd-server"];

/// `cargo xtask failover [ARGS]`; the arguments go to the test.
pub(crate) fn run(console: &mut Console, major: Major, arguments: &[String]) -> Result<()> {
    let ready = setup::prepare(console, major)?;
    let logs = ready.places.logs();
    console.step(&logs, "patroni and etcd", |step| packages::ensure_named(step, &PACKAGES))?;
    let mut build = ready.places.cargo_workspace("build");
    build.args(["--bin", "alyx"]);
    console.step(&logs, "command line", |step| step.run(&mut build))?;
    let mut failover = test::cargo_test(&ready, &ready.postgres.test_cluster());
    failover.args(["--quiet", "--test", "failover", "--"]).args(arguments).stdin(Stdio::null());
    let status = failover.status().context("start", "cargo")?;
    if status.success() { Ok(()) } else { Err(Failure::new("something broke; what it was is above")) }
}
