//! Prints what calls, sandboxes and modules cost here: `cargo run -p alyx-runtime --example cost`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring tool, run by hand")]

use alyx_runtime::{Host, HttpReply, Interrupt, Limits, LogLevel, Policy, Runtime, Settings, Sha256};
use std::time::{Duration, Instant};

const ADD: &str = r#"(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))"#;
const ECHO: &str = r#"(module
    (import "extism:host/env" "input_offset" (func $at (result i64)))
    (import "extism:host/env" "input_length" (func $length (result i64)))
    (import "extism:host/env" "output_set" (func $output (param i64 i64)))
    (memory (export "memory") 2) (data (i32.const 1024) "some initial data")
    (func (export "echo") (result i32)
        (i32.store (i32.const 2048) (i32.const 1))
        (call $output (call $at) (call $length)) i32.const 0))"#;
const SIEVE: &str = r#"(module (memory 4) (func (export "sieve") (param $n i32) (result i32)
    (local $i i32) (local $j i32) (local $count i32)
    (memory.fill (i32.const 0) (i32.const 0) (local.get $n))
    (local.set $i (i32.const 2))
    (loop $next
        (if (i32.eqz (i32.load8_u (local.get $i))) (then
            (local.set $count (i32.add (local.get $count) (i32.const 1)))
            (local.set $j (i32.add (local.get $i) (local.get $i)))
            (block $done (loop $mark
                (br_if $done (i32.ge_u (local.get $j) (local.get $n)))
                (i32.store8 (local.get $j) (i32.const 1))
                (local.set $j (i32.add (local.get $j) (local.get $i)))
                (br $mark)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $count)))"#;

struct Nothing;

impl Host for Nothing {
    type Error = std::convert::Infallible;

    fn call(&mut self, _: &str, request: &[u8]) -> Result<Vec<u8>, Self::Error> {
        Ok(request.to_vec())
    }
    fn http_request(&mut self, _: &[u8], _: &[u8]) -> Result<HttpReply, Self::Error> {
        Ok(HttpReply::default())
    }
    fn config(&mut self, _: &str) -> Option<String> {
        None
    }
    fn environment(&mut self) -> Vec<(String, String)> {
        Vec::new()
    }
    fn log(&mut self, _: LogLevel, _: &str) {}
    fn log_level(&self) -> LogLevel {
        LogLevel::Off
    }
    fn interrupt(&mut self) -> Option<Interrupt> {
        None
    }
}

fn main() {
    let folder = std::env::temp_dir().join(format!("alyx-cost-{}", std::process::id()));
    let settings = Settings { cache_dir: Some(folder.clone()), ..Settings::default() };
    let before = private_kib();
    let runtime = once("Runtime::new", || Runtime::<Nothing>::new(&settings).unwrap());
    println!("{:32} {:>12} KiB", "… private memory", private_kib() - before);
    let limits = Limits::default();
    for (name, text) in [("add", ADD), ("echo", ECHO), ("sieve", SIEVE)] {
        let wasm = wat::parse_str(text).unwrap();
        let checked = once(&format!("{name}: check"), || runtime.check(&wasm, &Policy::default()).unwrap());
        once(&format!("{name}: build"), || runtime.build(&checked).unwrap());
    }
    let load = |runtime: &Runtime<Nothing>, text: &str| {
        let wasm = wat::parse_str(text).unwrap();
        runtime.load(&Sha256::of(&wasm), || Ok::<_, alyx_runtime::Error>(wasm.clone())).unwrap()
    };
    let fresh_process = Runtime::<Nothing>::new(&settings).unwrap();
    let before = private_kib();
    let module = once("echo: load from the cache", || load(&fresh_process, ECHO));
    once("echo: first instance and call", || {
        let mut instance = module.instantiate(Nothing, &limits).unwrap();
        let function = instance.function("echo").unwrap();
        instance.call(function, b"input").unwrap().map(<[u8]>::len)
    });
    println!("{:32} {:>12} KiB", "… private memory", private_kib() - before);
    let add = load(&runtime, ADD);
    let mut instance = add.instantiate(Nothing, &limits).unwrap();
    let function = instance.function("add").unwrap();
    many("scalar call, reused", || instance.call_scalar(function, &[1, 2]).unwrap());
    many("scalar call, fresh", || {
        let mut instance = add.instantiate(Nothing, &limits).unwrap();
        let function = instance.function("add").unwrap();
        instance.call_scalar(function, &[1, 2]).unwrap()
    });
    let echo = load(&runtime, ECHO);
    let mut instance = echo.instantiate(Nothing, &limits).unwrap();
    let function = instance.function("echo").unwrap();
    let input = [b'x'; 100];
    many("echo of 100 bytes, reused", || instance.call(function, &input).unwrap().unwrap().len());
    many("echo of 100 bytes, fresh", || {
        let mut instance = echo.instantiate(Nothing, &limits).unwrap();
        let function = instance.function("echo").unwrap();
        instance.call(function, &input).unwrap().unwrap().len()
    });
    let sieve = load(&runtime, SIEVE);
    let mut instance = sieve.instantiate(Nothing, &limits).unwrap();
    let function = instance.function("sieve").unwrap();
    many("sieve of 100000", || instance.call_scalar(function, &[100_000]).unwrap());
    many("sieve of 100000, native", || native_sieve(std::hint::black_box(100_000)));
    let _ = std::fs::remove_dir_all(folder);
}

/// Memory of this process alone, in KiB: what no other process shares.
fn private_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn native_sieve(n: usize) -> usize {
    let mut composite = vec![false; n];
    let mut count = 0;
    for i in 2..n {
        if composite.get(i) == Some(&false) {
            count += 1;
            for multiple in (i + i..n).step_by(i) {
                if let Some(flag) = composite.get_mut(multiple) {
                    *flag = true;
                }
            }
        }
    }
    count
}

fn once<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    println!("{what:32} {:>12.1} µs", started.elapsed().as_secs_f64() * 1e6);
    result
}

/// The best of many short rounds: on a busy machine some fit between two other processes.
fn many<T>(what: &str, mut work: impl FnMut() -> T) {
    let mut best = f64::INFINITY;
    for _ in 0..150 {
        let started = Instant::now();
        let mut calls = 0_u32;
        while started.elapsed() < Duration::from_millis(2) {
            for _ in 0..16 {
                std::hint::black_box(work());
            }
            calls += 16;
        }
        best = best.min(started.elapsed().as_secs_f64() / f64::from(calls));
    }
    println!("{what:32} {:>12.3} µs", best * 1e6);
}
