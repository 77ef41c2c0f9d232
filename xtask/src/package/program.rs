//! `alyx`, the command line and gateway: a Debian package with a service, and a tarball.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Work;
use super::debian::Package;
use super::stage::{READ, RUN, Stage};
use crate::console::Step;
use crate::error::{Context, Failure, Result};

/// Shells, and where each looks for a program's completions.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/alyx"),
    ("zsh", "share/zsh/vendor-completions/_alyx"),
    ("fish", "share/fish/vendor_completions.d/alyx.fish"),
];

/// The readable settings of the service hold passwords.
const SECRET: u32 = 0o640;

/// Makes both. `kit` is the npm package: it carries the JavaScript engine that `alyx build` needs.
pub(crate) fn package(work: &Work<'_>, built: &Path, kit: &Path, step: &mut Step) -> Result<()> {
    debian(work, built, kit, step)?;
    tarball(work, built, kit, step)
}

fn debian(work: &Work<'_>, built: &Path, kit: &Path, step: &Step) -> Result<()> {
    let stage = Stage::new(&work.scratch, "alyx")?;
    place(work, &stage, "usr/", built, kit, step)?;
    stage.copy(&work.source.join("packaging/alyx-serve.service"), "lib/systemd/system/alyx-serve.service", READ)?;
    stage.copy(&work.source.join("packaging/serve.env"), "etc/alyx/serve.env", SECRET)?;
    for paper in ["docs/cli.md", "docs/http.md", "docs/typescript.md", "docs/rust.md"] {
        let name = paper.trim_start_matches("docs/");
        stage.copy(&work.source.join(paper), &format!("usr/share/doc/alyx/{name}"), READ)?;
    }
    let package = Package { name: "alyx", template: "alyx", major: "", binary: "usr/bin/alyx", stage: &stage };
    package.build(work, step, &work.licences("alyx")).map(drop)
}

fn tarball(work: &Work<'_>, built: &Path, kit: &Path, step: &Step) -> Result<()> {
    let release = &work.release;
    let name = format!("alyx-{}-{}-linux", release.version, release.arch);
    let stage = Stage::new(&work.scratch, &name)?;
    place(work, &stage, "", built, kit, step)?;
    for paper in ["LICENSE", "CHANGELOG.md", "docs/cli.md", "docs/http.md", "docs/typescript.md", "docs/rust.md"] {
        stage.copy(&work.source.join(paper), paper, READ)?;
    }
    for file in ["alyx-serve.service", "serve.env"] {
        stage.copy(&work.source.join("packaging").join(file), &format!("share/alyx/{file}"), READ)?;
    }
    stage.copy(&work.licences("alyx"), "THIRD-PARTY-LICENSES", READ)?;
    stage.settle(step, release)?;
    stage.tar(step, &work.out.join(format!("{name}.tar.gz")))
}

/// The program, its completions, and the kits for `alyx new --sdk`.
fn place(work: &Work<'_>, stage: &Stage, prefix: &str, built: &Path, kit: &Path, step: &Step) -> Result<()> {
    stage.copy_stripped(step, built, &format!("{prefix}bin/alyx"), RUN)?;
    for (shell, to) in COMPLETIONS {
        let output = Command::new(built).args(["completions", shell]).output().context("start", built.display())?;
        if !output.status.success() {
            return Err(Failure::new(format!("alyx completions {shell} failed")));
        }
        stage.write(&format!("{prefix}{to}"), &String::from_utf8_lossy(&output.stdout), READ)?;
    }
    let manual = fs::read_to_string(work.source.join("packaging/alyx.1")).context("read", "packaging/alyx.1")?;
    stage.write_gz(step, &format!("{prefix}share/man/man1/alyx.1"), &work.release.fill(&manual))?;
    // Without a version in its name: package.json of a function names it.
    stage.copy(kit, &format!("{prefix}share/alyx/kit-js.tgz"), READ)?;
    for part in ["Cargo.toml", "README.md", "src", "macro/Cargo.toml", "macro/README.md", "macro/src"] {
        let (from, to) = (work.source.join("sdk/rust").join(part), format!("{prefix}share/alyx/kit-rust/{part}"));
        if from.is_dir() { stage.copy_dir(&from, &to)? } else { stage.copy(&from, &to, READ)? }
    }
    Ok(())
}
