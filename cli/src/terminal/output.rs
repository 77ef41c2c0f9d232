//! The two streams. Results go to stdout and remarks to stderr; with `--json` stdout carries JSON and nothing else.
//! Colours are codes in the text, which `anstream` removes where no terminal reads them (NO_COLOR, --color, pipes).

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use serde_json::Value;

use crate::problem::Problem;

/// Names and what is new.
pub(crate) const STRONG: Style = Style::new().bold();
/// What went well, what is added.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What went wrong, what is removed.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// What needs attention, what changes.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// Times, paths, what only some look for.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Text in a style.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// How this run talks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    /// Whether stdout carries JSON.
    pub(crate) json: bool,
}

impl Terminal {
    /// The streams as the options want them.
    pub(crate) fn new(json: bool, color: ColorChoice) -> Self {
        let choice = match color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        Self { json }
    }

    /// One line of a result, for people.
    pub(crate) fn line(&self, text: impl Display) {
        if !self.json {
            written(writeln!(anstream::stdout(), "{text}"));
        }
    }

    /// The result of the command as JSON, when that was asked for.
    pub(crate) fn document(&self, value: &Value) {
        if self.json {
            let text = serde_json::to_string_pretty(value).unwrap_or_default();
            written(writeln!(anstream::stdout(), "{text}"));
        }
    }

    /// One event of a stream as a JSON line, when that was asked for.
    pub(crate) fn event(&self, value: &Value) {
        if self.json {
            let mut out = anstream::stdout();
            written(writeln!(out, "{value}").and_then(|()| out.flush()));
        }
    }

    /// Bytes of a result as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) {
        let mut out = std::io::stdout();
        written(out.write_all(bytes).and_then(|()| out.flush()));
    }

    /// A remark; never part of the result.
    pub(crate) fn note(&self, text: impl Display) {
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// An error in its three parts.
    pub(crate) fn problem(&self, problem: &Problem) {
        if self.json {
            self.document(&problem.json());
            return;
        }
        self.note(describe(problem));
    }

    /// Asks for consent. Where nobody can answer, the answer is yes: scripts said what they want by calling us.
    pub(crate) fn consent(&self, question: &str) -> bool {
        if self.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return true;
        }
        let _ = write!(anstream::stderr(), "{question} [y/N] ");
        let mut answer = String::new();
        let _ = std::io::stdin().read_line(&mut answer);
        matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

/// An error as text, without the last line's end.
pub(crate) fn describe(problem: &Problem) -> String {
    let state = problem.sqlstate.as_deref().map(|state| paint(FAINT, format!(" [{state}]"))).unwrap_or_default();
    let mut lines = vec![format!("{} {}{state}", paint(BAD.bold(), "error:"), problem.what)];
    let mut part = |label: &str, texts: &[String]| {
        for text in texts {
            let mut rows = text.lines();
            lines.push(format!("  {} {}", paint(FAINT, label), rows.next().unwrap_or_default()));
            lines.extend(rows.map(|row| format!("       {row}")));
        }
    };
    part("why:", &problem.why);
    part("do: ", &problem.next);
    lines.join("\n")
}

/// A reader that went away (`alyx logs | head`) is no error; a full disk is.
fn written(result: std::io::Result<()>) {
    match result {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: cannot write the result: {error}");
            std::process::exit(1);
        }
    }
}
