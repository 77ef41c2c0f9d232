//! A folder to work in, and the binary.

use alyx_tests::{Db, assemble, command_line};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A folder that is removed at the end, and the address that commands in it are given.
pub struct Workshop {
    pub dir: PathBuf,
    url: Option<String>,
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{self:?} is not one JSON document: {error}"))
    }

    #[track_caller]
    pub fn ok(self) -> Ran {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Failed with this exit code, and all of these words in what it said.
    #[track_caller]
    pub fn says(self, code: i32, words: &[&str]) -> Ran {
        assert_eq!(self.code, code, "{self:?}");
        words.iter().for_each(|word| assert!(self.err.contains(word), "no {word:?} in {self:?}"));
        self
    }
}

pub fn url(db: &Db) -> String {
    db.server().url(db.name(), "postgres")
}

impl Workshop {
    pub fn new(name: &str, url: Option<String>) -> Workshop {
        let dir = std::env::temp_dir().join(format!("alyx-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Workshop { dir, url }
    }

    pub fn with(name: &str, db: &Db) -> Workshop {
        Workshop::new(name, Some(url(db)))
    }

    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A function folder with a manifest and a module that answers `answer`.
    pub fn function(&self, name: &str, manifest: &str, answer: u32) {
        self.write(&format!("{name}/manifest.yaml"), manifest);
        self.write(&format!("{name}/plugin.wasm"), answering(answer));
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(command_line());
        command.args(args).current_dir(&self.dir).env_remove("DATABASE_URL").env("NO_COLOR", "1").stdin(Stdio::null());
        if let Some(url) = &self.url {
            command.env("DATABASE_URL", url);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        ran(&mut self.command(args))
    }

    pub fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).ok().json()
    }

    /// `alyx dev --json` with further arguments.
    pub fn dev(&self, args: &[&str]) -> Dev {
        let mut command = self.command(&[&["dev", "--json"], args].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (sender, events) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
                let _ = sender.send(event);
            }
        });
        Dev { child, events }
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A running `alyx dev`; ended when dropped.
pub struct Dev {
    child: Child,
    events: Receiver<Value>,
}

impl Dev {
    /// The next event of that kind, of that function when one is named. Others are passed over.
    #[track_caller]
    pub fn wait(&self, event: &str, function: &str) -> Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut seen = Vec::new();
        while let Ok(found) = self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if found["event"] == event && (function.is_empty() || found["function"] == function) {
                return found;
            }
            seen.push(found.to_string());
        }
        panic!("no event {event:?} of {function:?}, but {seen:#?}");
    }

    /// What came in this time.
    pub fn during(&self, time: Duration) -> Vec<Value> {
        std::thread::sleep(time);
        self.events.try_iter().collect()
    }

    /// A signal by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ctrl-C; returns the exit code.
    pub fn stop(&mut self) -> i32 {
        interrupt(&self.child);
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.stop();
        }
    }
}

pub fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

/// A module whose handler answers a number of two digits.
pub fn answering(number: u32) -> Vec<u8> {
    assemble(&format!(
        r#"(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "handler") (result i32) (local $block i64)
    (local.set $block (call $alloc (i64.const 2)))
    (call $store (local.get $block) (i32.const {}))
    (call $store (i64.add (local.get $block) (i64.const 1)) (i32.const {}))
    (call $output (local.get $block) (i64.const 2))
    (i32.const 0)))"#,
        b'0' + u8::try_from(number / 10).unwrap(),
        b'0' + u8::try_from(number % 10).unwrap(),
    ))
}
