//! Programs from crates.io that chores call: each of a pinned version, built once, below the target folder and never for
//! the user.

use std::path::PathBuf;
use std::process::Command;

use crate::console::Step;
use crate::error::Result;
use crate::places::{Places, remove_dir};

/// A crate with a program of the same name.
pub(crate) struct CargoTool {
    name: &'static str,
    version: &'static str,
    /// Those that are used; by themselves most serve to download what is not asked of them.
    features: &'static str,
}

/// Must be the version of the `pgrx` crate in Cargo.toml; cargo-pgrx refuses any other.
pub(crate) const PGRX: CargoTool = CargoTool { name: "cargo-pgrx", version: "0.18.1", features: "" };
/// Reads deny.toml.
pub(crate) const DENY: CargoTool = CargoTool { name: "cargo-deny", version: "0.20.2", features: "" };
/// Writes bills of materials.
pub(crate) const CYCLONEDX: CargoTool = CargoTool { name: "cargo-cyclonedx", version: "0.5.9", features: "" };
/// Makes the book of the guide; its server and its watcher are not used.
pub(crate) const MDBOOK: CargoTool = CargoTool { name: "mdbook", version: "0.5.4", features: "search" };

impl CargoTool {
    /// Where its program is, or would be.
    pub(crate) fn program(&self, places: &Places) -> PathBuf {
        places.tools().join("bin").join(self.name)
    }

    /// Installs it, unless it is there.
    pub(crate) fn ensure(&self, places: &Places, step: &mut Step) -> Result<()> {
        if self.is_there(places) {
            step.note("present");
            return Ok(());
        }
        let build_dir = places.target.join("tools-build");
        let installed = step.run(
            places
                .cargo()
                // They copy files and read lists: building them quickly matters, their own speed does not.
                .args(["install", "--debug", "--locked", "--no-default-features", self.name])
                .arg(format!("--features={}", self.features))
                .arg(format!("--version=={}", self.version))
                .arg("--root")
                .arg(places.tools())
                .env("CARGO_TARGET_DIR", &build_dir)
                .env("CARGO_PROFILE_DEV_DEBUG", "0"),
        );
        remove_dir(&build_dir)?;
        installed?;
        step.note("installed");
        Ok(())
    }

    fn is_there(&self, places: &Places) -> bool {
        // A subcommand of cargo is told its own name first.
        let word = self.name.strip_prefix("cargo-");
        let output = Command::new(self.program(places)).args(word).arg("--version").output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim().ends_with(self.version))
    }
}
