//! `alyx completions`: a script that completes commands and options in a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use crate::cli::Cli;
use crate::problem::Result;
use crate::terminal::Terminal;

/// Print a script that completes alyx's commands in a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alyx completions bash > ~/.local/share/bash-completion/completions/alyx\n  \
alyx completions zsh > ~/.zfunc/_alyx\n  alyx completions fish > ~/.config/fish/completions/alyx.fish")]
pub(crate) struct Completions {
    /// Shell
    shell: Shell,
}

/// Prints it.
pub(crate) fn run(args: &Completions, terminal: &Terminal) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "alyx", &mut script);
    if terminal.json {
        terminal.document(&json!({"shell": args.shell.to_string(), "script": String::from_utf8_lossy(&script)}));
    } else {
        terminal.raw(&script);
    }
    Ok(())
}
