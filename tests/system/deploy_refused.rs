//! What fn_deploy refuses: each a clear error, and nothing stored.

use alyx_tests::{Db, assemble, guest, literal};

/// Nothing of a refused deploy may be left: no catalog row, no SQL function.
fn assert_nothing_stored(db: &mut Db, name: &str) {
    let name = literal(name);
    assert_eq!(
        db.value(&format!("SELECT count(*) FROM alyx.functions WHERE name = {name}")),
        "0",
        "alyx.functions after a refused deploy"
    );
    assert_eq!(db.value("SELECT count(*) FROM alyx.versions"), "0", "alyx.versions after a refused deploy");
    assert_eq!(
        db.value(&format!("SELECT count(*) FROM pg_proc WHERE proname = {name}")),
        "0",
        "pg_proc after a refused deploy"
    );
}

#[test]
fn bytes_that_are_no_module_are_refused() {
    let mut db = Db::new("deploy_invalid");
    let echo = guest("echo");
    let cases: [(&str, Vec<u8>); 5] = [
        ("nothing", Vec::new()),
        ("text", b"hello, world".to_vec()),
        ("the magic number alone", b"\0asm".to_vec()),
        ("a module cut short", echo[..echo.len() / 2].to_vec()),
        // The assembler does not check types; the host must.
        ("a body of the wrong type", assemble("(module (func (export \"handler\") (result i32) (i64.const 1)))")),
    ];
    for (what, wasm) in cases {
        let refusal = db.deploy_refused("bad", &wasm, "", "22P03");
        assert!(!refusal.message.contains("panicked"), "{what}: {refusal}");
        assert_nothing_stored(&mut db, "bad");
    }
}

#[test]
fn a_component_is_refused_with_words_that_help() {
    let mut db = Db::new("deploy_component");
    let refusal = db.deploy_refused("component", b"\0asm\x0d\0\x01\0", "", "22P03");
    assert!(refusal.says("component"), "{refusal}");
}

