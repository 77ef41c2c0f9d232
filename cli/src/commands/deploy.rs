//! `alyx deploy`: everything that the folders say, in one transaction.

use clap::Args;
use serde_json::{Value, json};

use super::plan::Plan;
use super::{build, connected};
use crate::cli::{Folders, Global};
use crate::database::{self, Database};
use crate::dev;
use crate::problem::{Problem, Result};
use crate::project::{self, Environment, Folder, Ready};
use crate::terminal::{FAINT, GOOD, STRONG, Spinner, Terminal, WARN, paint};

/// Deploy function folders: all of them, or none when one is refused
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alyx deploy --dry-run\n  alyx deploy --yes\n  alyx deploy functions/hello --build\n\n\
${VAR} in a manifest is filled in from the environment, the folder's .env and ./.env. Functions that no folder has\n\
any more stay deployed."
)]
pub(crate) struct Deploy {
    #[command(flatten)]
    folders: Folders,
    /// Show what would change and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask; without a terminal nothing is asked anyway
    #[arg(long, short)]
    yes: bool,
    /// Build first; otherwise modules that are there are taken
    #[arg(long)]
    build: bool,
}

/// Plans, asks and deploys.
pub(crate) fn run(args: &Deploy, global: &Global, terminal: &Terminal) -> Result<()> {
    let folders = project::find(&args.folders.dirs)?;
    for folder in &folders {
        if args.build || (folder.build.is_some() && !folder.output().is_file()) {
            build::one(folder, terminal)?;
        } else if let Some(source) = folder.build.as_ref().and_then(|_| dev::newer_source(folder)) {
            let (source, name) = (source.display(), folder.label());
            terminal.note(paint(
                WARN,
                format!("{source} was changed after the module of {name} was built: --build builds it"),
            ));
        }
    }
    let environment = Environment::load()?;
    let ready = all_ready(&folders, &environment)?;
    let mut database = connected(global)?;
    let mut plans = Vec::new();
    for ready in &ready {
        let old = database::state(&mut database, &ready.name)?;
        plans.push(Plan::new(ready, old));
    }
    if args.dry_run {
        return dry(&plans, &mut database, terminal);
    }
    let changed = plans.iter().filter(|plan| plan.changes_anything()).count();
    if changed > 0 && !args.yes && !terminal.json {
        plans.iter().for_each(|plan| plan.show(terminal));
        if !terminal.consent(&format!("Deploy {changed} to {}?", database.name)) {
            return Err(Problem::failed("nothing was deployed").why("you did not say yes"));
        }
    }
    let reports = all(&plans, &mut database)?;
    for (plan, report) in plans.iter().zip(&reports) {
        let version = report["version"].as_i64().unwrap_or_default();
        let (word, style) = if report["changed"] == true { ("deployed", GOOD) } else { ("unchanged", FAINT) };
        terminal.line(format!("{} {} version {version}", paint(style, word), paint(STRONG, &plan.ready.name)));
    }
    terminal.document(&json!({"functions": reports}));
    Ok(())
}

fn dry(plans: &[Plan<'_>], database: &mut Database, terminal: &Terminal) -> Result<()> {
    let functions: Vec<Value> = plans.iter().map(Plan::json).collect();
    plans.iter().for_each(|plan| plan.show(terminal));
    for plan in plans {
        database::check(database, plan.ready)?;
    }
    let changed = plans.iter().filter(|plan| plan.changes_anything()).count();
    terminal.document(&json!({"dry_run": true, "changes": changed, "functions": functions}));
    let end = match changed {
        0 => "nothing would change".to_owned(),
        changed => format!("{changed} of {} would change in {}; nothing was written", plans.len(), database.name),
    };
    terminal.line(paint(FAINT, end));
    Ok(())
}

/// All folders' modules and manifests. Variables without a value are told of all of them at once.
fn all_ready(folders: &[Folder], environment: &Environment) -> Result<Vec<Ready>> {
    let (mut ready, mut problems): (Vec<Ready>, Vec<Problem>) = (Vec::new(), Vec::new());
    for folder in folders {
        match folder.ready(environment) {
            Ok(found) => ready.push(found),
            Err(problem) => problems.push(problem),
        }
    }
    let mut problems = problems.into_iter();
    if let Some(first) = problems.next() {
        return Err(problems.fold(first, |mut all, next| {
            all.why.push(next.what);
            all.why.extend(next.why);
            all.next.extend(next.next);
            all
        }));
    }
    for (at, one) in ready.iter().enumerate() {
        if let Some(other) = ready.iter().take(at).position(|other| other.name == one.name) {
            let dirs = [other, at]
                .map(|at| folders.get(at).map(|folder| folder.dir.display().to_string()).unwrap_or_default());
            return Err(Problem::usage(format!("two folders are called \"{}\"", one.name))
                .why(dirs.join(" and "))
                .next("Give one of them another \"name\" in its manifest.yaml, or deploy one only."));
        }
    }
    Ok(ready)
}

fn all(plans: &[Plan<'_>], database: &mut Database) -> Result<Vec<Value>> {
    let spinner = Spinner::start("deploying");
    database.transaction(|transaction, schema| {
        let mut reports = Vec::new();
        for plan in plans {
            spinner.say(format!("deploying {} ({} of {})", plan.ready.name, reports.len() + 1, plans.len()));
            let deployed = database::deploy(transaction, schema, plan.ready).map_err(|problem| {
                if plans.len() > 1 { problem.why("none of the others was deployed either") } else { problem }
            })?;
            let mut report = plan.json();
            report["version"] = deployed.version.into();
            report["changed"] = deployed.changed.into();
            report["hooks"] = deployed.hooks;
            reports.push(report);
        }
        Ok(reports)
    })
}
