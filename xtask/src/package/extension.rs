//! The extension of one major version of PostgreSQL: a Debian package, and a tarball for everything else.

use std::fs;
use std::path::{Path, PathBuf};

use super::Work;
use super::debian::Package;
use super::stage::{READ, RUN, Stage};
use crate::console::Step;
use crate::error::{Context, Failure, Result};
use crate::major::Major;

const LIBRARY: &str = "alyx_functions.so";

/// Makes both, of the tree into which the extension was built.
pub(crate) fn package(work: &Work<'_>, tree: &Path, major: Major, step: &mut Step) -> Result<()> {
    let files = Files::find(tree, major)?;
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
    fn find(tree: &Path, major: Major) -> Result<Self> {
        let library = tree.join(format!("usr/lib/postgresql/{major}/lib")).join(LIBRARY);
        let folder = tree.join(format!("usr/share/postgresql/{major}/extension"));
        let mut scripts = Vec::new();
        for entry in fs::read_dir(&folder).context("list", folder.display())? {
            let path = entry.context("list", folder.display())?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name == "alyx_functions.control" || (name.starts_with("alyx_functions--") && name.ends_with(".sql")) {
                scripts.push(path);
            }
        }
        scripts.sort();
        if !library.is_file() || scripts.len() < 2 {
            return Err(Failure::new(format!(
                "{} holds no extension; \"cargo xtask setup\" builds it",
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
