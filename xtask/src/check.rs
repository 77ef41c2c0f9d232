//! `cargo xtask check`: everything compiled and linted for a PostgreSQL, without a server and without linking.

use crate::console::Console;
use crate::error::Result;
use crate::headers;
use crate::javascript;
use crate::major::Major;
use crate::packages;
use crate::places::Places;

/// `cargo xtask check [--pg N]`
pub(crate) fn run(console: &mut Console, major: Major, _: &[String]) -> Result<()> {
    let places = Places::find(major)?;
    let _lock = places.lock()?;
    let logs = places.logs();
    console.step(&logs, "system packages", packages::ensure)?;
    if major != Major::SYSTEM {
        console.step(&logs, "headers", |step| headers::ensure(&places, step))?;
    }
    console.step(&logs, "JavaScript engine", |step| javascript::build_engine(&places, step))?;
    lint(console, &places)
}

/// What it compiles for one PostgreSQL is compiled for the next, but for pgrx and the extension.
pub(crate) fn lint(console: &mut Console, places: &Places) -> Result<()> {
    let mut clippy = places.cargo_workspace("clippy");
    clippy.args(["--all-targets", "--", "--deny", "warnings"]);
    console.step(&places.logs(), "lints", |step| step.run(&mut clippy))
}
