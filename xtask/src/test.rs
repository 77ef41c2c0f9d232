//! `cargo xtask test`: all tests of all packages in one `cargo test`, against a fresh server, then those of JavaScript,
//! lints, format and a short run of the fuzzers.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bench;
use crate::check;
use crate::cluster::Cluster;
use crate::console::{Console, Step};
use crate::error::{Context, Failure, Result};
use crate::fuzz;
use crate::guests;
use crate::javascript;
use crate::licences;
use crate::major::Major;
use crate::packages;
use crate::places::Places;
use crate::postgres::Postgres;
use crate::python::SCHEMATHESIS;
use crate::rust;
use crate::setup::{self, Ready};
use crate::tally::Tally;

/// The targets whose tests depend on the server's release; the others are run with the system's.
const TALKING_TO_THE_SERVER: [&str; 7] = ["golden", "hostile", "jobs", "records", "restart", "secrets", "system"];

/// `cargo xtask test [--pg N] [--only NAME]`
pub(crate) fn run(console: &mut Console, major: Major, arguments: &[String]) -> Result<()> {
    let only = only(arguments)?;
    let ready = setup::prepare(console, major)?;
    let logs = ready.places.logs();
    console.step(&logs, "test guests", |step| guests::build_for_tests(&ready.places, &ready.postgres, step))?;
    console.step(&logs, "test packages", packages::ensure_for_tests)?;
    console.step(&logs, "schemathesis", |step| SCHEMATHESIS.ensure(&ready.places, step))?;
    let cluster = ready.postgres.test_cluster();
    console.step(&logs, "test server", |step| cluster.recreate(step))?;
    let mut report = Report::default();
    let mut build = ready.places.cargo_workspace("build");
    build.args(["--bin", "alyx"]);
    console.step(&logs, "command line", |step| step.run(&mut build))?;
    let mut command = cargo_test(&ready, &cluster);
    if major != Major::SYSTEM && only.is_none() {
        command.args(TALKING_TO_THE_SERVER.map(|target| format!("--test={target}")));
    }
    command.args(["--no-fail-fast", "--", "--color=never"]).args(only);
    report.count(console, &logs, "tests", Tally::of, |step| step.run(&mut command));
    cluster.stop()?;
    if only.is_none() {
        report.note(check::lint(console, &ready.places));
    }
    // The rest knows no PostgreSQL, and was run with the system's.
    if only.is_none() && major == Major::SYSTEM {
        let cargo = |arguments: &[&str]| {
            let mut command = ready.places.cargo();
            command.args(arguments);
            command
        };
        let javascript = |step: &mut Step| javascript::test(&ready.places, step);
        report.count(console, &logs, "JavaScript tests", Tally::of_node, javascript);
        let page = |step: &mut Step| javascript::test_page(&ready.places, &ready.postgres, step);
        report.count(console, &logs, "page tests", Tally::of_node, page);
        report.note(console.step(&logs, "Rust kit", |step| rust::test(&ready.places, step)));
        report.note(console.step(&logs, "speed", |step| bench::check(&ready, step)));
        report.note(console.step(&logs, "format", |step| step.run(&mut cargo(&["fmt", "--all", "--check"]))));
        report.note(console.step(&logs, "dependencies", |step| licences::check(&ready.places, step)));
        report.failures.extend(fuzz::short(console, &ready.places));
    }
    let Report { tally, failures } = report;
    for failure in &failures {
        console.failure(failure);
    }
    if !tally.failures.is_empty() {
        console.print(&format!("\nfailures:\n{}", tally.failures));
    }
    console.summary();
    // A step that broke without a failed test (a compile error, a lint) must not read as "0 failed".
    let failed = tally.failed + failures.len();
    console.print(&format!("\n{} passed, {failed} failed", tally.passed));
    if failed == 0 { Ok(()) } else { Err(Failure::reported()) }
}

fn only(arguments: &[String]) -> Result<Option<&str>> {
    match arguments {
        [] => Ok(None),
        [option, name] if option == "--only" => Ok(Some(name)),
        _ => Err(Failure::new("the only option of \"test\" is \"--only NAME\"")),
    }
}

/// What all steps came to.
#[derive(Default)]
struct Report {
    tally: Tally,
    /// Of steps, where no test failed.
    failures: Vec<Failure>,
}

impl Report {
    fn note(&mut self, outcome: Result<()>) {
        self.failures.extend(outcome.err());
    }

    /// Does a step that runs tests, and counts them as `read` finds them in its log.
    fn count(
        &mut self,
        console: &mut Console,
        logs: &Path,
        name: &str,
        read: fn(&str) -> Tally,
        work: impl FnOnce(&mut Step) -> Result<()>,
    ) {
        let mut tally = Tally::default();
        let outcome = console.step(logs, name, |step| {
            let result = work(step);
            let output = fs::read(step.log()).context("read", step.log().display())?;
            tally = read(&String::from_utf8_lossy(&output));
            step.note(format!("{} passed, {} failed, {} ignored", tally.passed, tally.failed, tally.ignored));
            result
        });
        if tally.failed == 0 {
            self.note(outcome);
        }
        self.tally.add(&tally);
    }
}

/// `cargo test` of the workspace, told where the server is and what belongs to it.
pub(crate) fn cargo_test(ready: &Ready, cluster: &Cluster<'_>) -> Command {
    let mut command = ready.places.cargo_workspace("test");
    command
        .env("ALYX_TEST_HOST", cluster.socket_dir())
        .env("ALYX_TEST_PORT", cluster.port().to_string())
        .env("ALYX_TEST_DATA", cluster.data())
        .env("ALYX_TEST_LOG", cluster.log())
        .env("ALYX_TEST_BIN", ready.postgres.bin())
        .env("ALYX_TEST_OS_USER", &ready.postgres.account.name)
        .env("ALYX_TEST_GUESTS", ready.postgres.guests())
        .env("ALYX_TEST_SCHEMATHESIS", SCHEMATHESIS.program(&ready.places))
        .env("ALYX_TOOLCHAINS", ready.places.toolchains());
    if let Some(older) = older(ready) {
        command.env("ALYX_TEST_OLDER_BIN", older.bin());
    }
    command
}

/// The system's PostgreSQL with the extension, where another is tested: pg_upgrade begins there.
fn older(ready: &Ready) -> Option<Postgres> {
    let system = Places::find(Major::SYSTEM).and_then(|places| Postgres::locate(&places)).ok()?;
    let is_there = system.extensions().join("alyx_functions.control").exists();
    (ready.places.major != Major::SYSTEM && is_there).then_some(system)
}

#[cfg(test)]
mod tests_of_arguments {
    use super::*;

    #[test]
    fn only_takes_one_name() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(only(&words(&["--only", "deploy"])).unwrap(), Some("deploy"));
        assert_eq!(only(&[]).unwrap(), None);
        assert!(only(&words(&["--only"])).is_err());
        assert!(only(&words(&["deploy"])).is_err());
    }
}
