//! Forged handles: offsets, lengths and pointers that a guest makes up, through real SQL. Row by row the ABI is tested in
//! `crates/runtime/tests/suite/abi.rs`; here, what is left of the backend afterwards.

use alyx_tests::{Db, guest};

fn forge(test: &str) -> Db {
    let mut db = Db::new(test);
    db.deploy("forge", &guest("forge"), "entrypoint: storm\ntimeout: 60s\nenv: { A: b }\n");
    db
}

/// Binds an export of the guest as `text -> text`.
fn bind(db: &mut Db, export: &str) {
    db.run(&format!("CREATE FUNCTION {export}(text) RETURNS text LANGUAGE wasm AS 'forge:{export}'"));
}

#[test]
fn a_storm_of_forged_offsets_is_ignored() {
    let mut db = forge("hostile_storm");
    bind(&mut db, "storm");
    assert_eq!(db.value("SELECT storm('some input')"), "NULL");
    assert_eq!(db.value("SELECT storm('')"), "NULL");
}

#[test]
fn what_is_no_block_ends_the_guest_and_nothing_else() {
    let mut db = forge("hostile_no_block");
    for export in [
        "query_inside",
        "query_freed",
        "invoke_freed",
        "raise_huge",
        "config_inside",
        "variable_freed",
        "variable_value_inside",
        "log_after_reset",
    ] {
        bind(&mut db, export);
        let refusal = db.refused(&format!("SELECT {export}('x')"), "38000");
        assert!(refusal.says("invalid handle"), "{export}: {refusal}");
        assert_eq!(db.value("SELECT 1"), "1", "after {export}");
    }
}

#[test]
fn a_block_freed_twice_is_given_out_once() {
    let mut db = forge("hostile_overlap");
    bind(&mut db, "overlap");
    assert_eq!(db.value("SELECT overlap('x')"), "NULL");
}

#[test]
fn output_in_freed_blocks_is_what_the_guest_left_there_or_nothing() {
    let mut db = forge("hostile_freed_output");
    bind(&mut db, "output_freed");
    bind(&mut db, "output_gone");
    bind(&mut db, "output_beyond");
    assert_eq!(db.value("SELECT rtrim(output_freed('x'))"), "\"1");
    assert_eq!(db.value("SELECT output_gone('x')"), "NULL");
    assert_eq!(db.value("SELECT output_beyond('x')"), "NULL");
}

#[test]
fn pointers_of_wasi_stay_in_the_guests_memory() {
    let mut db = forge("hostile_wasi_pointers");
    for export in ["wasi_write", "wasi_random"] {
        bind(&mut db, export);
        match db.attempt(&format!("SELECT {export}('x')")) {
            Ok(rows) => assert_eq!(rows, ["NULL"], "{export}"),
            Err(refusal) => assert!(refusal.code == "38000" && !refusal.says("unreachable"), "{export}: {refusal}"),
        }
    }
    bind(&mut db, "wasi_environ");
    db.refused("SELECT wasi_environ('x')", "38000");
    assert_eq!(db.value("SELECT 1"), "1");
}
