//! How calls begin and end: initialisation, outcome rules, scalar calls, state between calls.

use crate::support::{Guest, body, extism, limits, load, run, runtime};
use alyx_runtime::{Error, Failure, Frame, Sha256};

fn guest_error(message: &str, exit_code: i32) -> Failure<String> {
    Failure::Guest { message: message.into(), exit_code }
}

#[test]
fn return_codes_follow_extism() {
    let text = r#"(func (export "zero") (result i32) i32.const 0)
        (func (export "seven") (result i32) i32.const 7)
        (func (export "long") (result i64) i64.const 0)
        (func (export "nothing"))
        (func (export "with_output") (result i32) (call $say (call $input_offset)) i32.const 0)
        (func (export "parameter") (param i32))"#;
    assert_eq!(run(text, "zero", b""), Ok(None));
    assert_eq!(run(text, "nothing", b""), Ok(None));
    assert_eq!(run(text, "with_output", b"x"), Ok(Some(b"x".to_vec())));
    assert_eq!(run(text, "seven", b""), Err(guest_error("returned non-zero exit code: 7", 7)));
    assert_eq!(run(text, "long", b""), Err(guest_error("returned non-zero exit code: -1", -1)));
    assert!(matches!(run(text, "parameter", b""), Err(Failure::Internal(_))));
}

#[test]
fn an_error_of_the_guest_outranks_code_and_trap() {
    let text = r#"(data (i32.const 0) "no stock")
        (func $fail (call $error_set (call $put (i32.const 0) (i32.const 8))))
        (func (export "ok") (result i32) (call $fail) i32.const 0)
        (func (export "code") (result i32) (call $fail) i32.const 3)
        (func (export "trap") (call $fail) unreachable)"#;
    assert_eq!(run(text, "ok", b""), Err(guest_error("no stock", 0)));
    assert_eq!(run(text, "code", b""), Err(guest_error("no stock", 3)));
    let mut guest = Guest::new(&extism(text));
    assert_eq!(guest.call("code", b""), Err(guest_error("no stock", 3)));
    assert!(guest.instance.is_usable());
    assert_eq!(guest.call("trap", b""), Err(guest_error("no stock", 134)));
    assert!(!guest.instance.is_usable());
    assert!(matches!(guest.call("ok", b""), Err(Failure::Internal(_))));
}

#[test]
fn traps_name_their_frames() {
    let text = r#"(func $inner unreachable) (func $outer (export "f") (call $inner))"#;
    let Err(Failure::Trap { message, frames }) = run(text, "f", b"") else { panic!("no trap") };
    assert!(message.contains("unreachable"), "{message}");
    let names: Vec<_> = frames.iter().map(|frame: &Frame| frame.function.as_str()).collect();
    assert_eq!(names, ["inner", "outer"]);
    let divided = body("(drop (i64.div_u (i64.const 1) (call $input_length)))", b"");
    assert!(matches!(divided, Err(Failure::Trap { message, .. }) if message == "integer divide by zero"));
}

#[test]
fn endless_recursion_is_a_stack_overflow() {
    let outcome = run(r#"(func $f (export "f") (call $f) (call $reset))"#, "f", b"");
    assert!(matches!(outcome, Err(Failure::StackOverflow { .. })), "{outcome:?}");
}

#[test]
fn initialisation_exports_run_once_and_in_order() {
    let log = |name: &str, extra: &str| {
        format!(
            "(func (export \"{name}\") {extra} (global.set $n
        (i32.add (i32.mul (global.get $n) (i32.const 10)) (i32.const {}))))",
            name.len()
        )
    };
    let base = "(global $n (mut i32) (i32.const 0)) (func (export \"n\") (result i32) global.get $n)";
    let ran = |exports: &[String]| Guest::new(&format!("{base} {}", exports.join(" "))).scalar("n", &[]).unwrap();
    // The digits are the lengths of the names.
    let (reactor, ctors) = (log("_initialize", ""), log("__wasm_call_ctors", ""));
    let haskell = log("hs_init", "(param i32 i32)");
    assert_eq!(ran(&[]), 0);
    assert_eq!(ran(std::slice::from_ref(&reactor)), 11);
    assert_eq!(ran(&[reactor.clone(), ctors.clone()]), 17);
    assert_eq!(ran(&[reactor, ctors, haskell.clone()]), 117);
    assert_eq!(ran(&[haskell]), 7);
}

#[test]
fn initialisation_may_use_the_host_and_leaves_no_blocks_or_error() {
    let text = r#"(data (i32.const 0) "early")
        (func (export "_initialize")
          (call $error_set (call $put (i32.const 0) (i32.const 5)))
          (call $log_info (call $put (i32.const 0) (i32.const 5))))
        (func (export "f") (call $number (call $memory_bytes)))
        (func (export "fresh") (drop (call $alloc (i64.const 1))) (call $number (call $memory_bytes)))"#;
    let mut guest = Guest::new(&extism(text));
    let first = guest.number("f", b"");
    assert_eq!(guest.number("f", b""), first);
    assert_eq!(guest.instance.host().log.len(), 1);
}

#[test]
fn a_trap_in_initialisation_fails_the_instantiation() {
    for text in [r#"(func (export "_initialize") unreachable)"#, "(func $s unreachable) (start $s)"] {
        let outcome = load(&runtime(), text).instantiate(Default::default(), &limits());
        assert!(matches!(outcome, Err(Failure::Trap { .. })));
    }
}

