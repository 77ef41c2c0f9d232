//! What the user sees: one line per step with its time, signs of life during long ones, the end of a log on failure.
//!
//! The only file that prints. It must not know what the steps do.

use std::fs::{self, File};
use std::io::{IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Context, Failure, Result};

const LOG_LINES_SHOWN: usize = 40;
const POLL: Duration = Duration::from_millis(50);
/// How often a step shows that it is alive: on a terminal (the line is redrawn), and in a log of CI (a line is added).
const SIGN_OF_LIFE_TERMINAL: Duration = Duration::from_millis(500);
const SIGN_OF_LIFE_PLAIN: Duration = Duration::from_secs(30);

/// The terminal or CI log, and the record of the steps done so far.
pub(crate) struct Console {
    terminal: bool,
    steps: Vec<StepRecord>,
}

/// One finished step, for the summary.
pub(crate) struct StepRecord {
    name: String,
    note: String,
    took: Duration,
}

impl Console {
    pub(crate) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), steps: Vec::new() }
    }

    /// Prints a result to standard output. A reader that went away (`| head`) is no error.
    pub(crate) fn print(&self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// Does `work` as the step called `name`, whose commands log to `<logs>/<name>.log`.
    pub(crate) fn step<T>(&mut self, logs: &Path, name: &str, work: impl FnOnce(&mut Step) -> Result<T>) -> Result<T> {
        fs::create_dir_all(logs).context("create", logs.display())?;
        let log = logs.join(format!("{}.log", name.replace(' ', "-")));
        File::create(&log).context("create", log.display())?;
        let mut step =
            Step { name: name.to_owned(), log, note: String::new(), terminal: self.terminal, started: Instant::now() };
        step.draw("…");
        let result = work(&mut step);
        let note = match (&result, step.note.as_str()) {
            (Ok(_), "") => "done".to_owned(),
            (Ok(_), note) => note.to_owned(),
            (Err(_), "") => "FAILED".to_owned(),
            (Err(_), note) => format!("FAILED: {note}"),
        };
        let took = step.started.elapsed();
        step.erase();
        let _ = writeln!(std::io::stderr(), "{}", step_line(name, took, &note));
        self.steps.push(StepRecord { name: name.to_owned(), note, took });
        result
    }

    /// Prints step, result and seconds of every step so far.
    pub(crate) fn summary(&self) {
        self.print(&format!("\n{:<20} {:>9}  {}", "step", "seconds", "result"));
        for StepRecord { name, note, took, .. } in &self.steps {
            self.print(&step_line(name, *took, note));
        }
    }

    /// Prints why a chore failed, with the end of its log.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.message.is_empty() {
            return;
        }
        let mut err = std::io::stderr();
        let _ = writeln!(err, "\nerror: {}", failure.message);
        if let Some(log) = &failure.log {
            for line in last_lines(log, LOG_LINES_SHOWN) {
                let _ = writeln!(err, "    {line}");
            }
            let _ = writeln!(err, "full log: {}", log.display());
        }
    }
}

fn step_line(name: &str, took: Duration, note: &str) -> String {
    format!("{name:<20} {:>9.1}  {note}", took.as_secs_f64())
}

/// A step under way.
pub(crate) struct Step {
    name: String,
    log: PathBuf,
    note: String,
    terminal: bool,
    started: Instant,
}

impl Step {
    /// Sets what is shown when the step ends.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.note = note.into();
    }

    /// The file that holds what the step's commands have printed.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Writes a line of our own to the step's log; it is also what a long step shows of itself.
    pub(crate) fn tell(&self, line: &str) -> Result<()> {
        let mut log = File::options().append(true).open(&self.log).context("open", self.log.display())?;
        writeln!(log, "{line}").context("write", self.log.display())
    }

    /// Runs a command to its end, its output appended to the step's log.
    ///
    /// # Errors
    /// The command could not be started, or ended with another exit code than 0.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        let program = command.get_program().to_string_lossy().into_owned();
        let log = File::options().append(true).open(&self.log).context("open", self.log.display())?;
        let log_too = log.try_clone().context("open", self.log.display())?;
        let mut child = command
            .stdin(std::process::Stdio::null())
            .stdout(log)
            .stderr(log_too)
            .spawn()
            .context("start", &program)?;
        let mut shown = Instant::now();
        let pause = if self.terminal { SIGN_OF_LIFE_TERMINAL } else { SIGN_OF_LIFE_PLAIN };
        let status = loop {
            if let Some(status) = child.try_wait().context("wait for", &program)? {
                break status;
            }
            if shown.elapsed() >= pause {
                shown = Instant::now();
                self.draw(last_lines(&self.log, 1).first().map_or("…", |line| line.trim()));
            }
            thread::sleep(POLL);
        };
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(format!("{}: {program} ended with {status}", self.name)).with_log(&self.log))
    }

    fn draw(&self, doing: &str) {
        let mut err = std::io::stderr();
        if self.terminal {
            let doing: String = doing.chars().take(48).collect();
            let _ = write!(err, "\r\x1b[2K{}", step_line(&self.name, self.started.elapsed(), &doing));
            let _ = err.flush();
        } else if self.started.elapsed() >= SIGN_OF_LIFE_PLAIN {
            let _ = writeln!(err, "{}", step_line(&self.name, self.started.elapsed(), doing));
        }
    }

    fn erase(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}

/// The last `count` lines of a file that are not empty; what cannot be read is left out.
fn last_lines(path: &Path, count: usize) -> Vec<String> {
    const TAIL_BYTES: u64 = 16 * 1024;
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(path) {
        let size_bytes = file.metadata().map_or(0, |meta| meta.len());
        let _ = file.seek(SeekFrom::Start(size_bytes.saturating_sub(TAIL_BYTES)));
        let _ = file.read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.iter().skip(lines.len().saturating_sub(count)).map(|line| without_colours(line)).collect()
}

/// Drops escape sequences such as `ESC [ 1 m`; cargo-pgrx writes them into files, too.
fn without_colours(line: &str) -> String {
    let mut pieces = line.split("\x1b[");
    let plain = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(plain, |text, piece| {
        text + piece.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).get(1..).unwrap_or("")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_dropped() {
        assert_eq!(without_colours("\x1b[32m\x1b[1mBuilding\x1b[0m é \x1b[1;3mx\x1b["), "Building é x");
    }

    #[test]
    fn the_end_of_a_missing_file_is_empty() {
        assert!(last_lines(Path::new("/nonexistent"), 3).is_empty());
    }
}
