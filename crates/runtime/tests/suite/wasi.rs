//! WASI preview 1: harmless functions work, the others say no.

use crate::support::{Double, Guest, limits};
use alyx_runtime::{Failure, LogLevel};

const IMPORTS: &str = r#"
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_res_get" (func $clock_res_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open" (func $path_open
      (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
    (import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func $assert (param i32) (if (i32.eqz (local.get 0)) (then unreachable)))
    (func $is (param i32 i32) (call $assert (i32.eq (local.get 0) (local.get 1))))"#;

fn guest(text: &str) -> Guest {
    Guest::new(&format!("{IMPORTS} {text}"))
}

fn passes(body: &str) {
    let outcome = guest(&format!("(func (export \"f\") {body})")).call("f", b"");
    assert_eq!(outcome, Ok(None), "{body}");
}

#[test]
fn clocks_run() {
    passes(
        "(call $is (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 8)) (i32.const 0))
        (call $assert (i64.gt_u (i64.load (i32.const 8)) (i64.const 1700000000000000000)))
        (call $is (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 16)) (i32.const 0))
        (call $is (call $clock_res_get (i32.const 1) (i32.const 24)) (i32.const 0))
        (call $is (i32.load (i32.const 24)) (i32.const 1))
        (call $is (call $clock_time_get (i32.const 9) (i64.const 0) (i32.const 8)) (i32.const 28))
        (call $is (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 65530)) (i32.const 21))
        (call $is (call $sched_yield) (i32.const 0))",
    );
}

#[test]
fn random_bytes_differ() {
    passes(
        "(call $is (call $random_get (i32.const 0) (i32.const 100)) (i32.const 0))
        (call $assert (i64.ne (i64.load (i32.const 0)) (i64.load (i32.const 8))))
        (call $is (call $random_get (i32.const 0) (i32.const -1)) (i32.const 21))
        (call $is (call $random_get (i32.const -1) (i32.const 2)) (i32.const 21))",
    );
}

#[test]
fn the_environment_is_the_functions() {
    passes(
        r"(call $is (call $environ_sizes_get (i32.const 0) (i32.const 4)) (i32.const 0))
        (call $is (i32.load (i32.const 0)) (i32.const 2))
        (call $is (i32.load (i32.const 4)) (i32.const 19))
        (call $is (call $environ_get (i32.const 16) (i32.const 100)) (i32.const 0))
        (call $is (i32.load (i32.const 16)) (i32.const 100))
        (call $is (i32.load (i32.const 20)) (i32.const 104))
        (call $is (i32.load (i32.const 100)) (i32.const 0x00313d41))
        (call $is (i32.load8_u (i32.const 118)) (i32.const 0))
        (call $is (call $environ_get (i32.const 16) (i32.const 65530)) (i32.const 21))
        (call $is (call $args_sizes_get (i32.const 0) (i32.const 4)) (i32.const 0))
        (call $is (i32.load (i32.const 0)) (i32.const 0))
        (call $is (call $args_get (i32.const 0) (i32.const 4)) (i32.const 0))",
    );
}

#[test]
fn output_becomes_log_lines() {
    let text = r#"(data (i32.const 100) "one\ntwo\nthr" "ee\r\nlast")
        (func $write (param $fd i32) (param $from i32) (param $bytes i32)
          (i32.store (i32.const 0) (local.get $from)) (i32.store (i32.const 4) (local.get $bytes))
          (call $is (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 0))
          (call $is (i32.load (i32.const 8)) (local.get $bytes)))
        (func (export "f")
          (call $write (i32.const 1) (i32.const 100) (i32.const 11))
          (call $write (i32.const 2) (i32.const 100) (i32.const 4))
          (call $write (i32.const 1) (i32.const 111) (i32.const 8)))"#;
    let mut guest = guest(text);
    assert_eq!(guest.call("f", b""), Ok(None));
    let line = |level, text: &str| (level, text.to_owned());
    let expected = vec![
        line(LogLevel::Info, "one"),
        line(LogLevel::Info, "two"),
        line(LogLevel::Warn, "one"),
        line(LogLevel::Info, "three"),
        line(LogLevel::Info, "last"),
    ];
    assert_eq!(guest.instance.host().log, expected);
}

