//! `cargo xtask demo`, and the two commands to go on from there: `psql` and `stop`.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::cluster::Cluster;
use crate::console::Console;
use crate::error::{Context, Failure, Result};
use crate::guests::Example;
use crate::major::Major;
use crate::places::Places;
use crate::postgres::Postgres;
use crate::setup::{self, Ready};

const DATABASE: &str = "demo";

/// `cargo xtask demo`: a server from nothing, each example bound to its tables, and what then happens to rows.
pub(crate) fn run(console: &mut Console, major: Major, _: &[String]) -> Result<()> {
    let ready = setup::prepare(console, major)?;
    let Ready { places, postgres, examples, .. } = &ready;
    let cluster = postgres.demo_cluster();
    console.step(&places.logs(), "demo server", |step| cluster.recreate(step))?;
    console.step(&places.logs(), "demo database", |step| {
        step.run(cluster.psql("postgres").arg(format!("--command=CREATE DATABASE {DATABASE}")))?;
        step.run(cluster.psql(DATABASE).arg("--command=CREATE EXTENSION alyx_functions"))?;
        for example in examples {
            if let Some(script) = example.script("bind.sql") {
                step.run(in_example(&mut cluster.psql(DATABASE), example).arg("--quiet").arg("--file").arg(script))?;
            }
        }
        step.note("created, functions deployed");
        Ok(())
    })?;
    for example in examples {
        show(console, &cluster, example)?;
    }
    let client = cluster.client_arguments(DATABASE).join(" ");
    let option = if major == Major::SYSTEM { String::new() } else { format!(" --pg {major}") };
    console.print(&format!(
        "\nThe server keeps running.\n  try more:  cargo xtask psql{option}        (or: psql {client})\n  \
         stop it:   cargo xtask stop"
    ));
    Ok(())
}

/// Runs an example's `demo.sql`, statements and results on the screen.
fn show(console: &Console, cluster: &Cluster<'_>, example: &Example) -> Result<()> {
    let Some(script) = example.script("demo.sql") else { return Ok(()) };
    console.print(&format!("\n== {} ==\n", example.name));
    let mut command = cluster.psql(DATABASE);
    in_example(&mut command, example).args(["--echo-all", "--pset=pager=off", "--file"]).arg(script);
    let status = command.stdin(Stdio::null()).status().context("start", "psql")?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("the demo of {} failed", example.name))) }
}

/// Scripts may include files beside them, and find the module in the variable `wasm`.
fn in_example<'a>(psql: &'a mut Command, example: &Example) -> &'a mut Command {
    psql.current_dir(&example.dir).arg(format!("--set=wasm={}", example.wasm.display()))
}

/// `cargo xtask psql`
pub(crate) fn psql(console: &mut Console, major: Major, arguments: &[String]) -> Result<()> {
    let places = Places::find(major)?;
    let postgres = Postgres::locate(&places)?;
    let cluster = postgres.demo_cluster();
    if !cluster.is_running() {
        console.step(&places.logs(), "demo server", |step| cluster.start(step))?;
    }
    let mut command = Command::new(postgres.bin().join("psql"));
    crate::account::scrub(&mut command);
    let error = command.args(cluster.client_arguments(DATABASE)).args(arguments).exec();
    Err(Failure::new(format!("could not start psql: {error}")))
}

/// `cargo xtask stop`
///
/// Of all majors: it means what xtask has started.
pub(crate) fn stop(console: &mut Console, _: Major, _: &[String]) -> Result<()> {
    for postgres in Postgres::locate_all()? {
        for cluster in postgres.clusters() {
            let stopped = cluster.stop()?;
            if stopped || postgres.major == Major::SYSTEM {
                let note = if stopped { "stopped" } else { "not running" };
                console.print(&format!("{} server of PostgreSQL {}: {note}", cluster.name(), postgres.major));
            }
        }
    }
    Ok(())
}
