//! `alyx build`: runs each folder's build command, one after the other.

use std::sync::mpsc;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::show::bytes;
use crate::cli::Folders;
use crate::problem::{Exit, Problem, Result};
use crate::project::{self, Folder};
use crate::terminal::{BAD, FAINT, GOOD, STRONG, Spinner, Terminal, describe, paint};

/// Build the modules of function folders
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alyx build\n  alyx build functions/hello functions/price\n\n\
The command is the manifest's `build`; without one it goes by package.json (npm run build), Cargo.toml or build.zig.")]
pub(crate) struct Build {
    #[command(flatten)]
    folders: Folders,
}

/// Builds all folders, also behind one that fails.
pub(crate) fn run(args: &Build, terminal: &Terminal) -> Result<()> {
    let folders = project::find(&args.folders.dirs)?;
    let mut reports = Vec::new();
    let mut failures = Vec::new();
    for folder in &folders {
        match one(folder, terminal) {
            Ok(report) => reports.push(report),
            Err(problem) => {
                reports.push(
                    json!({"name": folder.label(), "dir": folder.dir, "ok": false, "error": problem.json()["error"]}),
                );
                failures.push(problem);
            }
        }
    }
    if failures.is_empty() {
        terminal.document(&json!({"functions": reports}));
        return Ok(());
    }
    if let [only] = failures.as_slice()
        && folders.len() == 1
    {
        return Err(only.clone());
    }
    failures.iter().for_each(|problem| {
        if !terminal.json {
            terminal.note(describe(problem))
        }
    });
    let mut problem =
        Problem::new(Exit::Build, format!("{} of {} functions were not built", failures.len(), folders.len()));
    for failure in failures.iter().filter(|_| terminal.json) {
        problem = problem.why(&failure.what);
    }
    Err(problem)
}

/// Builds one folder with its output shown when it fails, and a sign of life until then.
pub(crate) fn one(folder: &Folder, terminal: &Terminal) -> Result<serde_json::Value> {
    let name = folder.label();
    let begun = Instant::now();
    let (sender, lines) = mpsc::channel::<String>();
    let spinner = Spinner::start(format!("building {name}"));
    let result = project::build(folder, &sender);
    drop(sender);
    drop(spinner);
    let output: Vec<String> = lines.into_iter().collect();
    if result.is_err() {
        output.iter().for_each(|line| terminal.note(format!("{} {line}", paint(FAINT, format!("{name} |")))));
    }
    let built = result.inspect_err(|_| terminal.note(format!("{} {name}", paint(BAD, "failed"))))?;
    let folder = Folder::open(&folder.dir)?.unwrap_or_else(|| folder.clone());
    let size = std::fs::metadata(folder.output()).map_or(0, |found| found.len());
    let word = if built.ran { "built" } else { "found" };
    terminal.line(format!(
        "{} {} {} {}",
        paint(GOOD, word),
        paint(STRONG, &name),
        bytes(size),
        paint(FAINT, format!("in {} ms: {}", built.took.as_millis(), folder.output().display()))
    ));
    Ok(json!({"name": name, "dir": folder.dir, "ok": true, "output": folder.output(), "bytes": size,
              "milliseconds": u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)}))
}
