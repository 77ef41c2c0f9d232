//! The extension of one major version of PostgreSQL: a Debian package, and a tarball for everything else.

use std::fs;
use std::path::{Path, PathBuf};

use super::Work;
use super::debian::Package;
use super::stage::{READ, RUN, Stage};
use crate::console::Step;
use crate::error::{Context, Failure, Result};
use crate::major::Major;

const NAME: &str = "alyx_functions";
const LIBRARY: &str = "alyx_functions.so";

/// Makes both, of the tree into which the extension was built.
pub(crate) fn package(work: &Work<'_>, tree: &Path, major: Major, step: &mut Step) -> Result<()> {
    let files = Files::find(work, tree, major)?;
    debian(work, &files, major, step)?;
    tarball(work, &files, major, step)
}

/// What was built.
struct Files {
    library: PathBuf,
    /// Control file and SQL.
    scripts: Vec<PathBuf>,
}

impl Files {
    fn find(work: &Work<'_>, tree: &Path, major: Major) -> Result<Self> {
        let version = &work.release.version;
        let library = tree.join(format!("usr/lib/postgresql/{major}/lib")).join(LIBRARY);
        let folder = tree.join(format!("usr/share/postgresql/{major}/extension"));
        let mut scripts = Vec::new();
        for entry in fs::read_dir(&folder).context("list", folder.display())? {
            let path = entry.context("list", folder.display())?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Releases whose scripts are kept can be installed as well.
            if is_script(&name, version) || work.source.join("sql").join(&name).is_file() {
                scripts.push(path);
            }
        }
        scripts.sort();
        if !library.is_file() || !folder.join(format!("{NAME}--{version}.sql")).is_file() {
            return Err(Failure::new(format!(
                "{} does not hold version {version} of the extension; \"cargo xtask setup --pg {major}\" builds it",
                tree.display()
            )));
        }
        Ok(Self { library, scripts })
    }

    fn place(&self, stage: &Stage, step: &Step, lib: &str, share: &str) -> Result<()> {
        stage.copy_stripped(step, &self.library, &format!("{lib}/{LIBRARY}"), READ)?;
        self.scripts.iter().try_for_each(|path| {
            stage.copy(path, &format!("{share}/{}", path.file_name().unwrap_or_default().to_string_lossy()), READ)
        })
    }
}

/// Whether a file in the extension folder is ours, and of this version: the control file, the script that makes the
/// extension, and every script that upgrades it. A tree keeps the scripts of builds before, released or not.
fn is_script(file: &str, version: &str) -> bool {
    let Some(rest) = file.strip_prefix(NAME) else { return false };
    let Some(versions) = rest.strip_prefix("--").and_then(|rest| rest.strip_suffix(".sql")) else {
        return rest == ".control";
    };
    versions.contains("--") || versions == version
}

fn debian(work: &Work<'_>, files: &Files, major: Major, step: &Step) -> Result<()> {
    let name = format!("postgresql-{major}-alyx-functions");
    let stage = Stage::new(&work.scratch, &name)?;
    let lib = format!("usr/lib/postgresql/{major}/lib");
    files.place(&stage, step, &lib, &format!("usr/share/postgresql/{major}/extension"))?;
    let doc = format!("usr/share/doc/{name}");
    stage.copy(&work.source.join("README.md"), &format!("{doc}/README.md"), READ)?;
    stage.copy(&work.source.join("SECURITY.md"), &format!("{doc}/SECURITY.md"), READ)?;
    stage.copy(&work.source.join("docs/reference.md"), &format!("{doc}/reference.md"), READ)?;
    let binary = format!("{lib}/{LIBRARY}");
    let package =
        Package { name: &name, template: "extension", major: &major.to_string(), binary: &binary, stage: &stage };
    package.build(work, step, &work.licences("alyx_functions")).map(drop)
}

fn tarball(work: &Work<'_>, files: &Files, major: Major, step: &Step) -> Result<()> {
    let release = &work.release;
    let name = format!("alyx_functions-{}-pg{major}-{}-linux", release.version, release.arch);
    let stage = Stage::new(&work.scratch, &name)?;
    files.place(&stage, step, "lib", "extension")?;
    stage.copy(&work.source.join("packaging/install.sh"), "install.sh", RUN)?;
    stage.write("POSTGRESQL_MAJOR", &format!("{major}\n"), READ)?;
    for paper in ["README.md", "SECURITY.md", "LICENSE", "CHANGELOG.md", "docs/reference.md"] {
        stage.copy(&work.source.join(paper), paper, READ)?;
    }
    stage.copy(&work.licences("alyx_functions"), "THIRD-PARTY-LICENSES", READ)?;
    stage.settle(step, release)?;
    stage.tar(step, &work.out.join(format!("{name}.tar.gz")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_of_other_versions_are_left_out() {
        for ours in ["alyx_functions.control", "alyx_functions--0.2.0.sql", "alyx_functions--0.1.0--0.2.0.sql"] {
            assert!(is_script(ours, "0.2.0"), "{ours}");
        }
        for other in
            ["alyx_functions--0.1.0.sql", "plpgsql.control", "alyx_functions.so", "alyx_functions_x--0.2.0.sql"]
        {
            assert!(!is_script(other, "0.2.0"), "{other}");
        }
    }
}
