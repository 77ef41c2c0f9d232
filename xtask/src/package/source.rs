//! The sources: as PGXN takes them, and as the other packages take them, both from the last commit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::release::Release;
use crate::console::Step;
use crate::error::{Context, Result};
use crate::places::{Places, create_dir, remove_dir};

/// Lays the commit's files into a folder.
pub(crate) fn lay_out(places: &Places, scratch: &Path, step: &mut Step) -> Result<PathBuf> {
    let (folder, tar) = (scratch.join("source"), scratch.join("source.tar"));
    remove_dir(&folder)?;
    create_dir(&folder)?;
    step.run(git(places).args(["archive", "--format=tar", "--output"]).arg(&tar).arg("HEAD"))?;
    step.run(Command::new("tar").arg("--extract").arg("--file").arg(&tar).arg("--directory").arg(&folder))?;
    fs::remove_file(&tar).context("delete", tar.display())?;
    Ok(folder)
}

/// The zip for PGXN: the commit below `alyx_functions-<version>/`, with META.json, and the Makefile that its clients call.
pub(crate) fn pgxn(places: &Places, source: &Path, out: &Path, release: &Release, step: &mut Step) -> Result<()> {
    let top = format!("alyx_functions-{}", release.version);
    let read = |name: &str| fs::read_to_string(source.join(name)).context("read", name);
    let mut archive = git(places);
    archive.args(["archive", "--format=zip", "-9"]);
    archive.arg(format!("--prefix={top}/"));
    archive.arg(format!("--add-virtual-file={top}/META.json:{}", release.fill(&read("META.json.in")?)));
    archive.arg(format!("--add-virtual-file={top}/Makefile:{}", read("packaging/Makefile")?));
    // A zip has local times.
    archive.arg("--output").arg(out.join(format!("{top}.zip"))).arg("HEAD").env("TZ", "UTC");
    step.run(&mut archive)
}

fn git(places: &Places) -> Command {
    let mut command = Command::new("git");
    command.current_dir(&places.root);
    command
}

#[cfg(test)]
mod tests {
    //! META.json against the PGXN Meta Spec 1.0.0 (https://pgxn.org/spec/), as far as it can be told without a reader of
    //! JSON: which keys there must be, and the words that are allowed.

    const META: &str = include_str!("../../../META.json.in");

    /// The text behind a key of the given depth, up to the end of its line.
    fn value(key: &str, depth: usize) -> Option<&'static str> {
        let start = format!("{}\"{key}\": ", "   ".repeat(depth));
        META.lines().find_map(|line| line.strip_prefix(start.as_str())).map(|rest| rest.trim_end_matches(','))
    }

    #[test]
    fn the_required_keys_are_there() {
        for key in ["name", "version", "abstract", "maintainer", "license", "provides", "meta-spec"] {
            assert!(value(key, 1).is_some(), "META.json has no {key}");
        }
        for key in ["file", "version"] {
            assert!(value(key, 3).is_some(), "what META.json provides has no {key}");
        }
        assert_eq!(value("version", 2), Some("\"1.0.0\""), "of the spec");
        assert_eq!(value("url", 2), Some("\"https://pgxn.org/meta/spec.txt\""));
    }

    #[test]
    fn words_are_those_of_the_spec() {
        assert_eq!(value("name", 1), Some("\"alyx_functions\""));
        assert_eq!(value("license", 1), Some("\"apache_2_0\""));
        assert!(["\"stable\"", "\"testing\"", "\"unstable\""].contains(&value("release_status", 1).unwrap()));
        let version = env!("CARGO_PKG_VERSION");
        // PGXN takes semantic versions of three numbers.
        assert_eq!(version.split('-').next().unwrap().split('.').count(), 3);
        let filled = META.replace("@CARGO_VERSION@", version);
        assert!(!filled.contains('@') && filled.matches('{').count() == filled.matches('}').count());
    }

    #[test]
    fn files_that_it_names_are_there() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for key in ["file", "docfile"] {
            assert!(root.join(value(key, 3).unwrap().trim_matches('"')).is_file(), "{key}");
        }
    }
}
