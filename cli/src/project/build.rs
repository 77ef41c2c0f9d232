//! Runs a folder's build command, in a process group of its own so that it can be ended with everything it started.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Folder, Language};
use crate::problem::{Exit, Problem, Result};
use crate::signals::Group;

/// What a build took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Built {
    /// Whether there was anything to run.
    pub(crate) ran: bool,
    /// Time of the commands.
    pub(crate) took: Duration,
}

/// A build that runs.
pub(crate) struct Running {
    child: Child,
    group: Group,
    readers: Vec<JoinHandle<()>>,
    command: String,
}

impl Running {
    /// Number of its process group.
    pub(crate) fn group(&self) -> u32 {
        self.group.id()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It failed.
    pub(crate) fn wait(mut self) -> Result<()> {
        let status = self.child.wait();
        for reader in self.readers {
            let _ = reader.join();
        }
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                Err(Problem::new(Exit::Build, format!("the build failed: {}", self.command)).why(ended(status)))
            }
            Err(error) => Err(Problem::new(Exit::Build, format!("the build was lost: {}", self.command)).why(error)),
        }
    }
}

/// Builds a folder and checks that its module is there. Each line of output goes to `lines`.
///
/// # Errors
/// The command is missing or fails, or leaves no module.
pub(crate) fn build(folder: &Folder, lines: &Sender<String>) -> Result<Built> {
    let begun = Instant::now();
    let ran = folder.build.is_some();
    if let Some(installing) = install_packages(folder, lines)? {
        installing.wait()?;
    }
    if let Some(running) = start(folder, lines)? {
        running.wait()?;
    }
    check_output(folder)?;
    Ok(Built { ran, took: begun.elapsed() })
}

/// The module must be there after a build.
pub(crate) fn check_output(folder: &Folder) -> Result<()> {
    // Opened again: where a build tool chooses the file's name, it is known only now.
    let folder = Folder::open(&folder.dir)?.unwrap_or_else(|| folder.clone());
    let output = folder.output();
    if output.is_file() {
        return Ok(());
    }
    let problem = Problem::new(Exit::Build, format!("there is no {}", output.display()));
    Err(if folder.build.is_some() {
        problem
            .why("the build ended without an error, but did not make it")
            .next("Correct \"output\" under \"build\" in manifest.yaml, or the build command.")
    } else {
        problem.next("Say how it is built: \"build: {command: …, args: […], output: …}\" in manifest.yaml.")
    })
}

/// `npm install`, when a folder's packages were never installed.
pub(crate) fn install_packages(folder: &Folder, lines: &Sender<String>) -> Result<Option<Running>> {
    let uses_npm = folder.build.as_ref().is_some_and(|build| matches!(build.command.as_str(), "npm" | "npx"));
    if !uses_npm || packages(&folder.dir).iter().all(|name| is_installed(&folder.dir, name)) {
        return Ok(None);
    }
    let args = ["install", "--no-fund", "--no-audit"].map(str::to_owned);
    spawn(&folder.dir, "npm", &args, lines).map(Some)
}

/// What a folder's package.json depends on.
fn packages(dir: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(dir.join("package.json")).unwrap_or_default();
    let package: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let lists = ["dependencies", "devDependencies"].into_iter().filter_map(|key| package.get(key)?.as_object());
    lists.flat_map(|list| list.keys().cloned()).collect()
}

/// Whether a package is found as Node.js looks for it: in the folder, or in one above, as in npm's workspaces.
fn is_installed(dir: &Path, name: &str) -> bool {
    dir.canonicalize().is_ok_and(|dir| dir.ancestors().any(|above| above.join("node_modules").join(name).exists()))
}

/// Starts the build command, when there is one.
pub(crate) fn start(folder: &Folder, lines: &Sender<String>) -> Result<Option<Running>> {
    let Some(build) = &folder.build else { return Ok(None) };
    spawn(&folder.dir, &build.command, &build.args, lines).map(Some)
}

fn spawn(dir: &Path, program: &str, args: &[String], lines: &Sender<String>) -> Result<Running> {
    let shown = std::iter::once(program).chain(args.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    let mut command = Command::new(program);
    command.args(args).current_dir(dir);
    // The manifest says where the module comes to lie.
    command.env_remove("CARGO_TARGET_DIR");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, group) = Group::start(&mut command).map_err(|error| {
        let problem = Problem::new(Exit::Build, format!("cannot run \"{program}\""));
        match error.kind() {
            std::io::ErrorKind::NotFound => {
                problem.why("there is no such program in PATH").next(Language::advice(program))
            }
            _ => problem.why(error),
        }
    })?;
    let out = child.stdout.take().map(|out| reader(out, lines.clone()));
    let err = child.stderr.take().map(|err| reader(err, lines.clone()));
    Ok(Running { child, group, readers: out.into_iter().chain(err).collect(), command: shown })
}

fn reader(stream: impl Read + Send + 'static, lines: Sender<String>) -> JoinHandle<()> {
    #[allow(clippy::disallowed_methods, reason = "no backend: this is a process of its own")]
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        // Read as bytes: a compiler may print names that are not UTF-8.
        while stream.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if lines.send(text).is_err() {
                break;
            }
            line.clear();
        }
    })
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("it ended with exit code {code}; its output is above"),
        None => status.to_string(),
    }
}
