//! schemathesis, which makes requests from the gateway's OpenAPI document: from PyPI, in a folder of its own.

use std::path::PathBuf;
use std::process::Command;

use crate::console::Step;
use crate::error::Result;
use crate::places::{self, Places};

const VERSION: &str = "4.32.5";

/// Where it is, or would be.
pub(crate) fn program(places: &Places) -> PathBuf {
    folder(places).join("bin/schemathesis")
}

fn folder(places: &Places) -> PathBuf {
    places.tools().join(format!("schemathesis-{VERSION}"))
}

/// Installs it, unless it is there.
///
/// # Errors
/// There is no Python with venv, or PyPI does not have it.
pub(crate) fn ensure(places: &Places, step: &mut Step) -> Result<()> {
    if program(places).is_file() {
        step.note("present");
        return Ok(());
    }
    let folder = folder(places);
    places::remove_dir(&folder)?;
    step.run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    step.run(pip.args(["install", "--quiet", "--disable-pip-version-check", &format!("schemathesis=={VERSION}")]))?;
    step.note("installed");
    Ok(())
}
