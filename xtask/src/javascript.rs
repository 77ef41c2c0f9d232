//! What is built and tested with Node.js: the JavaScript engine, the npm package, the gateway's page.

use std::fs;
use std::process::Command;

use crate::account;
use crate::console::Step;
use crate::error::{Context, Result};
use crate::places::Places;
use crate::postgres::Postgres;

/// Folders with a lock file of their own, in the order in which they need each other.
const PACKAGES: [&str; 2] = ["crates/js-engine", "sdk/js"];
/// The gateway's page, which needs none of them.
const PAGE: &str = "crates/gateway/page";

/// Builds the engine that the extension includes, unless it is there.
pub(crate) fn build_engine(places: &Places, step: &mut Step) -> Result<()> {
    install(places, step, PACKAGES[0])?;
    step.run(node(places).args(["node", "crates/js-engine/build.mjs"]))
}

/// Installs the npm packages that end in what is built: in the engine, and in the gateway's page.
pub(crate) fn install_bundled(places: &Places, step: &mut Step) -> Result<()> {
    install(places, step, PACKAGES[0])?;
    install(places, step, PAGE)
}

/// Runs the tests that need no server.
pub(crate) fn test(places: &Places, step: &mut Step) -> Result<()> {
    for package in PACKAGES {
        install(places, step, package)?;
        step.run(&mut npm(places, package, &["test"]))?;
    }
    Ok(())
}

/// Runs the tests of the gateway's page: by itself, then in a browser, with the built gateway and a server of their own.
pub(crate) fn test_page(places: &Places, postgres: &Postgres, step: &mut Step) -> Result<()> {
    install(places, step, PAGE)?;
    let alone = step.run(&mut npm(places, PAGE, &["test"]));
    let mut browser = npm(places, PAGE, &["run", "browser"]);
    browser
        .env("ALYX_BIN", places.target.join("debug/alyx"))
        .env("ALYX_TEST_BIN", postgres.bin())
        .env("ALYX_TEST_OS_USER", &postgres.account.name)
        .env("ALYX_TEST_GUESTS", postgres.guests());
    step.run(&mut browser).and(alone)
}

/// `npm ci`, when the lock file is another than that of the last time.
fn install(places: &Places, step: &mut Step, package: &str) -> Result<()> {
    let folder = places.root.join(package);
    let (lock, installed) = (folder.join("package-lock.json"), folder.join("node_modules/.installed-lock.json"));
    let wanted = fs::read(&lock).context("read", lock.display())?;
    if fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    step.run(node(places).args(["npm", "ci", "--loglevel=error", "--no-audit", "--no-fund", "--prefix", package]))?;
    fs::write(&installed, wanted).context("write", installed.display())
}

/// npm in the folder of a package, without words of its own.
fn npm(places: &Places, package: &str, words: &[&str]) -> Command {
    let mut command = node(places);
    command.arg("npm").args(words).args(["--silent", "--prefix", package]);
    command
}

/// A command with Node.js in its path, in the checkout.
pub(crate) fn node(places: &Places) -> Command {
    let mut command = Command::new("bash");
    account::scrub(&mut command);
    command.arg(places.root.join("xtask/with-node")).current_dir(&places.root);
    command.env("ALYX_TOOLCHAINS", places.toolchains());
    command
}
