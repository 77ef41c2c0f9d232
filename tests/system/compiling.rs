//! Compiling happens in a child of the backend: it can be stopped, and what goes wrong in it does not reach the server.

use alyx_tests::{Db, Session, assemble, wait_until};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// A module that takes seconds to compile, and no other test's: the number is part of its code.
fn slow_module(number: u32) -> Vec<u8> {
    let functions: String = (0..40_000)
        .map(|i| format!("(func (param i32) (result i32) (i32.add (local.get 0) (i32.const {})))", i + number))
        .collect();
    assemble(&format!("(module {functions} (func (export \"handler\") (result i32) (i32.const 0)))"))
}

/// The children of a process.
fn children(pid: u32) -> Vec<u32> {
    let output = Command::new("ps").args(["--no-headers", "-o", "pid", "--ppid", &pid.to_string()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Deploys in another session, and calls `act` with its process id when the compiler runs.
fn while_compiling(db: &Db, number: u32, act: impl FnOnce(u32)) -> (Result<(), String>, Duration, Session, u32) {
    let mut session = db.session();
    let pid = session.pid();
    let deploying = thread::spawn(move || {
        let result = session.try_deploy("slow", &slow_module(number), "");
        (result.map(drop).map_err(|refusal| refusal.code), Instant::now(), session)
    });
    wait_until("the compiler runs", || !children(pid).is_empty());
    thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    act(pid);
    let (result, end, session) = deploying.join().unwrap();
    (result, end.saturating_duration_since(begin), session, pid)
}

#[test]
fn a_cancel_ends_it_at_once_and_leaves_nothing() {
    let mut db = Db::new("compiling_cancel");
    let mut canceller = db.session();
    let cancel = |pid| canceller.run(&format!("SELECT pg_cancel_backend({pid})"));
    let (result, elapsed, mut session, pid) = while_compiling(&db, 1_000_000, cancel);
    assert_eq!(result, Err("57014".to_owned()));
    // The query that cancels takes its time as well on a busy machine.
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
    assert!(children(pid).is_empty(), "the compiler is gone");
    assert_eq!(session.value("SELECT count(*) FROM alyx._function"), "0");
    assert_eq!(db.value("SELECT 1"), "1");
}

#[test]
fn the_end_of_the_session_is_the_end_of_its_compiler() {
    let db = Db::new("compiling_terminate");
    let mut admin = db.session();
    let mut compiler = Vec::new();
    let terminate = |pid| {
        compiler = children(pid);
        admin.run(&format!("SELECT pg_terminate_backend({pid})"));
    };
    let (result, elapsed, _session, _pid) = while_compiling(&db, 2_000_000, terminate);
    assert!(result.is_err_and(|code| code == "57P01" || code == "closed"));
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
    let is_there = |pid: &u32| std::path::Path::new(&format!("/proc/{pid}")).exists();
    wait_until("the compiler is gone", || !compiler.iter().any(is_there));
}

#[test]
fn a_compiler_that_dies_is_an_error_and_no_crash() {
    let mut db = Db::new("compiling_crash");
    let began = db.value("SELECT pg_postmaster_start_time()");
    let kill = |pid| {
        for child in children(pid) {
            assert!(Command::new("kill").args(["-SEGV", &child.to_string()]).status().unwrap().success());
        }
    };
    let (result, _elapsed, mut session, _pid) = while_compiling(&db, 3_000_000, kill);
    assert_eq!(result, Err("54000".to_owned()));
    assert_eq!(session.value("SELECT 1"), "1", "the session goes on");
    assert_eq!(db.value("SELECT pg_postmaster_start_time()"), began, "and nothing was restarted");
}
