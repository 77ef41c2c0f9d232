//! The steps that the demo and the tests share, and their undoing.

use std::fs::File;

use crate::cargo_tool::PGRX;
use crate::console::Console;
use crate::error::Result;
use crate::extension;
use crate::guests::{self, Example};
use crate::javascript;
use crate::packages;
use crate::places::{Places, remove_dir};
use crate::postgres::Postgres;

/// A machine on which the extension is installed privately and the examples are built.
pub(crate) struct Ready {
    /// Checkout and target folder.
    pub(crate) places: Places,
    /// The private installation.
    pub(crate) postgres: Postgres,
    /// The examples, with their modules.
    pub(crate) examples: Vec<Example>,
    /// Keeps other runs of xtask on this checkout waiting.
    _lock: File,
}

/// Does whatever is still missing.
pub(crate) fn prepare(console: &mut Console) -> Result<Ready> {
    let places = Places::find()?;
    let logs = places.logs();
    let lock = places.lock()?;
    console.step(&logs, "system packages", packages::ensure)?;
    let postgres = Postgres::locate(&places)?;
    console.step(&logs, "private PostgreSQL", |step| postgres.ensure_tree(step))?;
    console.step(&logs, "cargo-pgrx", |step| PGRX.ensure(&places, step))?;
    console.step(&logs, "JavaScript engine", |step| javascript::build_engine(&places, step))?;
    console.step(&logs, "extension", |step| extension::install(&places, &postgres, step))?;
    let examples = console.step(&logs, "example guests", |step| guests::build(&places, &postgres, step))?;
    Ok(Ready { places, postgres, examples, _lock: lock })
}

/// `cargo xtask setup`
pub(crate) fn run(console: &mut Console, _: &[String]) -> Result<()> {
    prepare(console).map(drop)
}

/// `cargo xtask clean`
pub(crate) fn clean(console: &mut Console, _: &[String]) -> Result<()> {
    let places = Places::find()?;
    let lock = places.lock()?;
    let postgres = Postgres::locate(&places)?;
    for cluster in postgres.clusters() {
        cluster.stop()?;
    }
    postgres.remove()?;
    remove_dir(&places.tools())?;
    remove_dir(&places.toolchains())?;
    for folder in ["packages", "packages-work"] {
        remove_dir(&places.target.join(folder))?;
    }
    drop(lock);
    remove_dir(&places.logs())?;
    console.print("deleted the servers, the private PostgreSQL, the built guests, the packages and the tools");
    Ok(())
}
