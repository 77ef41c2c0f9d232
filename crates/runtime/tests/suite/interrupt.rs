//! A tick makes running code ask its host, wherever it is.

use crate::support::{Double, Guest, extism, limits};
use alyx_runtime::{Failure, Interrupt};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Ticks every millisecond while `work` runs.
fn ticking<T>(guest: &mut Guest, work: impl FnOnce(&mut Guest) -> T) -> T {
    let ticker = guest.runtime.ticker();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
                ticker.tick();
            }
        });
        let result = work(guest);
        done.store(true, Ordering::Relaxed);
        result
    })
}

fn guest(text: &str, interrupt: Option<Interrupt>) -> (Guest, Rc<Cell<u32>>) {
    let asked = Rc::new(Cell::new(0));
    let host = Double { interrupt: Rc::new(Cell::new(interrupt)), asked: Rc::clone(&asked), ..Double::default() };
    (Guest::with(&extism(text), host, &limits()), asked)
}

#[test]
fn an_endless_loop_is_interrupted() {
    let text = r#"(func (export "f") (loop $next (br $next)))"#;
    for why in [Interrupt::Cancelled, Interrupt::TimedOut] {
        let (mut guest, _) = guest(text, Some(why));
        let started = Instant::now();
        let outcome = ticking(&mut guest, |guest| guest.call("f", b""));
        assert_eq!(outcome, Err(Failure::Interrupted(why)));
        assert!(started.elapsed() < Duration::from_millis(500));
        assert!(!guest.instance.is_usable());
    }
}

#[test]
fn endless_tail_calls_and_host_calls_are_interrupted() {
    let text = r#"(func $tail (export "tail") (return_call $tail))
        (func (export "host") (loop $next (call $free (i64.const 0)) (br $next)))
        (func (export "scalar") (param i64) (result i64) (loop $next (br $next)) (i64.const 0))"#;
    for export in ["tail", "host"] {
        let (mut guest, _) = guest(text, Some(Interrupt::TimedOut));
        let outcome = ticking(&mut guest, |guest| guest.call(export, b""));
        assert_eq!(outcome, Err(Failure::Interrupted(Interrupt::TimedOut)));
    }
    let (mut guest, _) = guest(text, Some(Interrupt::TimedOut));
    let outcome = ticking(&mut guest, |guest| guest.scalar("scalar", &[1]));
    assert_eq!(outcome, Err(Failure::Interrupted(Interrupt::TimedOut)));
}

#[test]
fn a_host_that_says_nothing_lets_the_guest_go_on() {
    let text = r#"(func (export "f") (local $i i64) (loop $next
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br_if $next (i64.lt_u (local.get $i) (i64.const 50000000)))))"#;
    let (mut guest, asked) = guest(text, None);
    assert_eq!(ticking(&mut guest, |guest| guest.call("f", b"")), Ok(None));
    assert!(asked.get() > 0);
    assert!(guest.instance.is_usable());
}

#[test]
fn ticks_between_calls_do_no_harm() {
    let (mut guest, asked) = guest(r#"(func (export "f") (param i64) (result i64) local.get 0)"#, None);
    for round in 0..10 {
        guest.runtime.ticker().tick();
        assert_eq!(guest.scalar("f", &[round]), Ok(round));
    }
    assert!(asked.get() <= 10);
}

#[test]
fn initialisation_is_interrupted_too() {
    let runtime = crate::support::runtime();
    let ticker = runtime.ticker();
    let module = crate::support::load(&runtime, "(func $f (loop $next (br $next))) (start $f)");
    let host = Double { interrupt: Rc::new(Cell::new(Some(Interrupt::Cancelled))), ..Double::default() };
    ticker.tick();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            ticker.tick();
        });
        let outcome = module.instantiate(host, &limits());
        assert_eq!(outcome.map(|_| ()), Err(Failure::Interrupted(Interrupt::Cancelled)));
    });
}

#[test]
fn long_random_requests_ask_in_between() {
    let text = r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 8)
        (func (export "f") (result i32) (call $random (i32.const 0) (i32.const 524288)))"#;
    let host = Double { interrupt: Rc::new(Cell::new(Some(Interrupt::Cancelled))), ..Double::default() };
    let mut guest = Guest::with(text, host, &limits());
    assert_eq!(guest.call("f", b""), Err(Failure::Interrupted(Interrupt::Cancelled)));
}