#[test]
fn memory_and_globals_live_as_long_as_the_instance() {
    let text = r#"(global $g (mut i64) (i64.const 0))
        (func (export "count") (global.set $g (i64.add (global.get $g) (i64.const 1)))
          (i64.store (i32.const 100) (i64.add (i64.load (i32.const 100)) (i64.const 1)))
          (call $number (i64.add (global.get $g) (i64.load (i32.const 100)))))"#;
    let runtime = runtime();
    let module = load(&runtime, &extism(text));
    for _ in 0..3 {
        let mut guest = Guest {
            runtime: crate::support::runtime(),
            instance: module.instantiate(Default::default(), &limits()).unwrap(),
        };
        assert_eq!([guest.number("count", b""), guest.number("count", b"")], [2, 4]);
    }
}

#[test]
fn scalars_pass_as_raw_bits() {
    let text = r#"
        (func (export "i32") (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1)))
        (func (export "i64") (param i64) (result i64) (i64.sub (i64.const 0) (local.get 0)))
        (func (export "f32") (param f32) (result f32) (f32.mul (local.get 0) (f32.const 0.5)))
        (func (export "f64") (param f64 i32) (result f64) (f64.mul (local.get 0) (f64.convert_i32_s (local.get 1))))
        (func (export "none"))
        (func (export "vector") (result v128) (v128.const i64x2 1 2))
        (func (export "many") (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
          (i64.add (local.get 0) (local.get 17)))
        (func (export "trap") (result i32) unreachable)"#;
    let mut guest = Guest::new(text);
    assert_eq!(guest.scalar("i32", &[1, 2]), Ok(u64::from(u32::MAX)));
    assert_eq!(guest.scalar("i64", &[1]), Ok(u64::MAX));
    assert_eq!(guest.scalar("f32", &[u64::from(3.0_f32.to_bits())]), Ok(u64::from(1.5_f32.to_bits())));
    let minus_two = u64::from(0xffff_fffe_u32);
    assert_eq!(guest.scalar("f64", &[1.5_f64.to_bits(), minus_two]), Ok((-3.0_f64).to_bits()));
    assert_eq!(guest.scalar("none", &[]), Ok(0));
    let mut args = [0; 18];
    (args[0], args[17]) = (5, 6);
    assert_eq!(guest.scalar("many", &args), Ok(11));
    assert!(matches!(guest.scalar("i32", &[1]), Err(Failure::Internal(_))));
    assert!(matches!(guest.scalar("vector", &[]), Err(Failure::Internal(_))));
    assert_eq!(guest.call("vector", b""), Err(guest_error("returned non-zero exit code: -1", -1)));
    assert!(matches!(guest.scalar("trap", &[]), Err(Failure::Trap { .. })));
    assert!(!guest.instance.is_usable());
}

#[test]
fn a_scalar_function_may_fail_by_its_own_words() {
    let text = r#"(data (i32.const 0) "negative")
        (func (export "root") (param i64) (result i64)
          (if (i64.lt_s (local.get 0) (i64.const 0))
            (then (call $error_set (call $put (i32.const 0) (i32.const 8)))))
          (local.get 0))"#;
    let mut guest = Guest::new(&extism(text));
    assert_eq!(guest.scalar("root", &[4]), Ok(4));
    assert_eq!(guest.scalar("root", &[u64::MAX]), Err(guest_error("negative", 0)));
    assert_eq!(guest.scalar("root", &[9]), Ok(9));
}

#[test]
fn a_callable_belongs_to_one_instance() {
    let runtime = runtime();
    let module = load(&runtime, r#"(func (export "f"))"#);
    let mut first = module.instantiate(Default::default(), &limits()).unwrap();
    let mut second = module.instantiate(Default::default(), &limits()).unwrap();
    let function = first.function("f").unwrap();
    assert!(matches!(second.call(function, b""), Err(Failure::Internal(_))));
    assert_eq!(first.call(function, b""), Ok(None));
    assert!(first.function("g").is_none());
}

#[test]
fn debug_information_gives_source_positions() {
    let runtime = runtime();
    let wasm = include_bytes!("../guests/divide.wasm").to_vec();
    let module = runtime.load(&Sha256::of(&wasm), || Ok::<_, Error>(wasm)).unwrap();
    let mut instance = module.instantiate(Default::default(), &limits()).unwrap();
    let divide = instance.function("divide").unwrap();
    let Err(Failure::Trap { frames, .. }) = instance.call_scalar(divide, &[1, 0]) else { panic!("no trap") };
    let places: Vec<_> = frames.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["divide (./divide.c:4:14)", "divide_export (./divide.c:8:12)"]);
}

#[test]
fn an_hs_init_of_another_type_is_an_export_like_others() {
    for ty in ["", "(param i32)", "(param i64 i64)", "(param i32 i32) (result v128)"] {
        let text = format!(r#"(func (export "hs_init") {ty} unreachable) (func (export "f"))"#);
        assert_eq!(Guest::new(&text).call("f", b""), Ok(None), "{ty}");
    }
}

#[test]
fn an_import_that_is_exported_again_fails_like_any_other_function() {
    let text = r#"(import "extism:host/env" "config_get" (func (param i64) (result i64))) (export "f" (func 0))"#;
    let failure = Guest::new(text).scalar("f", &[1]).unwrap_err();
    assert!(matches!(&failure, Failure::Trap { message, .. } if message.contains("invalid handle")), "{failure:?}");
}

#[test]
fn a_host_function_that_is_called_last_of_all_fails_like_any_other_call() {
    // In place of the start function, which nobody calls: no frame of the guest is on the stack.
    let text = r#"(import "extism:host/env" "var_set" (func $host (param i64 i64)))
        (func $s (return_call $host (i64.const 0) (i64.const 9))) (start $s) (func (export "f"))"#;
    let failure = load(&runtime(), text).instantiate(Default::default(), &limits()).map(drop).unwrap_err();
    assert!(matches!(&failure, Failure::Trap { message, .. } if message.contains("invalid handle")), "{failure:?}");
}
