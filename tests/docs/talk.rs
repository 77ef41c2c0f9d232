//! A program that reads commands and prints: psql, a shell. What it prints to either stream comes back in order.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The longest that one block may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program.
pub struct Talk {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    /// The program's own command that prints a text to standard error.
    echo: &'static str,
    said: usize,
}

impl Talk {
    /// Starts it.
    pub fn start(command: &mut Command, echo: &'static str) -> Talk {
        let (reader, writer) = std::io::pipe().expect("the system has pipes");
        let again = writer.try_clone().expect("a second handle");
        let mut child = command
            .stdin(std::process::Stdio::piped())
            .stdout(writer)
            .stderr(again)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        // Its copies of the pipe's end would keep the reader waiting for ever.
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                line.clear();
                if sender.send(text).is_err() {
                    break;
                }
            }
        });
        let input = child.stdin.take().expect("piped");
        Talk { child, input, lines, echo, said: 0 }
    }

    /// Says something, and gives what is printed until it is done.
    pub fn say(&mut self, text: &str) -> String {
        self.said += 1;
        let mark = format!("=== {} said ===", self.said);
        writeln!(self.input, "{text}\n{} '{mark}'", self.echo).expect("it reads");
        self.input.flush().expect("it reads");
        let mut printed = String::new();
        loop {
            let line =
                self.lines.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{error} after\n{text}\n{printed}"));
            if let Some((before, _)) = line.split_once(&mark) {
                // The last line need not have ended.
                if !before.is_empty() {
                    printed.push_str(before);
                }
                return printed;
            }
            printed.push_str(&line);
            printed.push('\n');
        }
    }
}

impl Talk {
    /// Ends it, and all that it has started.
    pub fn end(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(std::process::Stdio::null()).status();
        let _ = self.child.wait();
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.end();
    }
}
