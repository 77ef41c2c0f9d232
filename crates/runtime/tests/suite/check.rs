//! What is accepted, what is refused, and what is said about it.

use crate::support::{runtime, wasm};
use alyx_runtime::{CheckedModule, Error, Policy, Runtime, Settings, Sha256, ValueType};
use std::collections::BTreeSet;

fn check(text: &str) -> Result<CheckedModule, Error> {
    runtime().check(&wasm(text), &Policy::default())
}

#[test]
fn a_module_is_described() {
    let text = r#"(import "extism:host/env" "alloc" (func (param i64) (result i64)))
        (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
        (memory (export "memory") 2 5)
        (func $s) (start $s)
        (func (export "add") (param i32 f64) (result f32) (f32.const 0))"#;
    let module = check(text).unwrap();
    assert_eq!(module.sha256, Sha256::of(&wasm(text)));
    assert_eq!((module.memory_min_bytes, module.memory_max_bytes), (2 << 16, Some(5 << 16)));
    assert!(module.uses_extism && module.uses_wasi && module.has_start);
    assert_eq!(module.imports.len(), 2);
    let add = module.signature("add").unwrap();
    assert_eq!(
        (add.params.as_slice(), add.results.as_slice()),
        (&[ValueType::I32, ValueType::F64][..], &[ValueType::F32][..])
    );
    assert_eq!(add.to_string(), "(i32, f64) -> f32");
    assert!(add.is_scalar() && !add.is_callable());
}

#[test]
fn the_entrypoint_is_found() {
    let module = |names: &[&str]| {
        let exports: String = names.iter().map(|name| format!("(func (export \"{name}\"))")).collect();
        check(&format!("{exports} (func (export \"helper\") (param i32))")).unwrap()
    };
    assert_eq!(module(&["a", "handler"]).entrypoint(None), Ok(Some("handler")));
    assert_eq!(module(&["only", "_initialize", "__data_end", "hs_init"]).entrypoint(None), Ok(Some("only")));
    assert_eq!(module(&["a", "b"]).entrypoint(None), Ok(None));
    assert_eq!(module(&["_start"]).entrypoint(None), Ok(Some("_start")));
    assert_eq!(module(&[]).entrypoint(None), Ok(None));
    assert_eq!(module(&["a", "b"]).entrypoint(Some("b")), Ok(Some("b")));
    let missing = Error::UnknownExport { name: "c".into(), callable: vec!["a".into(), "b".into()] };
    assert_eq!(module(&["a", "b"]).entrypoint(Some("c")), Err(missing));
    let not_callable = Error::NotCallable { name: "helper".into(), signature: "(i32) -> ()".into() };
    assert_eq!(module(&["a"]).entrypoint(Some("helper")), Err(not_callable));
}

#[test]
fn invalid_bytes_are_refused_with_their_place() {
    let runtime = runtime();
    let check = |bytes: &[u8]| runtime.check(bytes, &Policy::default()).unwrap_err();
    assert!(matches!(check(b""), Error::Invalid { .. }));
    assert!(matches!(check(b"(module)"), Error::Invalid { offset: Some(0), .. }));
    assert!(matches!(check(&wasm("(module)")[..6]), Error::Invalid { .. }));
    let mut cut = wasm(r#"(func (export "f") (result i32) i32.const 1)"#);
    cut.truncate(cut.len() - 3);
    assert!(matches!(check(&cut), Error::Invalid { offset: Some(at), .. } if at > 8));
    let component = check(b"\0asm\x0d\0\x01\0");
    assert!(component.to_string().contains("component"), "{component}");
}

#[test]
fn proposals_that_are_off_are_refused() {
    for text in [
        "(memory i64 1)",
        "(memory 1) (memory 1)",
        "(memory 1 1 shared)",
        "(func (param externref))",
        "(tag)",
        "(type (struct))",
    ] {
        assert!(matches!(check(text), Err(Error::Invalid { .. })), "{text}");
    }
    for text in [
        "(func (result v128) (v128.const i32x4 0 0 0 0))",
        "(func $f (return_call $f))",
        "(func (param funcref))",
        "(func (result i32 i32) i32.const 1 i32.const 2)",
        "(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))",
    ] {
        assert!(check(text).is_ok(), "{text}");
    }
}

#[test]
fn unknown_imports_are_named_with_a_way_out() {
    let hint = |text: &str| match check(text) {
        Err(Error::UnknownImport { hint, .. }) => hint,
        other => panic!("{text}: {other:?}"),
    };
    assert!(hint(r#"(import "env" "abort" (func))"#).contains("extism:host/env"));
    assert!(hint(r#"(import "extism:host/env" "nope" (func))"#).contains("PDK"));
    assert!(hint(r#"(import "extism:host/env" "memory" (memory 1))"#).contains("PDK"));
    assert!(hint(r#"(import "extism:host/env" "extism_context" (global i32))"#).contains("PDK"));
    assert!(hint(r#"(import "extism:host/user" "mine" (func (param i64) (result i64)))"#).contains("manifest"));
    assert!(hint(r#"(import "wasi_unstable" "fd_write" (func))"#).contains("preview 1"));
    assert!(hint(r#"(import "wasi_snapshot_preview1" "nope" (func))"#).contains("no such"));
    assert!(hint(r#"(import "wasi:cli/run" "run" (func))"#).contains("component"));
}

#[test]
fn import_types_are_checked() {
    let wrong = check(r#"(import "extism:host/env" "alloc" (func (param i32) (result i64)))"#).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "module imports \"extism:host/env\" \"alloc\" as (i32) -> i64, but its type is (i64) -> i64"
    );
    let user = r#"(import "extism:host/user" "db_query" (func (param i64 i64) (result i64)))"#;
    assert!(matches!(check(user), Err(Error::ImportType { .. })));
    let float = r#"(import "wasi_snapshot_preview1" "fd_close" (func (param f32) (result i32)))"#;
    assert!(matches!(check(float), Err(Error::ImportType { .. })));
}

#[test]
fn a_policy_adds_host_functions() {
    let text = r#"(import "extism:host/user" "hello_world" (func (param i64) (result i64)))"#;
    let policy = Policy { host_functions: BTreeSet::from(["hello_world".to_owned()]) };
    assert!(runtime().check(&wasm(text), &policy).is_ok());
    assert!(check(text).is_err());
}

#[test]
fn sizes_are_bounded() {
    let settings = Settings { max_module_bytes: 100, max_memory_bytes: 4 << 16, ..Settings::default() };
    let runtime = Runtime::<crate::support::Double>::new(&settings).unwrap();
    let check = |bytes: &[u8]| runtime.check(bytes, &Policy::default());
    assert_eq!(check(&[0; 101]).unwrap_err(), Error::TooLarge { what: "module", actual: 101, limit: 100 });
    let memory = Error::TooLarge { what: "initial memory", actual: 5 << 16, limit: 4 << 16 };
    assert_eq!(check(&wasm("(memory 5)")).unwrap_err(), memory);
    assert!(check(&wasm("(memory 4)")).is_ok());
    assert!(matches!(check(&wasm("(table 2000000 funcref)")), Err(Error::Invalid { .. })));
    let many = "(table 1 funcref)".repeat(5);
    assert!(matches!(check(&wasm(&many)), Err(Error::Invalid { .. })));
}

/// The validator lets it pass, the compiler does not: what the check accepts must compile.
#[test]
fn an_import_under_its_exact_type_is_refused() {
    let mut wasm = wasm(r#"(import "extism:host/env" "reset" (func))"#);
    let kind = wasm.windows(5).position(|window| window == b"reset").unwrap() + 5;
    assert_eq!(std::mem::replace(&mut wasm[kind], 0x20), 0);
    let refusal = runtime().check(&wasm, &Policy::default()).unwrap_err();
    assert!(matches!(&refusal, Error::Invalid { message, .. } if message.contains("exact")), "{refusal}");
}
