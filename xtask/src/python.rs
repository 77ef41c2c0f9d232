//! Tools from PyPI, each in a folder of its own: schemathesis, which makes requests from the gateway's OpenAPI document, and
//! matplotlib, which draws the curves of the benchmark.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::console::Step;
use crate::error::{Context, Result};
use crate::places::{self, Places};

/// A package of PyPI.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
    /// The program of the package's folder that is asked for.
    program: &'static str,
}

pub(crate) const SCHEMATHESIS: Tool = Tool { name: "schemathesis", version: "4.32.5", program: "schemathesis" };
pub(crate) const MATPLOTLIB: Tool = Tool { name: "matplotlib", version: "3.11.2", program: "python" };

impl Tool {
    /// Where its program is, or would be.
    pub(crate) fn program(&self, places: &Places) -> PathBuf {
        self.folder(places).join("bin").join(self.program)
    }

    fn folder(&self, places: &Places) -> PathBuf {
        places.tools().join(format!("{}-{}", self.name, self.version))
    }

    /// Installs it, unless it is there.
    ///
    /// # Errors
    /// There is no Python with venv, or PyPI does not have it.
    pub(crate) fn ensure(&self, places: &Places, step: &mut Step) -> Result<()> {
        let folder = self.folder(places);
        // The folder's own Python is there before the package is.
        let done = folder.join("installed");
        if done.is_file() {
            step.note("present");
            return Ok(());
        }
        places::remove_dir(&folder)?;
        step.run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        let package = format!("{}=={}", self.name, self.version);
        step.run(pip.args(["install", "--quiet", "--disable-pip-version-check", &package]))?;
        fs::write(&done, "").context("write", done.display())?;
        step.note("installed");
        Ok(())
    }
}
