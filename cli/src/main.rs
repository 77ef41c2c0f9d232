//! `alyx`: the command line. It reads folders and talks SQL; what a function may do is decided in the database.
//!
//! Road: arguments (`cli`) → one file per command (`commands`) → folders (`project`), the server (`database`), and what
//! people see (`terminal`). `dev` watches, `server` keeps a private PostgreSQL.

mod cli;
mod commands;
mod database;
mod dev;
mod problem;
mod project;
mod server;
mod signals;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::parse();
    let terminal = terminal::Terminal::new(cli.global.json, cli.global.color);
    // The gateway has its own way to end, which lets requests end first.
    let watched = if cli.command.is_serving() { Ok(()) } else { signals::watch() };
    let outcome = watched.and_then(|()| commands::run(&cli, &terminal));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            if let Some(code) = signals::exit_code() {
                return ExitCode::from(code);
            }
            terminal.problem(&problem);
            ExitCode::from(problem.exit.code())
        }
    }
}
