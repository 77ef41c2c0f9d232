//! The steps that the demo and the tests share, and their undoing.

use std::fs::File;

use crate::cargo_tool::PGRX;
use crate::console::Console;
use crate::error::{Failure, Result};
use crate::extension;
use crate::guests::{self, Example};
use crate::headers;
use crate::javascript;
use crate::major::{Major, Origin};
use crate::packages;
use crate::places::{Places, remove_dir};
use crate::postgres::Postgres;
use crate::postgres_source::BuiltServer;

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
///
/// # Errors
/// A step failed, or there is no server of that major.
pub(crate) fn prepare(console: &mut Console, major: Major) -> Result<Ready> {
    let places = Places::find(major)?;
    let lock = places.lock()?;
    let postgres = install(console, &places)?;
    let examples = console.step(&places.logs(), "example guests", |step| guests::build(&places, &postgres, step))?;
    Ok(Ready { places, postgres, examples, _lock: lock })
}

/// As far as the extension in its private tree.
pub(crate) fn install(console: &mut Console, places: &Places) -> Result<Postgres> {
    let (logs, major) = (places.logs(), places.major);
    console.step(&logs, "system packages", packages::ensure)?;
    match major.origin() {
        Origin::System => {}
        Origin::Source(suites) => {
            let server = BuiltServer::of(places);
            console.step(&logs, "build packages", packages::ensure_for_postgres)?;
            console.step(&logs, &format!("PostgreSQL {major}"), |step| server.ensure(suites, step))?;
            console.step(&logs, "headers", |step| headers::ensure(places, step))?;
        }
        Origin::Headers => {
            return Err(Failure::new(format!(
                "there is no server of PostgreSQL {major} for this machine; \"cargo xtask check --pg {major}\" compiles \
                 the extension for it"
            )));
        }
    }
    let postgres = Postgres::locate(places)?;
    console.step(&logs, "private PostgreSQL", |step| postgres.ensure_tree(places, step))?;
    console.step(&logs, "cargo-pgrx", |step| PGRX.ensure(places, step))?;
    console.step(&logs, "JavaScript engine", |step| javascript::build_engine(places, step))?;
    console.step(&logs, "extension", |step| extension::install(places, &postgres, step))?;
    Ok(postgres)
}

/// `cargo xtask setup`
pub(crate) fn run(console: &mut Console, major: Major, _: &[String]) -> Result<()> {
    prepare(console, major).map(drop)
}

/// `cargo xtask clean`: of all majors. A cache outside of the checkout stays, for others may use it.
pub(crate) fn clean(console: &mut Console, _: Major, _: &[String]) -> Result<()> {
    let places = Places::find(Major::SYSTEM)?;
    let lock = places.lock()?;
    let servers = Postgres::locate_all()?;
    for cluster in servers.iter().flat_map(Postgres::clusters) {
        cluster.stop()?;
    }
    for postgres in servers {
        postgres.remove()?;
    }
    remove_dir(&places.own_cache())?;
    remove_dir(&places.pg_configs())?;
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
