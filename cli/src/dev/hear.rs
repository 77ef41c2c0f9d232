//! What the loop makes of each event, and what it tells people of it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::event::{Deploy, Event};
use super::run::{Dev, LOOK_AFTER};
use crate::commands::logs;
use crate::problem::{Problem, Result};
use crate::project::Folder;
use crate::terminal::{BAD, FAINT, GOOD, STRONG, WARN, describe, paint};

impl Dev<'_> {
    /// Takes note of one event.
    pub(super) fn hear(&mut self, event: Event) {
        match event {
            Event::Stop => {}
            Event::Touched(paths) => {
                self.touched.extend(paths);
                self.look_at = self.look_at.min(Instant::now() + LOOK_AFTER);
            }
            Event::Overflow => self.look_at = Instant::now(),
            Event::Line { name, text } => {
                self.terminal.event(&json!({"event": "output", "function": name, "line": text}));
                self.terminal.line(format!("{} {text}", paint(FAINT, format!("{name} |"))));
            }
            Event::Built { dir, number, result, took } => self.built(&dir, number, result, took),
            Event::Deployed { dir, name, result, took } => self.deployed(&dir, &name, result, took),
            Event::Lost(reason) => {
                self.away = true;
                self.tell(
                    "database_lost",
                    "",
                    &json!({"reason": reason}),
                    paint(WARN, format!("the database is away, waiting for it: {reason}")),
                );
            }
            Event::Back => {
                self.away = false;
                self.tell("database_back", "", &json!({}), paint(GOOD, "the database is back"));
                // It may be another one, or an older state of it.
                self.units.values_mut().for_each(|unit| unit.deploy_at = Some(Instant::now()));
            }
            Event::Log(row) => {
                self.terminal.event(&json!({"event": "log", "log": row}));
                self.terminal.line(logs::line(&row));
            }
        }
    }

    fn built(&mut self, dir: &Path, number: u64, result: Result<()>, took: Duration) {
        let counts = self.builder.ended(number);
        let Some(unit) = self.units.get_mut(dir).filter(|_| counts) else { return };
        // Where a tool chooses the module's name, it is known only now.
        if let Ok(Some(folder)) = Folder::open(dir) {
            unit.folder = folder;
        }
        let name = unit.folder.label();
        match result {
            Ok(()) => {
                unit.awaited = true;
                unit.deploy_at = Some(Instant::now());
                let ms = took.as_millis();
                self.tell(
                    "built",
                    &name,
                    &json!({"milliseconds": millis(took)}),
                    paint(FAINT, format!("built in {ms} ms")),
                );
            }
            Err(problem) => {
                self.fail(
                    "build_failed",
                    &name,
                    &problem.next("Save a file to build again; what is deployed stays as it is."),
                );
            }
        }
    }

    fn deployed(&mut self, dir: &Path, name: &str, result: Result<Deploy>, took: Duration) {
        let Some(unit) = self.units.get_mut(dir) else { return };
        let awaited = std::mem::take(&mut unit.awaited);
        match result {
            Ok(Deploy { version: Some(version), changed: true }) => {
                unit.complaint = None;
                let text = format!("{} version {version} in {} ms", paint(GOOD, "deployed"), took.as_millis());
                self.tell("deployed", name, &json!({"version": version, "milliseconds": millis(took)}), text);
            }
            // A file was touched, and nobody asked.
            Ok(Deploy { version: None, .. }) if !awaited && unit.complaint.is_none() => {}
            Ok(Deploy { .. }) => {
                unit.complaint = None;
                self.tell("unchanged", name, &json!({}), paint(FAINT, "unchanged"));
            }
            Err(problem) => {
                let text = describe(&problem);
                if unit.complaint.replace(text.clone()) == Some(text) {
                    // Told in full before.
                    let again = paint(BAD, "deploy failed") + ", for the same reason";
                    self.tell("deploy_failed", name, &problem.json(), again);
                } else {
                    self.fail("deploy_failed", name, &problem);
                }
            }
        }
    }

    /// A line for people, or an event for programs.
    pub(super) fn tell(&self, event: &str, name: &str, more: &Value, text: impl std::fmt::Display) {
        let mut line = json!({"event": event});
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            if !name.is_empty() {
                line.insert("function".to_owned(), name.into());
            }
            line.extend(more.clone());
        }
        self.terminal.event(&line);
        let name = if name.is_empty() { String::new() } else { paint(STRONG, name) + " " };
        self.terminal.line(format!("{name}{text}"));
    }

    /// The same of an error.
    pub(super) fn fail(&self, event: &str, name: &str, problem: &Problem) {
        self.tell(
            event,
            name,
            &problem.json(),
            format!("{}\n{}", paint(BAD, event.replace('_', " ")), describe(problem)),
        );
    }
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
