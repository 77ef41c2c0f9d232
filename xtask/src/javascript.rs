//! What is built and tested with Node.js: the JavaScript engine, the npm package, the examples' own tests.

use std::fs;
use std::process::Command;

use crate::account;
use crate::console::Step;
use crate::error::{Context, Result};
use crate::places::Places;

/// Folders with a lock file of their own, in the order in which they need each other.
const PACKAGES: [&str; 2] = ["crates/js-engine", "sdk/js"];

/// Builds the engine that the extension includes, unless it is there.
pub(crate) fn build_engine(places: &Places, step: &mut Step) -> Result<()> {
    install(places, step, PACKAGES[0])?;
    step.run(node(places).args(["node", "crates/js-engine/build.mjs"]))
}

/// Runs the tests that need no server.
pub(crate) fn test(places: &Places, step: &mut Step) -> Result<()> {
    for package in PACKAGES {
        install(places, step, package)?;
        step.run(node(places).args(["npm", "test", "--silent", "--prefix", package]))?;
    }
    Ok(())
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

/// A command with Node.js in its path, in the checkout.
fn node(places: &Places) -> Command {
    let mut command = Command::new("bash");
    account::scrub(&mut command);
    command.arg(places.root.join("xtask/with-node")).current_dir(&places.root);
    command.env("ALYX_TOOLCHAINS", places.toolchains());
    command
}
