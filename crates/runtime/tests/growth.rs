//! Memory that failures leave behind. A process of its own, because other tests' memory would count too.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of a test may give up, as the test itself may")]

#[path = "suite/support.rs"]
#[allow(dead_code, reason = "shared with the suite, which uses all of it")]
mod support;

use support::{Double, extism, limits, load, runtime};

#[test]
fn a_thousand_failures_leave_the_process_as_it_was() {
    let runtime = runtime();
    let text = r#"(func (export "trap") unreachable)
        (func $deep (export "deep") (call $deep) (call $reset))
        (func (export "hog") (loop $next (drop (call $alloc (i64.const 60000))) (br $next)))
        (func (export "bad") (call $log_error (i64.const 5)))"#;
    let module = load(&runtime, &extism(text));
    let run = |rounds: u32| {
        for export in ["trap", "deep", "hog", "bad"] {
            for _ in 0..rounds {
                let mut instance = module.instantiate(Double::default(), &limits()).unwrap();
                let function = instance.function(export).unwrap();
                assert!(instance.call(function, b"input").is_err());
                assert!(!instance.is_usable());
            }
        }
    };
    run(50);
    let before = resident_bytes();
    run(250);
    assert!(resident_bytes() < before + (4 << 20), "{before} grew to {}", resident_bytes());
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
