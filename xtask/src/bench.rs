//! `cargo xtask bench`: this project beside PL/pgSQL and C, in one run on a server of its own.

use std::process::{Command, Stdio};

use crate::account;
use crate::console::Console;
use crate::error::{Context, Failure, Result};
use crate::setup;

const DATABASE: &str = "bench";

/// `cargo xtask bench [ARGS]`; the arguments go to bench/bench.py.
pub(crate) fn run(console: &mut Console, arguments: &[String]) -> Result<()> {
    let ready = setup::prepare(console)?;
    let cluster = ready.postgres.bench_cluster();
    console.step(&ready.places.logs(), "bench server", |step| {
        cluster.recreate(step)?;
        step.run(cluster.psql("postgres").arg(format!("--command=CREATE DATABASE {DATABASE}")))
    })?;
    let (host, port) = (cluster.socket_dir(), cluster.port());
    let mut bench = Command::new("python3");
    account::scrub(&mut bench);
    bench
        .arg(ready.places.root.join("bench/bench.py"))
        .args(arguments)
        .current_dir(&ready.places.root)
        .env("BENCH_DSN", format!("host={} port={port} user=postgres dbname={DATABASE}", host.display()))
        .env("BENCH_PG_CONFIG", ready.postgres.bin().join("pg_config"))
        .stdin(Stdio::null());
    let status = bench.status().context("start", "python3");
    cluster.stop()?;
    if status?.success() { Ok(()) } else { Err(Failure::new("the benchmark failed; its own words are above")) }
}
