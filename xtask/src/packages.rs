//! System packages: what a bare Debian 12 lacks for building the extension and the examples, and for the tests.
//!
//! Root gets them installed, anyone else the line to run. Nothing happens when all are present.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::account::is_root;
use crate::console::Step;
use crate::error::{Context, Failure, Result};

/// How to tell that a need is met.
enum Probe {
    /// dpkg has the package of that name.
    Installed,
    /// A program of that name answers, from wherever it came.
    Program(&'static str),
}

struct Need {
    package: &'static str,
    probe: Probe,
}

const fn package(package: &'static str) -> Need {
    Need { package, probe: Probe::Installed }
}

const fn program(name: &'static str, package: &'static str) -> Need {
    Need { package, probe: Probe::Program(name) }
}

const SERVER: &str = "postgresql-15";

/// What the chores use, and for what.
const NEEDS: &[Need] = &[
    // The server, and the headers the extension is compiled against.
    package(SERVER),
    package("postgresql-server-dev-15"),
    program("gcc", "gcc"),
    package("libc6-dev"),
    // bindgen reads the headers through libclang; its builtin headers come with clang.
    package("clang"),
    package("libclang-dev"),
    // Guests written in C.
    package("lld"),
    package("wasi-libc"),
    package("libclang-rt-14-dev-wasm32"),
    // Benchmark and conformance scripts; toolchains of guests that come from PyPI.
    program("python3", "python3"),
    package("python3-venv"),
];

/// What PostgreSQL is built from source with; its archives hold no generated parsers since 17.
const POSTGRES_NEEDS: &[Need] = &[
    program("make", "make"),
    program("bison", "bison"),
    program("flex", "flex"),
    program("perl", "perl"),
    program("pkg-config", "pkg-config"),
    program("bzip2", "bzip2"),
    package("zlib1g-dev"),
    package("libssl-dev"),
    package("libicu-dev"),
    package("liblz4-dev"),
    package("libzstd-dev"),
];

/// What the tests use besides.
const TEST_NEEDS: &[Need] = &[
    // The gateway's page is tested in it.
    program("chromium", "chromium"),
    // It stands between the gateway and a server, and the README's lines for it are run.
    package("pgbouncer"),
    program("curl", "curl"),
    // The guide's pages sign tokens and deliveries with it.
    program("openssl", "openssl"),
];

/// What packages are made and checked with.
const PACKAGE_NEEDS: &[Need] = &[
    // dpkg-shlibdeps.
    package("dpkg-dev"),
    program("lintian", "lintian"),
];

/// And tried.
const TRY_NEEDS: &[Need] = &[package("debootstrap")];

/// Postgresql-common reads this folder when it decides whether a fresh install gets a cluster called "main".
const NO_MAIN_CLUSTER: &str = "/etc/postgresql-common/createcluster.d/alyx-xtask.conf";

/// Makes sure that all packages for the chores are there.
///
/// # Errors
/// Some are missing and the caller is not root (the message holds the line to run), or apt-get failed.
pub(crate) fn ensure(step: &mut Step) -> Result<()> {
    ensure_all(step, NEEDS)
}

/// The same of those that only tests use.
pub(crate) fn ensure_for_tests(step: &mut Step) -> Result<()> {
    ensure_all(step, TEST_NEEDS)
}

/// The same of those that make packages.
pub(crate) fn ensure_for_packages(step: &mut Step) -> Result<()> {
    ensure_all(step, PACKAGE_NEEDS)
}

/// The same of those that install packages into an empty machine.
pub(crate) fn ensure_for_trying(step: &mut Step) -> Result<()> {
    ensure_all(step, TRY_NEEDS)
}

/// The same of those that only a server built from source takes.
pub(crate) fn ensure_for_postgres(step: &mut Step) -> Result<()> {
    ensure_all(step, POSTGRES_NEEDS)
}

/// Makes sure that these packages are installed.
pub(crate) fn ensure_named(step: &mut Step, names: &[&'static str]) -> Result<()> {
    ensure_all(step, &names.iter().map(|name| package(name)).collect::<Vec<_>>())
}

fn ensure_all(step: &mut Step, needs: &[Need]) -> Result<()> {
    let mut missing = Vec::new();
    for need in needs {
        if !is_met(need)? {
            missing.push(need.package);
        }
    }
    if missing.is_empty() {
        step.note("present");
        return Ok(());
    }
    if !is_root()? {
        return Err(Failure::new(format!(
            "system packages are missing; run this line, then the command again:\n\n  \
             sudo apt-get install -y --no-install-recommends {}",
            missing.join(" ")
        )));
    }
    step.run(apt_get().args(["update", "--quiet"]))?;
    // Installing the server would also create and start a cluster on port 5432, which nobody asked for.
    let fresh_server = missing.contains(&SERVER);
    if fresh_server {
        write_no_main_cluster(Path::new(NO_MAIN_CLUSTER))?;
    }
    let installed = step.run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(&missing));
    if fresh_server {
        fs::remove_file(NO_MAIN_CLUSTER).context("delete", NO_MAIN_CLUSTER)?;
    }
    installed?;
    step.note(format!("installed {}", missing.join(" ")));
    Ok(())
}

fn is_met(need: &Need) -> Result<bool> {
    match need.probe {
        Probe::Program(name) => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            Ok(std::env::split_paths(&path).any(|dir| dir.join(name).is_file()))
        }
        Probe::Installed => {
            let output = Command::new("dpkg-query")
                .args(["--show", "--showformat=${db:Status-Status}", need.package])
                .output()
                .map_err(|_| Failure::new("dpkg-query was not found; this set-up is made for Debian 12"))?;
            Ok(output.stdout == b"installed")
        }
    }
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn write_no_main_cluster(path: &Path) -> Result<()> {
    if let Some(dir) = path.parent() {
        crate::places::create_dir(dir)?;
    }
    fs::write(path, "create_main_cluster = false\n").context("write", path.display())
}
