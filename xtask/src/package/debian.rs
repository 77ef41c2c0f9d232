//! A folder as a Debian package: control files, checksums, `dpkg-deb`, and what lintian has to say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Work;
use super::stage::{READ, RUN, Stage};
use crate::console::Step;
use crate::error::{Context, Failure, Result};

/// Scripts that dpkg runs, by the name it knows them under.
const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];

/// A package, its files in place.
pub(crate) struct Package<'a> {
    /// What dpkg calls it.
    pub(crate) name: &'a str,
    /// The file in `packaging/debian` that describes it, without an ending; its scripts have the same.
    pub(crate) template: &'a str,
    /// The major version in the template, where there is one.
    pub(crate) major: &'a str,
    /// The program or library whose libraries it needs.
    pub(crate) binary: &'a str,
    /// Folder with its files.
    pub(crate) stage: &'a Stage,
}

impl Package<'_> {
    /// Adds what every package has beside its own files, and packs it.
    pub(crate) fn build(&self, work: &Work<'_>, step: &Step, licences: &Path) -> Result<PathBuf> {
        let (stage, release) = (self.stage, &work.release);
        let fill = |text: &str| release.fill(text).replace("@NAME@", self.name).replace("@PG@", self.major);
        let template = |ending: &str| work.source.join("packaging/debian").join(format!("{}.{ending}", self.template));
        self.write_papers(work, step, licences, &fill)?;
        let overrides = fs::read_to_string(template("lintian-overrides"));
        stage.write(
            &format!("usr/share/lintian/overrides/{}", self.name),
            &fill(&overrides.context("read", "lintian-overrides")?),
            READ,
        )?;
        let control = fs::read_to_string(template("control")).context("read", template("control").display())?;
        let control = fill(&control)
            .replace("@SHLIBS@", &self.libraries(work, step)?)
            .replace("@SIZE@", &stage.size_kib()?.to_string());
        stage.write("DEBIAN/control", &control, READ)?;
        for script in SCRIPTS {
            if let Ok(text) = fs::read_to_string(template(script)) {
                stage.write(&format!("DEBIAN/{script}"), &fill(&text), RUN)?;
            }
        }
        if let Ok(files) = fs::read_to_string(template("conffiles")) {
            stage.write("DEBIAN/conffiles", &files, READ)?;
        }
        self.write_sums(step)?;
        stage.settle(step, release)?;
        let file = work.out.join(format!("{}_{}_{}.deb", self.name, release.debian_version(), release.debian_arch));
        // One thread: how xz cuts a file into blocks depends on their number.
        let mut pack = Command::new("dpkg-deb");
        pack.args(["--root-owner-group", "-Zxz", "--threads-max=1", "--build"]).arg(&stage.dir).arg(&file);
        step.run(pack.env("SOURCE_DATE_EPOCH", &release.epoch_s))?;
        check(&file, step)?;
        Ok(file)
    }

    /// Copyright, licences of what is linked in, and the two changelogs.
    fn write_papers(
        &self,
        work: &Work<'_>,
        step: &Step,
        licences: &Path,
        fill: &impl Fn(&str) -> String,
    ) -> Result<()> {
        let doc = format!("usr/share/doc/{}", self.name);
        let read = |path: PathBuf| fs::read_to_string(&path).context("read", path.display());
        let stage = self.stage;
        stage.write(
            &format!("{doc}/copyright"),
            &fill(&read(work.source.join("packaging/debian/copyright"))?),
            READ,
        )?;
        stage.write_gz(step, &format!("{doc}/THIRD-PARTY-LICENSES"), &read(licences.to_owned())?)?;
        stage.write_gz(step, &format!("{doc}/changelog"), &read(work.source.join("CHANGELOG.md"))?)?;
        let changes = read(work.source.join("packaging/debian/changelog"))?;
        stage.write_gz(step, &format!("{doc}/changelog.Debian"), &fill(&changes))
    }

    /// The packages, with versions, whose libraries the binary loads.
    fn libraries(&self, work: &Work<'_>, step: &Step) -> Result<String> {
        // dpkg-shlibdeps takes the package's name from the source package that it expects to stand in.
        let asked = Stage::new(&work.scratch, &format!("{}-libraries", self.name))?;
        asked.write("debian/control", &format!("Source: {0}\n\nPackage: {0}\nArchitecture: any\n", self.name), READ)?;
        let mut shlibdeps = Command::new("dpkg-shlibdeps");
        shlibdeps.current_dir(&asked.dir).arg("-Tfound").arg("-e");
        step.run(shlibdeps.arg(self.stage.dir.join(self.binary)))?;
        let found = fs::read_to_string(asked.dir.join("found")).context("read", "the answer of dpkg-shlibdeps")?;
        let depends = found.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
        depends.map(str::to_owned).ok_or_else(|| Failure::new("dpkg-shlibdeps names no library"))
    }

    /// What `dpkg --verify` compares with.
    fn write_sums(&self, step: &Step) -> Result<()> {
        // Settings are the administrator's to change.
        let sums = "find . \\( -path ./DEBIAN -o -path ./etc \\) -prune -o -type f -printf '%P\\0' | LC_ALL=C sort --zero-terminated | xargs --null md5sum > DEBIAN/md5sums";
        step.run(Command::new("sh").args(["-c", sums]).current_dir(&self.stage.dir))?;
        crate::account::set_mode(&self.stage.dir.join("DEBIAN/md5sums"), READ)
    }
}

/// Debian's own check; what is known and meant is in the overrides, each with its reason.
fn check(file: &Path, step: &Step) -> Result<()> {
    let mut lintian = Command::new("lintian");
    lintian.args(["--allow-root", "--tag-display-limit", "0", "--fail-on", "error,warning"]);
    step.run(lintian.arg(file))
}
