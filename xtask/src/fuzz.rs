//! `cargo xtask fuzz`: builds the fuzz targets against what is compiled already and lets libFuzzer loose on each.
//!
//! Only the workspace's own crates are compiled again, with coverage (`fuzz/with-coverage`). An input that breaks
//! something stays in `target/fuzz/<target>`, and so does the corpus that grew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::console::Console;
use crate::error::{Context, Failure, Result};
use crate::major::Major;
use crate::places::{Places, create_dir};

/// What a target is called, and the longest input it is given.
type Target = (&'static str, u32);

const TARGETS: [Target; 8] = [
    ("cron", 512),
    ("extism", 1_024),
    ("fetch", 1_024),
    ("host_call", 4_096),
    ("manifest", 8_192),
    ("module", 16_384),
    ("schema", 2_048),
    ("smith", 8_192),
];

/// Long enough to run through the seeds and some hundred thousand inputs beside them.
pub(crate) const SHORT_RUN_S: u32 = 4;

/// An input that takes longer is a find.
const TIMEOUT_S: u32 = 10;

/// `cargo xtask fuzz [TARGET] [--seconds N]`
pub(crate) fn run(console: &mut Console, major: Major, arguments: &[String]) -> Result<()> {
    let (targets, seconds) = read(arguments)?;
    let places = Places::find(major)?;
    build(console, &places)?;
    let mut failures = Vec::new();
    for target in targets {
        failures.extend(fuzz(console, &places, target, seconds).err());
    }
    failures.iter().for_each(|failure| console.failure(failure));
    console.summary();
    if failures.is_empty() { Ok(()) } else { Err(Failure::reported()) }
}

/// All targets for a short time, as part of the tests.
pub(crate) fn short(console: &mut Console, places: &Places) -> Vec<Failure> {
    if let Err(failure) = build(console, places) {
        return vec![failure];
    }
    TARGETS.into_iter().filter_map(|target| fuzz(console, places, target, SHORT_RUN_S).err()).collect()
}

fn read(arguments: &[String]) -> Result<(Vec<Target>, u32)> {
    let usage = || {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        Failure::new(format!("\"fuzz\" takes \"--seconds N\" and one of {}", names.join(", ")))
    };
    let (mut targets, mut seconds) = (TARGETS.to_vec(), SHORT_RUN_S);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--seconds" {
            seconds = words.next().and_then(|number| number.parse().ok()).ok_or_else(usage)?;
        } else {
            targets.retain(|(name, _)| name == word);
        }
    }
    if targets.is_empty() { Err(usage()) } else { Ok((targets, seconds)) }
}

fn build(console: &mut Console, places: &Places) -> Result<()> {
    console.step(&places.logs(), "fuzz targets", |step| {
        let mut cargo = places.cargo();
        // All packages, as in every other build: the features of dependencies must not change.
        cargo.args(["build", "--workspace", "--features", "alyx-fuzz/libfuzzer"]);
        cargo.args(TARGETS.iter().flat_map(|(name, _)| ["--bin", name]));
        cargo.env("RUSTC_WORKSPACE_WRAPPER", places.root.join("fuzz/with-coverage"));
        if std::env::var_os("CXX").is_none() {
            // Comes with libclang, which is there for bindgen.
            cargo.env("CXX", "clang++");
        }
        step.run(&mut cargo)?;
        let mut cargo = places.cargo();
        cargo.args(["build", "--locked", "--manifest-path", "fuzz/smith/Cargo.toml", "--target-dir"]);
        step.run(cargo.arg(generator_folder(places)))
    })
}

/// The generator of modules has a Cargo.lock of its own, and so a folder.
fn generator_folder(places: &Places) -> PathBuf {
    places.target.join("fuzz/smith-build")
}

fn fuzz(console: &mut Console, places: &Places, (name, max_bytes): Target, seconds: u32) -> Result<()> {
    let folder = places.target.join("fuzz").join(name);
    let corpus = folder.join("corpus");
    create_dir(&corpus)?;
    let mut fuzzer = Command::new(places.target.join("debug").join(name));
    fuzzer
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={max_bytes}"))
        .arg(format!("-timeout={TIMEOUT_S}"))
        .args(["-print_final_stats=1", "-rss_limit_mb=4096"])
        .arg(format!("-artifact_prefix={}/", folder.display()))
        .env("ALYX_FUZZ_SMITH", generator_folder(places).join("debug/alyx-fuzz-smith"));
    let dictionary = places.root.join("fuzz/dictionaries").join(name);
    if dictionary.exists() {
        fuzzer.arg(format!("-dict={}", dictionary.display()));
    }
    fuzzer.arg(&corpus).arg(places.root.join("fuzz/seeds").join(name));
    console.step(&places.logs(), &format!("fuzz {name}"), |step| {
        let ended = step.run(&mut fuzzer);
        let output = fs::read(step.log()).context("read", step.log().display())?;
        step.note(summary(&String::from_utf8_lossy(&output)));
        ended.map_err(|failure| broken(failure, &folder))
    })
}

/// The failure, with the input that led to it.
fn broken(failure: Failure, folder: &Path) -> Failure {
    let newest = fs::read_dir(folder).ok().and_then(|entries| {
        let files = entries.filter_map(std::result::Result::ok).filter(|entry| entry.path().is_file());
        files.max_by_key(|entry| entry.metadata().and_then(|file| file.modified()).ok())
    });
    let input = newest.map_or_else(|| "no input was kept".to_owned(), |file| file.path().display().to_string());
    Failure { message: format!("{}; input: {input}", failure.message), ..failure }
}

/// What libFuzzer counted: inputs, and edges of our code that some input took.
fn summary(output: &str) -> String {
    let number_after = |mark: &str| {
        let (_, rest) = output.rsplit_once(mark)?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    let executions = number_after("stat::number_of_executed_units:").unwrap_or(0);
    let edges = number_after(" cov: ").unwrap_or(0);
    format!("{executions} executions, {edges} edges covered")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_target_and_a_time_may_be_given() {
        let (targets, seconds) = read(&words(&["--seconds", "60", "cron"])).unwrap();
        assert_eq!((targets.len(), targets[0].0, seconds), (1, "cron", 60));
        assert_eq!(read(&[]).unwrap().0.len(), TARGETS.len());
        assert!(read(&words(&["--seconds"])).is_err());
        assert!(read(&words(&["crom"])).is_err());
    }

    #[test]
    fn the_last_counts_are_taken() {
        let output = "#2\tINITED cov: 5 ft: 5\n#90\tDONE   cov: 7 ft: 9\nstat::number_of_executed_units: 90\n";
        assert_eq!(summary(output), "90 executions, 7 edges covered");
    }
}