#[test]
fn streams_and_files_are_refused_politely() {
    passes(
        "(call $is (call $fd_read (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 0))
        (call $is (i32.load (i32.const 8)) (i32.const 0))
        (call $is (call $fd_read (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 8))
        (call $is (call $fd_write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 8))
        (call $is (call $fd_write (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 8))
        (call $is (call $fd_prestat_get (i32.const 3) (i32.const 8)) (i32.const 8))
        (call $is (call $fd_seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 8)) (i32.const 70))
        (call $is (call $fd_close (i32.const 1)) (i32.const 0))
        (call $is (call $fd_close (i32.const 7)) (i32.const 8))
        (call $is (call $fd_fdstat_get (i32.const 1) (i32.const 16)) (i32.const 0))
        (call $is (i32.load8_u (i32.const 16)) (i32.const 2))
        (call $is (i32.load (i32.const 24)) (i32.const 64))
        (call $is (call $fd_filestat_get (i32.const 1) (i32.const 64)) (i32.const 0))
        (call $is (i32.load8_u (i32.const 80)) (i32.const 2))
        (call $is (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
          (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 0)) (i32.const 8))
        (call $is (call $sock_send (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
          (i32.const 52))",
    );
}

#[test]
fn hostile_pointers_and_counts_are_refused() {
    passes(
        "(call $is (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1000000) (i32.const 8)) (i32.const 28))
        (call $is (call $fd_write (i32.const 1) (i32.const 65534) (i32.const 1) (i32.const 8)) (i32.const 21))
        (call $is (call $fd_write (i32.const 1) (i32.const -8) (i32.const 2) (i32.const 8)) (i32.const 21))
        (i32.store (i32.const 0) (i32.const -16)) (i32.store (i32.const 4) (i32.const 64))
        (call $is (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 21))
        (call $is (call $fd_fdstat_get (i32.const 1) (i32.const -1)) (i32.const 21))
        (call $is (call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0)) (i32.const 28))
        (call $is (call $poll_oneoff (i32.const 65500) (i32.const 0) (i32.const 1) (i32.const 0)) (i32.const 21))",
    );
    // One write takes at most 64 KiB, however many buffers overlap.
    passes(
        "(local $i i32)
        (loop $next
          (i32.store (i32.add (i32.const 1024) (i32.mul (local.get $i) (i32.const 8))) (i32.const 0))
          (i32.store (i32.add (i32.const 1028) (i32.mul (local.get $i) (i32.const 8))) (i32.const 65536))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (i32.const 1000))))
        (call $is (call $fd_write (i32.const 1) (i32.const 1024) (i32.const 1000) (i32.const 8)) (i32.const 0))
        (call $is (i32.load (i32.const 8)) (i32.const 65536))",
    );
}

#[test]
fn sleep_returns_at_once() {
    passes(
        "(i64.store (i32.const 0) (i64.const 42))
        (i64.store (i32.const 24) (i64.const 0x7fffffffffffffff))
        (call $is (call $poll_oneoff (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)) (i32.const 0))
        (call $is (i32.load (i32.const 200)) (i32.const 1))
        (call $is (i32.load (i32.const 100)) (i32.const 42))",
    );
}

#[test]
fn exit_codes_end_the_guest() {
    let text = r#"(func (export "zero") (call $proc_exit (i32.const 0)) unreachable)
        (func (export "three") (call $proc_exit (i32.const 3)))
        (func (export "_start") (i32.store (i32.const 0) (i32.const 0)))"#;
    let mut zero = guest(text);
    assert_eq!(zero.call("zero", b""), Ok(None));
    assert!(!zero.instance.is_usable());
    let three = Failure::Guest { message: "returned non-zero exit code: 3".into(), exit_code: 3 };
    assert_eq!(guest(text).call("three", b""), Err(three));
    let mut program = guest(text);
    assert_eq!(program.call("_start", b""), Ok(None));
    assert!(!program.instance.is_usable());
}

#[test]
fn without_memory_nothing_is_written() {
    let text = r#"(import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
        (func (export "f") (result i32) (call $random_get (i32.const 0) (i32.const 1)))"#;
    let mut guest = Guest::with(text, Double::default(), &limits());
    assert_eq!(guest.scalar("f", &[]), Ok(21));
}
