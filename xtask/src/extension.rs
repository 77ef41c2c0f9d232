//! Building the extension and installing it into the private PostgreSQL tree, with a pinned cargo-pgrx.

use std::fs;
use std::process::Command;

use crate::cargo_tool::PGRX;
use crate::console::Step;
use crate::error::{Context, Result};
use crate::places::Places;
use crate::postgres::Postgres;

/// Builds the extension and puts library, control file and SQL into the private tree.
///
/// `package` and not `install`: it is given the `pg_config` of all other builds, which names the system's folders, and
/// still writes only below the folder named here.
pub(crate) fn install(places: &Places, postgres: &Postgres, step: &mut Step) -> Result<()> {
    let mut command = places.with_build_environment(Command::new(PGRX.program(places)));
    command
        .args(["pgrx", "package", "--profile", "dev", "--pg-config"])
        // From its version follows the feature that it turns on in place of the default.
        .arg(places.pg_config())
        .arg("--out-dir")
        .arg(postgres.tree())
        // Otherwise it builds with RUSTFLAGS of its own, and with them every dependency a second time.
        .env("CARGO_PGRX_DISABLE_GC_SECTIONS_WORKAROUND", "1")
        // The same packages as in "cargo test --workspace", so that cargo settles on the same features of each.
        .env("PGRX_BUILD_FLAGS", "--workspace");
    step.run(&mut command)?;
    install_releases(places, postgres)?;
    postgres.make_readable()?;
    step.note("built and installed");
    Ok(())
}

/// The scripts of older releases, beside those of the steps from one to the next, which pgrx installs: a database can be
/// given any release, and the tests give it all.
fn install_releases(places: &Places, postgres: &Postgres) -> Result<()> {
    let sources = places.root.join("sql");
    for entry in fs::read_dir(&sources).context("list", sources.display())? {
        let name = entry.context("list", sources.display())?.file_name();
        if name.to_str().is_some_and(|name| name.starts_with("alyx_functions--")) {
            let to = postgres.extensions().join(&name);
            fs::copy(sources.join(&name), &to).context("write", to.display())?;
        }
    }
    Ok(())
}
