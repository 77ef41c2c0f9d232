//! WebAssembly modules of the examples and of tests: built by each folder's own `build.sh`, and again only when its sources
//! change.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account;
use crate::console::Step;
use crate::error::{Context, Result};
use crate::places::{Places, create_dir};
use crate::postgres::Postgres;

/// Folders that builds leave beside the sources.
const NOT_SOURCES: &[&str] = &["target", "node_modules", "build"];
/// What does not change the module: documentation, and the SQL that deploys it.
const NOT_BUILT: &[&str] = &["md", "sql", "yaml", "wasm", "txt"];

/// One folder below `examples`.
pub(crate) struct Example {
    /// Name of the folder.
    pub(crate) name: String,
    /// The folder.
    pub(crate) dir: PathBuf,
    /// The built module, at a path that the server can read.
    pub(crate) wasm: PathBuf,
}

impl Example {
    /// The script of that name, if the example has one.
    pub(crate) fn script(&self, file: &str) -> Option<PathBuf> {
        Some(self.dir.join(file)).filter(|path| path.exists())
    }
}

/// All examples with a `build.sh`, by name.
pub(crate) fn examples(places: &Places, postgres: &Postgres) -> Result<Vec<Example>> {
    below(&places.root.join("examples"), postgres)
}

/// The folders in `parent` that have a `build.sh`.
fn below(parent: &Path, postgres: &Postgres) -> Result<Vec<Example>> {
    let mut examples: Vec<Example> = entries(parent)?
        .into_iter()
        .filter(|dir| dir.join("build.sh").exists())
        .map(|dir| {
            let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Example { wasm: postgres.guests().join(format!("{name}.wasm")), name, dir }
        })
        .collect();
    examples.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(examples)
}

/// Builds the examples' modules that are missing or older than their sources.
pub(crate) fn build(places: &Places, postgres: &Postgres, step: &mut Step) -> Result<Vec<Example>> {
    let examples = examples(places, postgres)?;
    build_all(places, postgres, &examples, &[], step)?;
    Ok(examples)
}

/// The same for the guests of tests that are no `.wat`; they are made with the kits of this checkout.
pub(crate) fn build_for_tests(places: &Places, postgres: &Postgres, step: &mut Step) -> Result<()> {
    let guests = below(&places.root.join("tests/guests"), postgres)?;
    build_all(places, postgres, &guests, &[places.root.join("sdk/rust")], step)
}

fn build_all(
    places: &Places,
    postgres: &Postgres,
    examples: &[Example],
    needs: &[PathBuf],
    step: &mut Step,
) -> Result<()> {
    create_dir(&postgres.guests())?;
    account::set_mode(&postgres.guests(), 0o755)?;
    let mut built = 0_usize;
    for example in examples {
        let stamp_file = example.wasm.with_extension("sources");
        let mut stamp = hash_of_sources(&example.dir)?;
        for folder in needs {
            stamp.push_str(&hash_of_sources(folder)?);
        }
        let is_current = fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp);
        if is_current && example.wasm.exists() {
            continue;
        }
        step.tell(&format!("building {}", example.name))?;
        let mut command = Command::new("bash");
        account::scrub(&mut command);
        command.arg(example.dir.join("build.sh")).arg(&example.wasm).current_dir(&example.dir);
        step.run(command.env("ALYX_TOOLCHAINS", places.toolchains()))?;
        account::set_mode(&example.wasm, 0o644)?;
        fs::write(&stamp_file, stamp).context("write", stamp_file.display())?;
        built += 1;
    }
    step.note(format!("{built} built, {} present", examples.len() - built));
    Ok(())
}

/// Names and contents of all sources below a folder, as one short text.
fn hash_of_sources(dir: &Path) -> Result<String> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for path in entries(&dir)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !NOT_SOURCES.contains(&name.as_str()) {
                dirs.push(path);
            } else if path.is_file() && !NOT_BUILT.contains(&extension.as_str()) {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for path in &files {
        path.strip_prefix(dir).unwrap_or(path).hash(&mut hasher);
        fs::read(path).context("read", path.display())?.hash(&mut hasher);
    }
    Ok(format!("{:016x}\n", hasher.finish()))
}

/// Paths in a folder; none when there is no such folder.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).context("list", dir.display())? {
        paths.push(entry.context("list", dir.display())?.path());
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_count() {
        let dir = std::env::temp_dir().join(format!("xtask-guests-{}", std::process::id()));
        fs::create_dir_all(dir.join("src")).unwrap();
        fs::create_dir_all(dir.join("node_modules")).unwrap();
        fs::write(dir.join("src/lib.rs"), "one").unwrap();
        let first = hash_of_sources(&dir).unwrap();
        fs::write(dir.join("bind.sql"), "SELECT 1").unwrap();
        fs::write(dir.join("node_modules/left-pad.js"), "").unwrap();
        assert_eq!(first, hash_of_sources(&dir).unwrap());
        fs::write(dir.join("src/lib.rs"), "two").unwrap();
        assert_ne!(first, hash_of_sources(&dir).unwrap());
        fs::remove_dir_all(dir).unwrap();
    }
}
