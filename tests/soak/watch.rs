//! What the server's processes hold, as /proc tells it, every few seconds.

use crate::crowd::STEADY;
use crate::stage::Stage;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What a process is to us; the order is that of the report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Launcher,
    Manager,
    Worker,
    /// A client that keeps its connection to the end.
    Steady,
    /// All others.
    Passing,
}

impl Kind {
    /// What the report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Launcher => "launcher",
            Kind::Manager => "manager",
            Kind::Worker => "worker",
            Kind::Steady => "client that stays",
            Kind::Passing => "client that goes",
        }
    }
}

/// One process at one moment.
pub struct Sample {
    /// Since the watch began.
    pub at: Duration,
    pub kind: Kind,
    pub pid: u32,
    /// Resident memory of its own: what a leak would be in.
    pub own_kb: u64,
    /// The same with its share of what several processes map.
    pub share_kb: u64,
    /// But for those of tables and indexes, which PostgreSQL keeps open up to a number of its own.
    pub open_files: u64,
    /// Mapped ranges of addresses: modules and pools that are forgotten would show here.
    pub mappings: u64,
    pub threads: u64,
}

/// Watches until it is over; the second value tells the machine's load from beginning to end.
pub fn until(stage: &Stage, is_over: &AtomicBool, between: Duration) -> (Vec<Sample>, String) {
    let began = Instant::now();
    let mut session = stage.session("postgres", "soak watcher").unwrap_or_else(|refusal| panic!("{refusal}"));
    let mut samples = Vec::new();
    let mut loads = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let processes = session.rows(
            "SELECT pid, backend_type, application_name FROM pg_stat_activity
             WHERE backend_type LIKE 'alyx %' OR backend_type = 'client backend' AND pid <> pg_backend_pid()",
        );
        // One time for the whole round: on a busy machine it takes seconds.
        let at = began.elapsed();
        for process in processes {
            let words: Vec<&str> = process.split('|').collect();
            let [pid, kind, name] = words[..] else { continue };
            // It may have ended in between.
            if let Some(sample) = pid.parse().ok().and_then(|pid| look_at(pid, kind_of(kind, name), at)) {
                samples.push(sample);
            }
        }
        loads.push(load_of_a_minute());
        thread::sleep(between);
    }
    let mean = loads.iter().sum::<f64>() / loads.len() as f64;
    let most = loads.iter().copied().fold(0.0, f64::max);
    (samples, format!("{mean:.1} on average, {most:.1} at most"))
}

/// What the machine has to do, in its own words, and how many processors it has for that.
pub fn machine_load() -> String {
    let processors = thread::available_parallelism().map_or(0, usize::from);
    format!("{:.1} on {processors} processors", load_of_a_minute())
}

fn load_of_a_minute() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn kind_of(backend: &str, name: &str) -> Kind {
    match backend {
        "alyx launcher" => Kind::Launcher,
        "alyx manager" => Kind::Manager,
        "alyx worker" => Kind::Worker,
        _ if name == STEADY => Kind::Steady,
        _ => Kind::Passing,
    }
}

fn look_at(pid: u32, kind: Kind, at: Duration) -> Option<Sample> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    let (status, shares) = (read("status")?, read("smaps_rollup")?);
    Some(Sample {
        at,
        kind,
        pid,
        own_kb: number(&status, "RssAnon:")?,
        share_kb: number(&shares, "Pss:")?,
        open_files: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.filter(|file| !is_of_a_relation(file)).count() as u64,
        mappings: read("maps")?.lines().count() as u64,
        threads: number(&status, "Threads:")?,
    })
}

fn is_of_a_relation(file: &std::io::Result<fs::DirEntry>) -> bool {
    let target = file.as_ref().ok().and_then(|file| fs::read_link(file.path()).ok());
    target.is_some_and(|target| {
        target.components().any(|part| part.as_os_str() == "base" || part.as_os_str() == "global")
    })
}

/// The number after a word at the beginning of a line.
fn number(text: &str, word: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(word))?;
    line.split_whitespace().next()?.parse().ok()
}
