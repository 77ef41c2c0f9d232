//! Which exports are known to leave no trace.

use crate::support::{Folder, load, runtime, wasm};
use alyx_runtime::{Policy, Runtime, Settings, Sha256};

fn stateless(text: &str) -> bool {
    let text = format!(
        r#"(memory 1) (global $g (mut i32) (i32.const 0)) (table $t 2 funcref) (data $d "x") (elem $e func $f)
        (type $void (func)) {text}"#
    );
    runtime().check(&wasm(&text), &Policy::default()).unwrap().stateless.contains("f")
}

#[test]
fn pure_code_is_stateless() {
    for body in [
        "(local $x i32) (local.set $x (i32.const 1)) (drop (i32.load (local.get $x)))",
        "(drop (global.get $g)) (drop (memory.size)) (drop (table.size $t)) (drop (ref.func $f))",
        "(drop (v128.load (i32.const 0))) (loop $l (br_if $l (i32.const 0)))",
        "(call $f)",
        "unreachable",
    ] {
        assert!(stateless(&format!("(func $f (export \"f\") {body})")), "{body}");
    }
    assert!(stateless("(func $f (export \"f\") (call $g)) (func $g (return_call $h)) (func $h (call $g))"));
}

#[test]
fn every_way_to_write_is_seen() {
    for body in [
        "(i32.store (i32.const 0) (i32.const 0))",
        "(i32.store8 (i32.const 0) (i32.const 0))",
        "(i32.store16 (i32.const 0) (i32.const 0))",
        "(i64.store (i32.const 0) (i64.const 0))",
        "(i64.store8 (i32.const 0) (i64.const 0))",
        "(i64.store16 (i32.const 0) (i64.const 0))",
        "(i64.store32 (i32.const 0) (i64.const 0))",
        "(f32.store (i32.const 0) (f32.const 0))",
        "(f64.store (i32.const 0) (f64.const 0))",
        "(v128.store (i32.const 0) (v128.const i64x2 0 0))",
        "(v128.store8_lane 0 (i32.const 0) (v128.const i64x2 0 0))",
        "(v128.store16_lane 0 (i32.const 0) (v128.const i64x2 0 0))",
        "(v128.store32_lane 0 (i32.const 0) (v128.const i64x2 0 0))",
        "(v128.store64_lane 0 (i32.const 0) (v128.const i64x2 0 0))",
        "(drop (memory.grow (i32.const 0)))",
        "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))",
        "(memory.copy (i32.const 0) (i32.const 0) (i32.const 0))",
        "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))",
        "(data.drop $d)",
        "(elem.drop $e)",
        "(global.set $g (i32.const 0))",
        "(table.set $t (i32.const 0) (ref.null func))",
        "(drop (table.grow $t (ref.null func) (i32.const 0)))",
        "(table.fill $t (i32.const 0) (ref.null func) (i32.const 0))",
        "(table.copy $t $t (i32.const 0) (i32.const 0) (i32.const 0))",
        "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 0))",
        "(call_indirect $t (type $void) (i32.const 0))",
        "(return_call_indirect $t (type $void) (i32.const 0))",
    ] {
        assert!(!stateless(&format!("(func $f (export \"f\") {body})")), "{body}");
        assert!(
            !stateless(&format!("(func $f (export \"f\") (call $g)) (func $g (call $h)) (func $h {body})")),
            "{body}"
        );
    }
}

#[test]
fn imports_are_not_stateless() {
    let text = r#"(import "extism:host/env" "reset" (func $i)) (export "i" (func $i))
        (func (export "f") (call $i)) (func (export "pure"))"#;
    let module = runtime().check(&wasm(text), &Policy::default()).unwrap();
    assert_eq!(module.stateless.iter().collect::<Vec<_>>(), ["pure"]);
}

#[test]
fn the_answer_survives_the_cache() {
    let folder = Folder::new();
    let settings = Settings { cache_dir: Some(folder.0.clone()), ..Settings::default() };
    let text = r#"(memory 1) (func (export "f")) (func (export "g") (data.drop 0)) (data "x")"#;
    load(&Runtime::new(&settings).unwrap(), text);
    let wasm = wasm(text);
    let second = Runtime::<crate::support::Double>::new(&settings).unwrap();
    let module = second.load::<alyx_runtime::Error>(&Sha256::of(&wasm), || panic!("not asked for")).unwrap();
    assert!(module.is_stateless("f") && !module.is_stateless("g") && !module.is_stateless("nothing"));
}
