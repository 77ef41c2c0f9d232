//! Bills of materials (CycloneDX), and the licences of what is linked in, which they are the list for.

use std::path::PathBuf;
use std::process::Command;

use super::Work;
use crate::cargo_tool::CYCLONEDX;
use crate::console::Step;
use crate::error::Result;
use crate::javascript;
use crate::places::create_dir;

/// Version of the format.
const SPEC: &str = "1.5";

/// Writes the bills of the extension, of `alyx` and of the npm kit, and a file of licences beside each.
pub(crate) fn write(work: &Work<'_>, step: &mut Step) -> Result<()> {
    javascript::install_bundled(work.places, step)?;
    let mut cyclonedx = Command::new(CYCLONEDX.program(work.places));
    // In the copy of the sources: it leaves a file in the folder of each package.
    cyclonedx.current_dir(&work.source).env("SOURCE_DATE_EPOCH", &work.release.epoch_s);
    // What only builds is not in what is built.
    cyclonedx.args(["cyclonedx", "--format=json", "--no-build-deps", "--quiet", "--spec-version", SPEC]);
    step.run(cyclonedx.args(["--target", &format!("{}-unknown-linux-gnu", work.release.arch)]))?;
    let mut npm = javascript::node(work.places);
    let list = "npm sbom --silent --sbom-format=cyclonedx --package-lock-only --omit=dev > npm.cdx.json";
    step.run(npm.args(["sh", "-c", list]).current_dir(work.source.join("sdk/js")))?;
    create_dir(&work.scratch.join("licences"))?;
    let mut bill = Command::new("python3");
    bill.arg(work.source.join("packaging/bill.py"));
    bill.arg("--checkout").arg(&work.places.root).arg("--source").arg(&work.source);
    bill.arg("--engine").arg(work.places.target.join("js-engine"));
    bill.arg("--bills").arg(&work.out).arg("--licences").arg(work.scratch.join("licences"));
    bill.args(["--version", &work.release.version, "--epoch", &work.release.epoch_s]);
    step.run(bill.env("CARGO", work.places.cargo().get_program()))
}

impl Work<'_> {
    /// The file of licences that belongs to the bill of that name.
    pub(crate) fn licences(&self, bill: &str) -> PathBuf {
        self.scratch.join("licences").join(format!("{bill}.txt"))
    }
}
