//! `cargo xtask bench`: this project beside PL/pgSQL, C, Debian's other languages, a bare SQL queue and pg_cron, on a server of its own.

use std::process::{Command, Stdio};

use crate::account;
use crate::cluster::Cluster;
use crate::console::{Console, Step};
use crate::error::{Context, Failure, Result};
use crate::major::Major;
use crate::peers::{self, PG_CRON};
use crate::python::MATPLOTLIB;
use crate::setup::{self, Ready};

const DATABASE: &str = "bench";

/// What can be measured by itself, and the script that does it.
const PARTS: &[(&str, &str)] = &[
    ("calls", "bench/bench.py"),
    ("jobs", "bench/jobs/main.py"),
    ("backends", "bench/backends/main.py"),
    ("scaling", "bench/scaling/main.py"),
];

/// `cargo xtask bench [calls|jobs|backends|scaling] [ARGS]`; the arguments go to the script of the part, or to all.
pub(crate) fn run(console: &mut Console, major: Major, arguments: &[String]) -> Result<()> {
    let (parts, arguments) = chosen(arguments);
    let ready = setup::prepare(console, major)?;
    let cluster = ready.postgres.bench_cluster();
    let logs = ready.places.logs();
    let has_pg_cron = parts.iter().any(|(part, _)| *part == "jobs")
        && console.step(&logs, "pg_cron", |step| peers::install(&PG_CRON, &ready.places, &ready.postgres, step))?;
    if parts.iter().any(|(part, _)| *part == "calls") {
        console
            .step(&logs, "other languages", |step| peers::install_languages(&ready.places, &ready.postgres, step))?;
    }
    if parts.iter().any(|(part, _)| *part == "scaling") {
        console.step(&logs, "matplotlib", |step| MATPLOTLIB.ensure(&ready.places, step))?;
    }
    console.step(&logs, "bench server", |step| start(&cluster, step))?;
    let outcome = parts.iter().try_for_each(|(_, script)| measure(&ready, &cluster, script, arguments, has_pg_cron));
    cluster.stop()?;
    outcome?;
    if parts.len() < PARTS.len() {
        return Ok(());
    }
    let mut targets = Command::new("python3");
    account::scrub(&mut targets);
    let results = ready.places.root.join("bench/results").join(name());
    let status = targets.arg(ready.places.root.join("bench/targets.py")).arg(results).status();
    if status.context("start", "python3")?.success() {
        Ok(())
    } else {
        Err(Failure::new("the targets were not printed"))
    }
}

/// What the results are called: the parts of one run begin alike.
fn name() -> String {
    std::env::var("BENCH_NAME").unwrap_or_else(|_| "latest".to_owned())
}

/// The parts that are meant, and what is left for their scripts.
fn chosen(arguments: &[String]) -> (Vec<(&'static str, &'static str)>, &[String]) {
    let named = arguments.split_first().and_then(|(word, rest)| {
        let part = PARTS.iter().find(|(part, _)| part == word)?;
        Some((vec![*part], rest))
    });
    named.unwrap_or_else(|| (PARTS.to_vec(), arguments))
}

/// Measures calls for a minute, and fails where one is far slower, beside PL/pgSQL, than it should be.
pub(crate) fn check(ready: &Ready, step: &mut Step) -> Result<()> {
    let cluster = ready.postgres.bench_cluster();
    start(&cluster, step)?;
    let mut bench = command(ready, &cluster, "bench/bench.py", false);
    bench.args(["--quick", "--check", "--rounds=3", "--out"]).arg(ready.places.logs().join("speed"));
    let outcome = step.run(&mut bench);
    cluster.stop()?;
    outcome
}

fn start(cluster: &Cluster<'_>, step: &mut Step) -> Result<()> {
    cluster.recreate(step)?;
    step.run(cluster.psql("postgres").arg(format!("--command=CREATE DATABASE {DATABASE}")))
}

fn measure(ready: &Ready, cluster: &Cluster<'_>, script: &str, arguments: &[String], has_pg_cron: bool) -> Result<()> {
    let status = command(ready, cluster, script, has_pg_cron).args(arguments).status().context("start", "python3")?;
    if status.success() { Ok(()) } else { Err(Failure::new("the benchmark failed; its own words are above")) }
}

/// A script of the benchmark, told where the server is.
fn command(ready: &Ready, cluster: &Cluster<'_>, script: &str, has_pg_cron: bool) -> Command {
    let (host, port) = (cluster.socket_dir(), cluster.port());
    let mut bench = Command::new("python3");
    account::scrub(&mut bench);
    bench
        .arg(ready.places.root.join(script))
        .current_dir(&ready.places.root)
        .env("BENCH_DSN", format!("host={} port={port} user=postgres dbname={DATABASE}", host.display()))
        .env("BENCH_PG_CONFIG", ready.postgres.bin().join("pg_config"))
        .env("BENCH_NAME", name())
        .env("BENCH_PLOT_PYTHON", MATPLOTLIB.program(&ready.places))
        .env("BENCH_PG_CRON", if has_pg_cron { "yes" } else { "" })
        .stdin(Stdio::null());
    bench
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_can_be_named_before_the_arguments() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let names = |arguments: &[String]| chosen(arguments).0.iter().map(|(part, _)| *part).collect::<Vec<_>>();
        assert_eq!(names(&[]), ["calls", "jobs", "backends", "scaling"]);
        assert_eq!(names(&words(&["jobs", "--quick"])), ["jobs"]);
        assert_eq!(chosen(&words(&["jobs", "--quick"])).1, ["--quick"]);
        assert_eq!(chosen(&words(&["--quick"])), (PARTS.to_vec(), words(&["--quick"]).as_slice()));
    }
}
