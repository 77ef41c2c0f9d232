//! What deny.toml says of dependencies: licences, banned crates, and where crates come from.

use std::process::Command;

use crate::cargo_tool::DENY;
use crate::console::Step;
use crate::error::Result;
use crate::places::Places;

/// The packages that reach other people's machines, and what is asked of each. The bans are about the process of a
/// PostgreSQL backend. Advisories are in a git repository, and the tests run without network: `cargo deny check` has them.
const CHECKS: [(&str, &[&str]); 2] =
    [("Cargo.toml", &["licenses", "bans", "sources"]), ("cli/Cargo.toml", &["licenses", "sources"])];

/// Holds the dependencies of extension and command line against deny.toml.
pub(crate) fn check(places: &Places, step: &mut Step) -> Result<()> {
    DENY.ensure(places, step)?;
    for (manifest, checks) in CHECKS {
        let mut deny = Command::new(DENY.program(places));
        deny.current_dir(&places.root).args([
            "--offline",
            "--locked",
            "--config",
            "deny.toml",
            "--manifest-path",
            manifest,
        ]);
        // Two versions of a crate are a warning in deny.toml, and no news.
        step.run(deny.args(["check", "--hide-inclusion-graph", "--allow", "duplicate"]).args(checks))?;
    }
    step.note("clean");
    Ok(())
}
