//! One function folder: its name, how it is built, and what is sent to the database.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use alyx_manifest::{Build, Manifest, ManifestError};
use sha2::{Digest, Sha256};

use super::manifest::{config, merged, own_words, read_text, wrong_manifest};
use super::{Environment, Language, section, yaml};
use crate::problem::{Exit, OnPath, Problem, Result};

/// Names of a manifest, the first that is there.
const MANIFESTS: [&str; 2] = ["manifest.yaml", "manifest.yml"];
/// Largest module that is read: what the largest `alyx_functions.max_module_size` takes.
const MAX_MODULE_BYTES: u64 = 1 << 30;

/// A function folder, as far as it can be known before it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// Where it is.
    pub(crate) dir: PathBuf,
    /// Its manifest, when it has one.
    pub(crate) manifest: Option<PathBuf>,
    /// What it is written in.
    pub(crate) language: Language,
    /// How it is built; a folder with nothing but a module is not.
    pub(crate) build: Option<Build>,
    /// The function's name, when the manifest gives one.
    name: Option<String>,
}

/// What a folder deploys.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// The function's name.
    pub(crate) name: String,
    /// Module bytes.
    pub(crate) wasm: Vec<u8>,
    /// Their SHA-256 in hexadecimal.
    pub(crate) sha256: String,
    /// The text for the database, `${VAR}` filled in; empty when nothing is said.
    pub(crate) manifest: String,
    /// The same, checked.
    pub(crate) checked: Manifest,
    /// Names and values of `${VAR}`: values that must not be shown.
    pub(crate) secrets: Vec<(String, String)>,
}

impl Folder {
    /// The folder if it is a function's.
    ///
    /// # Errors
    /// Its manifest cannot be read, or its `build` or `name` is wrong.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>> {
        let manifest = MANIFESTS.iter().map(|name| dir.join(name)).find(|path| path.is_file());
        let language = Language::of(dir);
        if manifest.is_none() && !language.is_function(dir) {
            return Ok(None);
        }
        let own = match &manifest {
            Some(path) => own_words(path)?,
            None => Manifest::default(),
        };
        let default = language.build(dir);
        let default_output = default.as_ref().and_then(|build| build.output.clone());
        let build = own.build.or(default).map(|build| Build {
            output: build.output.clone().or(default_output).or_else(|| Some("plugin.wasm".to_owned())),
            ..build
        });
        Ok(Some(Self { dir: dir.to_owned(), manifest, language, build, name: own.name }))
    }

    /// Name before it is built: the manifest's, else the folder's.
    pub(crate) fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| folder_name(&self.dir))
    }

    /// Path of the built module.
    pub(crate) fn output(&self) -> PathBuf {
        let named = self.build.as_ref().and_then(|build| build.output.as_deref());
        self.dir.join(named.unwrap_or("plugin.wasm"))
    }

    /// Reads the module and puts the manifest together.
    ///
    /// # Errors
    /// No module, wrong manifest, variables without a value.
    pub(crate) fn ready(&self, environment: &Environment) -> Result<Ready> {
        let wasm = self.module()?;
        let own = match &self.manifest {
            Some(path) => Some(read_text(path)?),
            None => None,
        };
        let config = match section::custom(&wasm, section::MANIFEST) {
            Some(bytes) => Some(config(bytes, &self.output())?),
            None => None,
        };
        let text = merged(own, config);
        let environment = environment.with(&self.dir)?;
        let filled = yaml::fill(&text, |name| environment.get(name));
        if !filled.missing.is_empty() {
            return Err(self.missing(&filled.missing));
        }
        let checked = alyx_manifest::parse(&filled.text).map_err(|error| self.wrong(&error))?;
        let name = checked.name.clone().unwrap_or_else(|| folder_name(&self.dir));
        if !is_function_name(&name) {
            return Err(Problem::usage(format!("\"{name}\" cannot be the name of a function"))
                .why("a name starts with a letter a-z and goes on with at most 62 of a-z, 0-9, _ and -")
                .next("Rename the folder, or write another \"name\" in manifest.yaml."));
        }
        let sha256 = Sha256::digest(&wasm).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Ready { name, wasm, sha256, manifest: filled.text, checked, secrets: filled.used })
    }

    fn module(&self) -> Result<Vec<u8>> {
        let path = self.output();
        let found = fs::metadata(&path).map_err(|error| {
            let problem = Problem::new(Exit::Build, format!("function \"{}\" has no module", self.label()))
                .why(format!("{}: {error}", path.display()));
            match &self.build {
                Some(_) => problem
                    .next("Build it with \"alyx build\", or correct \"output\" under \"build\" in manifest.yaml."),
                None => {
                    problem.next("Say how it is built: \"build: {command: …, args: […], output: …}\" in manifest.yaml.")
                }
            }
        })?;
        if !found.is_file() {
            return Err(Problem::new(Exit::Build, format!("{} is not a file", path.display()))
                .next("\"output\" under \"build\" names the built module."));
        }
        if found.len() > MAX_MODULE_BYTES {
            return Err(Problem::new(Exit::Build, format!("{} is too large for a module", path.display()))
                .why(format!("{} bytes; no server takes more than {MAX_MODULE_BYTES}", found.len())));
        }
        fs::read(&path).on("read", &path)
    }

    fn missing(&self, names: &BTreeSet<String>) -> Problem {
        let list = names.iter().map(|name| format!("${{{name}}}")).collect::<Vec<_>>().join(", ");
        let lines = names.iter().map(|name| format!("{name}=…")).collect::<Vec<_>>().join("\n");
        Problem::usage(format!("manifest of \"{}\" uses variables that have no value", self.label()))
            .why(format!("{list}: neither in the environment nor in .env"))
            .next(format!("Write them into .env, or export them:\n{lines}"))
    }

    fn wrong(&self, error: &ManifestError) -> Problem {
        match &self.manifest {
            Some(path) => wrong_manifest(path, error),
            None => wrong_manifest(&self.output(), error),
        }
    }
}

