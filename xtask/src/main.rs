//! `cargo xtask`: every chore of the repository as one command, on a machine that has only rustup's cargo.
//!
//! This file names the subcommands and turns their result into an exit code. It holds no chore itself and knows
//! nothing of PostgreSQL. The package has no dependencies on purpose: it is compiled before anything else is there.

mod account;
mod bench;
mod cargo_tool;
mod check;
mod cluster;
mod console;
mod debian;
mod demo;
mod docs;
mod error;
mod extension;
mod failover;
mod fuzz;
mod guests;
mod headers;
mod javascript;
mod licences;
mod major;
mod package;
mod packages;
mod peers;
mod places;
mod postgres;
mod postgres_source;
mod python;
mod rust;
mod setup;
mod soak;
mod tally;
mod test;

use std::process::ExitCode;

use console::Console;
use error::{Failure, Result};
use major::Major;

/// One word that may follow `cargo xtask`.
struct Subcommand {
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: fn(&mut Console, Major, &[String]) -> Result<()>,
}

/// Everything `cargo xtask` can do; a new chore is one line here and one file beside this one.
const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "setup",
        arguments: "",
        summary: "install what is missing, build and install the extension privately",
        run: setup::run,
    },
    Subcommand {
        name: "demo",
        arguments: "",
        summary: "set up, start a private server and show the examples at work",
        run: demo::run,
    },
    Subcommand {
        name: "test",
        arguments: "[--only NAME]",
        summary: "set up and run every test (or those whose name contains NAME)",
        run: test::run,
    },
    Subcommand {
        name: "check",
        arguments: "",
        summary: "compile and lint everything, without a server",
        run: check::run,
    },
    Subcommand {
        name: "fuzz",
        arguments: "[TARGET] [--seconds N]",
        summary: "feed made-up input to all that reads what strangers send",
        run: fuzz::run,
    },
    Subcommand {
        name: "bench",
        arguments: "[calls|jobs] [--quick]",
        summary: "measure calls beside PL/pgSQL and C, jobs beside a bare SQL queue and pg_cron",
        run: bench::run,
    },
    Subcommand {
        name: "soak",
        arguments: "[--minutes N]",
        summary: "let good and hostile clients at a server for minutes, and look at what they leave",
        run: soak::run,
    },
    Subcommand {
        name: "package",
        arguments: "[--pg N]… [--no-build] [--try]",
        summary: "make what a release publishes, in target/packages; --try installs it into an empty Debian",
        run: package::run,
    },
    Subcommand {
        name: "failover",
        arguments: "[--losses LIST]",
        summary: "lose the primary of a Patroni cluster under load, again and again, and look at what was lost with it",
        run: failover::run,
    },
    Subcommand {
        name: "docs",
        arguments: "",
        summary: "build the guide in docs/ as a book in target/docs",
        run: docs::run,
    },
    Subcommand {
        name: "psql",
        arguments: "[ARGS]",
        summary: "open psql on the demo server; ARGS go to psql",
        run: demo::psql,
    },
    Subcommand { name: "stop", arguments: "", summary: "stop the servers that xtask started", run: demo::stop },
    Subcommand {
        name: "clean",
        arguments: "",
        summary: "stop them and delete all that xtask made (cargo's own files stay)",
        run: setup::clean,
    },
];

/// Exit code where a registry does not give what a PostgreSQL other than the system's takes.
const NOT_TO_BE_HAD: u8 = 4;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let word = arguments.next().unwrap_or_else(|| "--help".to_owned());
    let rest: Vec<String> = arguments.collect();
    let mut console = Console::new();
    match dispatch(&mut console, &word, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console.failure(&failure);
            if failure.is_elsewhere { ExitCode::from(NOT_TO_BE_HAD) } else { ExitCode::FAILURE }
        }
    }
}

fn dispatch(console: &mut Console, word: &str, rest: &[String]) -> Result<()> {
    if matches!(word, "--help" | "-h" | "help") || rest.iter().any(|argument| argument == "--help") {
        console.print(&help());
        return Ok(());
    }
    let subcommand = SUBCOMMANDS
        .iter()
        .find(|subcommand| subcommand.name == word)
        .ok_or_else(|| Failure::new(format!("unknown subcommand \"{word}\"\n\n{}", help())))?;
    let mut rest = rest.to_vec();
    let major = Major::take_from(&mut rest)?;
    if subcommand.arguments.is_empty() && !rest.is_empty() {
        return Err(Failure::new(format!("\"{word}\" takes no arguments")));
    }
    (subcommand.run)(console, major, &rest)
}

fn help() -> String {
    let mut text = String::from("Usage: cargo xtask <SUBCOMMAND>\n");
    for Subcommand { name, arguments, summary, .. } in SUBCOMMANDS {
        text.push_str(&format!("\n  {:<28} {summary}", format!("{name} {arguments}")));
    }
    text.push_str(
        "\n\nWith --pg N they mean PostgreSQL N in place of Debian 12's, 15: 17 and 18 are built from source packages of\n\
         Debian, once, into the folder that ALYX_CACHE names; 16 can only be checked.",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_subcommand() {
        let text = help();
        assert!(SUBCOMMANDS.iter().all(|subcommand| text.contains(subcommand.summary)));
    }

    #[test]
    fn unknown_words_and_stray_arguments_are_refused() {
        let mut console = Console::new();
        assert!(dispatch(&mut console, "tset", &[]).is_err());
        assert!(dispatch(&mut console, "stop", &["now".to_owned()]).is_err());
        assert!(dispatch(&mut console, "stop", &["--pg".to_owned(), "14".to_owned()]).is_err());
    }
}
