//! The arguments: commands, options that all share, and the texts of `--help`.

use std::path::PathBuf;

use clap::{Args, ColorChoice, Parser, Subcommand};

use crate::commands::{
    build, completions, deploy, dev, doctor, functions, invoke, jobs, logs, new, replay, rollback, serve, stats, types,
    versions,
};
use crate::problem::Problem;
use crate::terminal::Terminal;

const AFTER: &str = "\
Exit codes:
  0  done
  1  failed for another reason
  2  wrong arguments or input: options, JSON, manifest, ${VAR} without a value
  3  a build failed, or its module is missing
  4  no connection to the database
  5  the database refused: permission, unknown function, error of the function itself
  130, 143  ended by Ctrl-C or SIGTERM

Start here:
  alyx new hello --lang ts && cd hello && alyx dev";

/// Functions that run inside PostgreSQL: write, build, watch, deploy and look after them.
#[derive(Debug, Parser)]
#[command(name = "alyx", version, about, after_help = AFTER, max_term_width = 100, propagate_version = true)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Database to work on: a URL or libpq's key=value form. Also read from `.env`
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// Print JSON on stdout: one document, or a line for each event of a stream
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours; NO_COLOR is heeded as well
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(new::New),
    Build(build::Build),
    Deploy(deploy::Deploy),
    Dev(dev::Dev),
    Invoke(invoke::Invoke),
    Logs(logs::Logs),
    Stats(stats::Stats),
    Functions(functions::Functions),
    Versions(versions::Versions),
    Rollback(rollback::Rollback),
    Jobs(jobs::Jobs),
    Replay(replay::Replay),
    Serve(Box<serve::Serve>),
    Types(types::Types),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
}

impl Command {
    /// Whether this is the gateway.
    pub(crate) fn is_serving(&self) -> bool {
        matches!(self, Self::Serve(_))
    }
}

/// Folders to look in, for commands that work on function folders.
#[derive(Debug, Clone, Args)]
pub(crate) struct Folders {
    /// Function folders, or folders with function folders in them [default: the current folder]
    #[arg(value_name = "DIR")]
    pub(crate) dirs: Vec<PathBuf>,
}

/// Reads the process's arguments; wrong ones end it with status 2.
pub(crate) fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| {
        if error.use_stderr() && std::env::args().any(|argument| argument == "--json") {
            let text = error.render().to_string();
            let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let what = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let problem = lines.fold(Problem::usage(what), |problem, line| problem.why(line));
            Terminal::new(true, ColorChoice::Never).problem(&problem);
            std::process::exit(problem.exit.code().into());
        }
        error.exit()
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_hold_together() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn each_command_shows_examples() {
        for command in super::Cli::command().get_subcommands() {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("alyx "), "{} has no example", command.get_name());
        }
    }
}