/// What the database takes as a name.
pub(crate) fn is_function_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

fn folder_name(dir: &Path) -> String {
    let absolute = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    // Through a link the link's name counts: that is what its owner called it.
    let named = dir.file_name().map_or_else(|| absolute.file_name(), Some);
    named.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wasm(section: &str) -> Vec<u8> {
        let name = section::MANIFEST;
        let mut body = vec![u8::try_from(name.len()).unwrap()];
        body.extend(name.bytes());
        body.extend(section.bytes());
        let mut wasm = b"\0asm\x01\0\0\0\0".to_vec();
        wasm.push(u8::try_from(body.len()).unwrap());
        wasm.extend(body);
        wasm
    }

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        dir
    }

    #[test]
    fn the_manifest_wins_by_key_and_keeps_its_lines() {
        let dir = folder(&[
            ("manifest.yaml", b"# mine\nname: hello\ntimeout: 5s"),
            ("plugin.wasm", &wasm(r#"{"timeout":"9s","memory":"8mb","env":{"A":"${A}"}}"#)),
        ]);
        let ready = Folder::open(dir.path()).unwrap().unwrap().ready(&Environment::of(&[("A", "x")])).unwrap();
        assert_eq!(
            (ready.name.as_str(), ready.checked.timeout_ms, ready.checked.memory_bytes),
            ("hello", 5000, 8 << 20)
        );
        assert_eq!(ready.checked.env["A"], "x");
        assert!(ready.manifest.starts_with("# mine\nname: hello\ntimeout: 5s\n"), "{}", ready.manifest);
        assert_eq!(ready.secrets, [("A".to_owned(), "x".to_owned())]);
    }

    #[test]
    fn a_manifest_in_braces_is_merged_as_well() {
        let dir = folder(&[
            ("manifest.yaml", b"{name: hello, timeout: 5s}"),
            ("plugin.wasm", &wasm(r#"{"timeout":"9s","memory":"8mb"}"#)),
        ]);
        let ready = Folder::open(dir.path()).unwrap().unwrap().ready(&Environment::default()).unwrap();
        assert_eq!((ready.checked.timeout_ms, ready.checked.memory_bytes), (5000, 8 << 20));
    }

    #[test]
    fn without_a_source_of_config_the_text_is_the_authors() {
        let text = "name: hello   # as it is\n";
        let dir = folder(&[("manifest.yaml", text.as_bytes()), ("plugin.wasm", b"\0asm\x01\0\0\0")]);
        let ready = Folder::open(dir.path()).unwrap().unwrap().ready(&Environment::default()).unwrap();
        assert_eq!(ready.manifest, text);
    }

    #[test]
    fn wrong_manifests_are_told_with_their_place() {
        let dir = folder(&[("manifest.yaml", b"name: hello\ntimout: 5s\n"), ("plugin.wasm", b"")]);
        let problem = Folder::open(dir.path()).unwrap_err();
        assert!(problem.what.contains("manifest.yaml:2:1"), "{}", problem.what);
        assert_eq!(problem.exit, Exit::Usage);
    }

    #[test]
    fn a_variable_for_a_number_does_not_hinder_the_build() {
        let text = b"name: hello\nbuild: {command: make}\nconcurrency: ${N}\n";
        let dir = folder(&[("manifest.yaml", text), ("plugin.wasm", b"\0asm\x01\0\0\0")]);
        let folder = Folder::open(dir.path()).unwrap().unwrap();
        assert_eq!((folder.label().as_str(), folder.build.as_ref().unwrap().command.as_str()), ("hello", "make"));
        let missing = folder.ready(&Environment::default()).unwrap_err();
        assert!(missing.why[0].contains("${N}"), "{:?}", missing.why);
        assert_eq!(folder.ready(&Environment::of(&[("N", "3")])).unwrap().checked.concurrency, Some(3));
    }

    #[test]
    fn folders_of_no_function_are_none() {
        let dir = folder(&[("package.json", br#"{"name":"web"}"#)]);
        assert!(Folder::open(dir.path()).unwrap().is_none());
        let dir = folder(&[("package.json", br#"{"dependencies":{"@alyx/functions":"1"}}"#)]);
        assert_eq!(Folder::open(dir.path()).unwrap().unwrap().build.unwrap().command, "npm");
    }
}
