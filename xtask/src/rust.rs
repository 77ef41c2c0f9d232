//! The kit for guests in Rust, a workspace of its own: its tests on this machine, its format and its lints.

use crate::console::Step;
use crate::error::Result;
use crate::places::Places;

/// Runs the tests that need no server, examples of the documentation included.
pub(crate) fn test(places: &Places, step: &mut Step) -> Result<()> {
    let manifest = places.root.join("sdk/rust/Cargo.toml");
    // Not in the folder of the extension's workspace: what both depend on is built with other features there.
    let target = places.target.join("sdk-rust");
    let cargo = |word: &str, arguments: &[&str]| {
        let mut command = places.cargo();
        command.arg(word).arg("--manifest-path").arg(&manifest).args(arguments).env("CARGO_TARGET_DIR", &target);
        command
    };
    step.run(&mut cargo("test", &["--workspace", "--locked", "--quiet"]))?;
    step.run(&mut cargo("fmt", &["--all", "--check"]))?;
    step.run(&mut cargo("clippy", &["--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]))
}
