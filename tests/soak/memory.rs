//! Whether processes that live long grow: memory, files, mappings, threads.

use crate::crowd::Run;
use crate::plan::Plan;
use crate::trend::slope;
use crate::watch::{Kind, Sample};
use alyx_tests::Check;
use std::collections::BTreeMap;
use std::time::Duration;

/// Growth that is still taken for the noise of allocators and caches, of each process.
pub const MOST_KB_PER_MINUTE: f64 = 64.0;
/// The same of open files and of mapped ranges.
const MOST_FILES_PER_MINUTE: f64 = 2.0;
const MOST_MAPPINGS_PER_MINUTE: f64 = 6.0;
/// What a process may hold at any time. A backend keeps 128 modules loaded, each with a file and a few ranges.
const MOST_OPEN_FILES: u64 = 200;
const MOST_MAPPINGS: u64 = 1500;
/// What it may hold between two calls, whatever passed through it.
const MOST_KB: f64 = 64.0 * 1024.0;
/// Parts of a run of which only the lowest value is looked at: in between a process holds what its call needs.
const WINDOWS: u32 = 40;

/// What was seen of the processes of one kind that lived through the second half of the run: means over them.
pub struct Group {
    pub kind: Kind,
    pub processes: usize,
    pub own_kb: Curve,
    /// Growth of the one that grows fastest.
    pub fastest_kb_per_minute: f64,
    pub open_files: Curve,
    pub mappings: Curve,
    /// Own memory with their share of what several map, at last.
    pub share_kb: f64,
}

/// The lowest values of one measure over the run, as three points, and the growth in the second half.
pub struct Curve {
    pub first: f64,
    pub half: f64,
    pub last: f64,
    pub per_minute: f64,
}

impl Curve {
    /// Of one process; `points` are minutes and values.
    fn of(points: &[(f64, f64)], half: f64) -> Curve {
        let last = points.last().map_or(0.0, |point| point.1);
        let at_half = points.iter().find(|point| point.0 >= half).map_or(last, |point| point.1);
        let second_half: Vec<(f64, f64)> = points.iter().copied().filter(|point| point.0 >= half).collect();
        Curve {
            first: points.first().map_or(0.0, |point| point.1),
            half: at_half,
            last,
            per_minute: slope(&second_half).unwrap_or_default(),
        }
    }

    fn mean(curves: &[Curve]) -> Curve {
        let mean = |of: fn(&Curve) -> f64| curves.iter().map(of).sum::<f64>() / curves.len() as f64;
        Curve {
            first: mean(|curve| curve.first),
            half: mean(|curve| curve.half),
            last: mean(|curve| curve.last),
            per_minute: mean(|curve| curve.per_minute),
        }
    }
}

/// The groups, of processes that are long-lived.
pub fn groups(run: &Run) -> Vec<Group> {
    let end = run.samples.iter().map(|sample| sample.at).max().unwrap_or_default();
    let half = end / 2;
    let mut processes: BTreeMap<(Kind, u32), Vec<&Sample>> = BTreeMap::new();
    for sample in &run.samples {
        processes.entry((sample.kind, sample.pid)).or_default().push(sample);
    }
    let mut groups = Vec::new();
    for kind in [Kind::Launcher, Kind::Manager, Kind::Worker, Kind::Steady] {
        let lives: Vec<&Vec<&Sample>> = processes
            .iter()
            .filter(|((its, _), life)| {
                *its == kind
                    && life.first().is_some_and(|first| first.at <= half)
                    && life.last().is_some_and(|last| last.at + (end - half) / 10 >= end)
            })
            .map(|(_, life)| life)
            .collect();
        if !lives.is_empty() {
            groups.push(group(kind, &lives, end));
        }
    }
    groups
}

fn group(kind: Kind, lives: &[&Vec<&Sample>], end: Duration) -> Group {
    let window = end / WINDOWS;
    let curves = |of: fn(&Sample) -> u64| -> Vec<Curve> {
        lives.iter().map(|life| Curve::of(&floors(life, window, of), end.as_secs_f64() / 120.0)).collect()
    };
    let memory = curves(|sample| sample.own_kb);
    let shares = lives.iter().filter_map(|life| life.last()).map(|sample| sample.share_kb as f64);
    Group {
        kind,
        processes: lives.len(),
        fastest_kb_per_minute: memory.iter().map(|curve| curve.per_minute).fold(f64::MIN, f64::max),
        own_kb: Curve::mean(&memory),
        open_files: Curve::mean(&curves(|sample| sample.open_files)),
        mappings: Curve::mean(&curves(|sample| sample.mappings)),
        share_kb: shares.sum::<f64>() / lives.len() as f64,
    }
}

/// The lowest value of each window, in minutes.
fn floors(life: &[&Sample], window: Duration, of: fn(&Sample) -> u64) -> Vec<(f64, f64)> {
    let mut floors: Vec<(f64, f64)> = Vec::new();
    for sample in life {
        let minutes = (sample.at.as_secs_f64() / window.as_secs_f64()).floor() * window.as_secs_f64() / 60.0;
        let value = of(sample) as f64;
        match floors.last_mut() {
            Some(floor) if floor.0 == minutes => floor.1 = floor.1.min(value),
            _ => floors.push((minutes, value)),
        }
    }
    floors
}

/// What is demanded of the groups.
pub fn checks(plan: &Plan, run: &Run) -> Vec<Check> {
    let mut checks = Vec::new();
    for group in groups(run) {
        let name = group.kind.name();
        let mut bound = |what: &str, found: f64, most: f64| {
            checks.push(Check::new(format!("{what}, {name}"), format!("{found:.1} of at most {most}"), found <= most));
        };
        bound("kB between two calls", group.own_kb.last, MOST_KB);
        if plan.judges_slopes() {
            bound("kB/min", group.own_kb.per_minute, MOST_KB_PER_MINUTE);
            bound("files/min", group.open_files.per_minute, MOST_FILES_PER_MINUTE);
            bound("mappings/min", group.mappings.per_minute, MOST_MAPPINGS_PER_MINUTE);
        }
    }
    let most = |of: fn(&Sample) -> u64| run.samples.iter().map(of).max().unwrap_or_default();
    let mut bound = |what: &str, found: u64, most: u64| {
        checks.push(Check::new(format!("{what} of any process"), format!("{found} of at most {most}"), found <= most));
    };
    bound("open files", most(|sample| sample.open_files), MOST_OPEN_FILES);
    bound("mappings", most(|sample| sample.mappings), MOST_MAPPINGS);
    bound("threads", most(|sample| sample.threads), 1);
    checks
}