#[test]
fn imports_the_host_lacks_are_named() {
    let mut db = Db::new("deploy_imports");
    let refusal = db.deploy_refused("missiles", &guest("unknown_import"), "", "0A000");
    assert!(refusal.says("launch_missiles") && refusal.says("env"), "{refusal}");
    let refusal = db.deploy_refused("hello", &guest("unknown_host_function"), "", "0A000");
    assert!(refusal.says("hello_world"), "{refusal}");
    let refusal = db.deploy_refused(
        "kernel",
        &assemble(r#"(module (import "extism:host/env" "no_such" (func)) (func (export "handler")))"#),
        "",
        "0A000",
    );
    assert!(refusal.says("no_such"), "{refusal}");
    for name in ["missiles", "hello", "kernel"] {
        assert_nothing_stored(&mut db, name);
    }
}

#[test]
fn imports_of_a_wrong_type_are_refused() {
    let mut db = Db::new("deploy_import_types");
    for import in [
        r#"(import "extism:host/user" "db_query" (func (param i32) (result i64)))"#,
        r#"(import "extism:host/env" "alloc" (func (param i64)))"#,
        r#"(import "extism:host/env" "memory" (memory 1))"#,
        r#"(import "wasi_snapshot_preview1" "fd_write" (func))"#,
    ] {
        let refusal = db
            .try_deploy("wrong", &assemble(&format!("(module {import} (func (export \"handler\")))")), "")
            .expect_err(import);
        assert!(["0A000", "22P03"].contains(&refusal.code.as_str()), "{import}: {refusal}");
        assert_nothing_stored(&mut db, "wrong");
    }
}

#[test]
fn a_bad_manifest_is_refused_with_line_and_column() {
    let mut db = Db::new("deploy_manifest");
    let cases = [
        ("timeout: 10s\nmemry: 64mb\n", 2, 1, "memry"),
        ("timeout: soon\n", 1, 10, "soon"),
        ("timeout: 10s\nenv:\n  GOOD: a\n  'not good': b\n", 4, 3, "not good"),
        ("hooks:\n  - { type: database, source: public.t, action: [upsert] }\n", 2, 0, "upsert"),
        ("timeout: [\n", 0, 0, ""),
        ("runtime: node\n", 1, 10, "wasm"),
    ];
    for (manifest, line, column, word) in cases {
        let refusal = db.deploy_refused("bad", &guest("echo"), manifest, "22023");
        assert!(refusal.says("line") && refusal.says("column"), "{manifest:?}: {refusal}");
        assert!(line == 0 || refusal.says(&format!("line {line}")), "{manifest:?} should name line {line}: {refusal}");
        assert!(
            column == 0 || refusal.says(&format!("column {column}")),
            "{manifest:?} should name column {column}: {refusal}"
        );
        assert!(refusal.says(word), "{manifest:?} should say {word}: {refusal}");
        assert_nothing_stored(&mut db, "bad");
    }
}

#[test]
fn a_manifest_of_another_name_is_refused() {
    let mut db = Db::new("deploy_other_name");
    db.deploy_refused("one", &guest("echo"), "name: two\n", "22023");
    assert_nothing_stored(&mut db, "one");
    db.deploy("one", &guest("echo"), "name: one\n");
}

#[test]
fn names_follow_the_rules() {
    let mut db = Db::new("deploy_names");
    let long = "a".repeat(64);
    for name in ["", "Upper", "1st", "_x", "a b", "a;b", "a:b", "ä", "a\"b", long.as_str()] {
        let refusal = db.try_deploy(name, &guest("echo"), "").expect_err(name);
        assert!(["22023", "42602"].contains(&refusal.code.as_str()), "{name:?}: {refusal}");
    }
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions"), "0");
    let longest = "a".repeat(63);
    for name in ["a", "with-dash", "with_underscore9", "select", longest.as_str()] {
        db.deploy(name, &guest("echo"), "");
        assert_eq!(db.value(&format!("SELECT fn_invoke('{name}', '1')")), "1", "{name}");
        assert_eq!(db.value(&format!("SELECT \"{name}\"('1')")), "1", "{name}");
    }
}

#[test]
fn a_too_large_module_is_refused_and_not_stored() {
    let mut db = Db::new("deploy_too_large");
    // A custom section of 64 MiB: valid, useless, larger than any ceiling anyone should set by default.
    let size = 64 * 1024 * 1024;
    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    wasm.push(0);
    let mut length = size + 2;
    while length > 0x7f {
        wasm.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    wasm.push(length as u8);
    wasm.extend([1, b'x']);
    wasm.resize(wasm.len() + size, 0);
    let refusal = db.deploy_refused("large", &wasm, "", "54000");
    assert!(refusal.says("alyx_functions."), "the setting to change should be named: {refusal}");
    assert_nothing_stored(&mut db, "large");
}

#[test]
fn a_function_that_is_not_ours_is_never_replaced() {
    let mut db = Db::new("deploy_clash");
    db.run("CREATE FUNCTION echo(input jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '\"mine\"'::jsonb $$");
    db.deploy_refused("echo", &guest("echo"), "", "42723");
    assert_eq!(db.value("SELECT echo('1')"), "\"mine\"");
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions"), "0");
}

#[test]
fn a_bad_sql_entry_is_an_error_and_not_a_statement() {
    let mut db = Db::new("deploy_sql_bad");
    db.run("CREATE TABLE precious ()");
    for create in [
        "oops(",
        "f(a nosuchtype) returns int",
        "f(a int) returns int language sql as 'select 1'",
        "f(a int) returns int security definer",
        "f() returns int; drop table precious; --",
        "f(a int default (select 1)) returns int",
    ] {
        let manifest = format!("sql:\n  - create: {}\n    export: add\n", literal(create));
        let refusal = db.try_deploy("math", &guest("scalars"), &manifest).expect_err(create);
        assert_ne!(refusal.code, "XX000", "{create}: {refusal}");
        assert_nothing_stored(&mut db, "f");
    }
    let refusal = db
        .try_deploy("math", &guest("scalars"), "sql:\n  - create: f(a int) returns int\n    export: nope\n")
        .expect_err("no such export");
    assert_eq!(refusal.code, "42883", "{refusal}");
    assert_eq!(db.value("SELECT to_regclass('precious')"), "precious");
}

#[test]
fn what_needs_workers_says_so_at_deploy() {
    let mut db = Db::new("deploy_preload");
    db.run("CREATE TABLE orders (id int)");
    for hook in [
        "{ type: schedule, cron: '0 2 * * *' }",
        "{ type: database, source: public.orders, action: [insert], mode: async }",
    ] {
        let refusal = db.deploy_refused("nightly", &guest("echo"), &format!("hooks:\n  - {hook}\n"), "55000");
        assert!(refusal.hint.contains("shared_preload_libraries"), "{hook}: {refusal}");
        assert_nothing_stored(&mut db, "nightly");
    }
}
