//! `alyx new`: a folder with a small function that builds, in the language of one's choice.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::problem::{OnPath, Problem, Result};
use crate::project::{Lang, files};
use crate::terminal::{FAINT, GOOD, STRONG, Terminal, paint};

/// Make a folder with a new function
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alyx new hello --lang ts\n  alyx new price --lang rust --dir functions/price")]
pub(crate) struct New {
    /// Name of the function: a letter a-z, then at most 62 of a-z, 0-9, _ and -
    name: String,
    /// Language to write it in
    #[arg(long, value_enum, default_value = "ts")]
    lang: Lang,
    /// Folder to make [default: ./<name>]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Kit to use instead of the published one: sdk/js or sdk/rust of a checkout, or kit-js.tgz or kit-rust in /usr/share/alyx
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

/// Makes the folder, all of it or nothing.
pub(crate) fn run(args: &New, terminal: &Terminal) -> Result<()> {
    if !crate::project::is_function_name(&args.name) {
        return Err(Problem::usage(format!("\"{}\" cannot be the name of a function", args.name))
            .why("a name starts with a letter a-z and goes on with at most 62 of a-z, 0-9, _ and -")
            .next("Choose a name such as \"send-welcome\"."));
    }
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    let is_free = match fs::read_dir(&dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(_) => false,
    };
    if !is_free {
        return Err(Problem::usage(format!("{} is there already", dir.display()))
            .next("Choose another name, or another folder with --dir."));
    }
    let sdk = match &args.sdk {
        Some(path) => Some(path.canonicalize().on("open", path)?),
        None => None,
    };
    let parent =
        dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| std::path::Path::new("."));
    fs::create_dir_all(parent).on("make", parent)?;
    // Filled beside its place and moved there at the end: what fails half-way leaves nothing.
    let draft = tempfile::Builder::new().prefix(".alyx-new-").tempdir_in(parent).on("make a folder in", parent)?;
    let files = files(args.lang, &args.name, sdk.as_deref());
    for (name, text) in &files {
        let path = draft.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).on("make", parent)?;
        }
        fs::write(&path, text).on("write", &path)?;
    }
    set_readable(draft.path())?;
    fs::rename(draft.path(), &dir).on("make", &dir)?;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    terminal.document(&json!({"name": args.name, "dir": dir, "lang": args.lang.word(), "files": names}));
    terminal.line(format!("{} {} in {}", paint(GOOD, "made"), paint(STRONG, &args.name), dir.display()));
    names.iter().for_each(|name| terminal.line(paint(FAINT, format!("  {name}"))));
    terminal.line(format!("\nNext:\n  cd {} && alyx dev", dir.display()));
    Ok(())
}

/// Temporary folders are their maker's only; this one is to be like any other.
fn set_readable(dir: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).on("set permissions of", dir)
}
