//! Modules of absurd shape: what cannot be compiled in time in proportion is refused, all else runs, and nothing takes long.

use crate::bytes::*;
use crate::measure::peak_bytes;
use alyx_tests::{Db, assemble};
use std::time::{Duration, Instant};

/// What a deploy may take at most. It is deaf to a cancel, so this is also how long a backend can be held.
const SOON: Duration = Duration::from_secs(20);

/// Deploys each module and, where it is taken, calls it; asserts the outcome, an SQLSTATE or "ok".
fn assert_outcomes(test: &str, cases: &[(&str, &str, Vec<u8>)]) {
    let mut db = Db::new(test);
    for (what, expected, wasm) in cases {
        let began = Instant::now();
        let deployed = db.try_deploy("shape", wasm, "entrypoint: handler\n");
        assert!(began.elapsed() < SOON, "{what} took {:?}", began.elapsed());
        let outcome = match deployed {
            Err(refusal) => refusal.code,
            Ok(_) => {
                let called = db.attempt("SELECT shape('{}')");
                db.run("SELECT fn_drop('shape')");
                called.map_or_else(|refusal| refusal.code, |_| "ok".to_owned())
            }
        };
        assert_eq!(outcome, *expected, "{what}");
    }
}

fn text(text: &str) -> Vec<u8> {
    assemble(&format!("(module {text} (func (export \"handler\") (result i32) (i32.const 0)))"))
}

/// A handler with these instructions before `i32.const 0`, and one local i32.
fn doing(instructions: &[u8]) -> Vec<u8> {
    Wasm::handler().code(b"\x01\x01\x7f", &[instructions, ZERO].concat()).done()
}

/// The handler's type alone.
fn typed() -> Wasm {
    Wasm::new().section(TYPE, b"\x01\x60\0\x01\x7f")
}

fn functions(count: usize) -> Vec<u8> {
    let bodies = body(NO_LOCALS, ZERO);
    typed().repeated(FUNCTION, count, b"\0").export(b"handler", 0).repeated(CODE, count, &bodies).done()
}

#[test]
fn functions_types_globals_and_imports_by_the_hundred_thousand() {
    let import = [sized(b"extism:host/env"), sized(b"input_length"), vec![0, 0]].concat();
    let imports = |count: usize| {
        let types = b"\x02\x60\0\x01\x7e\x60\0\x01\x7f";
        let module = Wasm::new().section(TYPE, types).repeated(IMPORT, count, &import).section(FUNCTION, b"\x01\x01");
        module.export(b"handler", count).code(NO_LOCALS, ZERO).done()
    };
    let globals = |count| {
        let module = typed().section(FUNCTION, b"\x01\0").repeated(GLOBAL, count, b"\x7f\x01\x41\0\x0b");
        module.export(b"handler", 0).code(NO_LOCALS, ZERO).done()
    };
    let exports: Vec<_> = (0..500_000).map(|i| [sized(format!("e{i}").as_bytes()), vec![0, 0]].concat()).collect();
    let exports = typed().section(FUNCTION, b"\x01\0").entries(EXPORT, &exports).code(NO_LOCALS, ZERO).done();
    let parameters = |count: usize| {
        let wide = [b"\x60".to_vec(), leb(count), vec![0x7f; count], vec![0]].concat();
        Wasm::new().repeated(TYPE, 1, &wide).done()
    };
    assert_outcomes(
        "hostile_counts",
        &[
            ("5 000 functions", "ok", functions(5_000)),
            ("100 000 functions", "54000", functions(100_000)),
            ("1 000 000 functions", "54000", functions(1_000_000)),
            ("1 000 001 types", "22P03", Wasm::new().repeated(TYPE, 1_000_001, b"\x60\0\0").done()),
            ("a type of 100 000 parameters", "22P03", parameters(100_000)),
            ("200 000 globals", "ok", globals(200_000)),
            ("1 000 001 globals", "22P03", globals(1_000_001)),
            ("1 000 imports", "ok", imports(1_000)),
            ("500 000 imports", "22P03", imports(500_000)),
            ("500 000 exports", "22P03", exports),
        ],
    );
}

#[test]
fn bodies_that_compilers_never_write() {
    let branches =
        |count| doing(&[&[2, 0x40][..], &[0x20, 0, 0x41, 1, 0x6a, 0x22, 0, 0x0d, 0].repeat(count), b"\x0b"].concat());
    let table = |claimed: usize, targets: usize| {
        doing(&[&[2, 0x40, 0x41, 0, 0x0e][..], &leb(claimed), &vec![0; targets + 1], b"\x0b"].concat())
    };
    let locals = |groups: &[usize]| {
        let declared: Vec<_> = groups.iter().flat_map(|count| [leb(*count), vec![0x7f]].concat()).collect();
        Wasm::handler().code(&[leb(groups.len()), declared].concat(), ZERO).done()
    };
    let calls = doing(&[0x10, 0, 0x1a].repeat(100_000));
    assert_outcomes(
        "hostile_bodies",
        &[
            ("5 000 branches out of one block", "ok", branches(5_000)),
            ("60 000 branches out of one block", "54000", branches(60_000)),
            ("a table of 65 000 targets", "ok", table(65_000, 65_000)),
            ("a table of 5 000 000 targets", "22P03", table(5_000_000, 5_000_000)),
            ("a table that claims 2^32 - 1 targets", "22P03", table(0xffff_ffff, 3)),
            ("blocks nested 100 000 deep", "54000", doing(&[[2, 0x40].repeat(100_000), vec![0x0b; 100_000]].concat())),
            ("2^32 - 1 locals", "22P03", locals(&[0xffff_ffff])),
            ("locals whose number overflows", "22P03", locals(&[0xffff_ffff, 0xffff_ffff])),
            ("a body of 8 MB", "22P03", doing(&[0x41, 1, 0x1a].repeat(2_700_000))),
            (
                "an expression of 200 000 operands",
                "ok",
                doing(&[[0x41, 1].repeat(200_000), vec![0x6a; 199_999], vec![0x1a]].concat()),
            ),
            ("100 000 calls of itself in each other's wake", "54000", calls),
        ],
    );
}

#[test]
fn memories_and_tables_that_are_never_enough() {
    assert_outcomes(
        "hostile_memories",
        &[
            ("a memory of 4 GB", "54000", text("(memory 65536)")),
            (
                "a memory of 1 GB for one that may have 128 MB",
                "53200",
                text("(memory 16384) (data (i32.const 1073741823) \"y\")"),
            ),
            ("100 000 memories", "22P03", Wasm::new().repeated(MEMORY, 100_000, b"\0\x01").done()),
            ("100 000 tables", "22P03", Wasm::new().repeated(TABLE, 100_000, b"\x70\0\x01").done()),
            ("a table of 10 000 000", "22P03", text("(table 10000000 funcref)")),
            ("four tables of a million", "54000", text(&"(table 1000000 funcref)".repeat(4))),
            ("a table that may grow to 2^32", "ok", text("(table 1000 4294967295 funcref)")),
        ],
    );
}

#[test]
fn segments_that_are_large_many_or_out_of_place() {
    let with_memory = || typed().section(FUNCTION, b"\x01\0").section(MEMORY, b"\x01\0\x01").export(b"handler", 0);
    let data = |count, bytes: &[u8]| {
        let entry = [b"\0\x41\0\x0b".to_vec(), sized(bytes)].concat();
        with_memory().code(NO_LOCALS, ZERO).repeated(DATA, count, &entry).done()
    };
    let elements = |table: usize, entry: &[u8], count: usize| {
        let module =
            typed().section(FUNCTION, b"\x01\0").section(TABLE, &[b"\x01\x70\0".to_vec(), leb(table)].concat());
        let list = [entry.to_vec(), leb(count), vec![0; count]].concat();
        module.export(b"handler", 0).entries(ELEMENT, &[list]).code(NO_LOCALS, ZERO).done()
    };
    let at_zero = b"\0\x41\0\x0b";
    let at_a_sum = b"\0\x41\0\x41\0\x6a\x0b";
    let expressions = {
        let list = [b"\x04\x41\0\x0b".to_vec(), leb(20_000), b"\xd2\0\x0b".repeat(20_000)].concat();
        let module =
            typed().section(FUNCTION, b"\x01\0").section(TABLE, &[b"\x01\x70\0".to_vec(), leb(20_000)].concat());
        module.export(b"handler", 0).entries(ELEMENT, &[list]).code(NO_LOCALS, ZERO).done()
    };
    assert_outcomes(
        "hostile_segments",
        &[
            ("100 000 pieces of data", "ok", data(100_000, b"x")),
            ("30 MB of data for a memory of 64 kB", "38000", data(1, &vec![7; 30 << 20])),
            ("data at the end of the address space", "38000", text("(memory 1) (data (i32.const -1) \"xx\")")),
            ("a full table", "ok", elements(900_000, at_zero, 900_000)),
            ("9 000 000 entries for a table of one", "54000", elements(1, at_zero, 9_000_000)),
            ("20 000 entries at an offset that must be computed", "54000", elements(20_000, at_a_sum, 20_000)),
            ("20 000 entries that must be computed", "54000", expressions),
        ],
    );
}

#[test]
fn names_and_sections_that_are_not_what_they_seem() {
    let plain = || Wasm::handler().code(NO_LOCALS, ZERO);
    let exporting = |name: &[u8]| typed().section(FUNCTION, b"\x01\0").export(name, 0).code(NO_LOCALS, ZERO).done();
    let importing = |name: &[u8]| {
        let import = [sized(b"extism:host/env"), sized(name), vec![0, 0]].concat();
        Wasm::new().section(TYPE, b"\x01\x60\0\x01\x7e").entries(IMPORT, &[import]).done()
    };
    let trapping = |names: &[u8]| Wasm::handler().code(NO_LOCALS, b"\0").custom(b"name", names).done();
    let long_name = sized(&[&b"\x01\0"[..], &sized(&vec![b'n'; 20 << 20])].concat());
    let many = [plain().done(), b"\0\x02\x01x".repeat(5_000_000)].concat();
    assert_outcomes(
        "hostile_names",
        &[
            ("an export whose name is no text", "22P03", exporting(b"\xff\xfe")),
            ("an export of 20 MB of name", "22P03", exporting(&vec![b'n'; 20 << 20])),
            ("an export with a zero byte in its name", "42883", exporting(b"hand\0ler")),
            ("an import whose name is no text", "22P03", importing(b"\xff")),
            ("an import with a zero byte in its name", "0A000", importing(b"al\0loc")),
            ("a custom section whose name is no text", "22P03", plain().custom(b"\xff", b"").done()),
            ("function names that are no text", "38000", trapping(b"\x01\x05\x01\0\x02\xff\xfe")),
            ("function names that claim to be many", "38000", trapping(b"\x01\x05\xff\xff\xff\xff\x0f")),
            ("a function with 20 MB of name", "38000", trapping(&[b"\x01".to_vec(), long_name].concat())),
            ("a custom section of 30 MB", "ok", plain().custom(b"x", &vec![0; 30 << 20]).done()),
            ("5 000 000 custom sections", "ok", many),
            ("a count that lies", "22P03", Wasm::new().section(TYPE, &leb(0xffff_ffff)).done()),
            ("a section that claims 4 GB", "22P03", [Wasm::new().done(), vec![TYPE], leb(0xffff_ffff)].concat()),
            ("a number that never ends", "22P03", [Wasm::new().done(), vec![TYPE], vec![0x80; 100]].concat()),
            ("sections in the wrong order", "22P03", Wasm::handler().section(TYPE, b"\0").code(NO_LOCALS, ZERO).done()),
            ("functions without code", "22P03", typed().section(FUNCTION, b"\x01\0").done()),
            ("a start function that is not there", "22P03", typed().section(START, &leb(0xffff_ffff)).done()),
            ("a start function that traps", "38000", text("(func $start unreachable) (start $start)")),
        ],
    );
}

#[test]
fn debug_information_that_unpacks_to_gigabytes_is_not_unpacked() {
    let mut db = Db::new("hostile_dwarf");
    // One compilation unit over all code, with a line table of 30 million rows: one byte each here, 24 when unpacked.
    let abbreviations = b"\x01\x11\0\x10\x17\x11\x01\x12\x06\0\0\0";
    let unit = b"\x04\0\0\0\0\0\x04\x01\0\0\0\0\0\0\0\0\xff\xff\xff\x7f";
    let info = [&(unit.len() as u32).to_le_bytes()[..], unit].concat();
    let header = b"\x01\x01\x01\xfb\x0e\x0d\0\x01\x01\x01\x01\0\0\0\x01\0\0\x01\0a\0\0\0\0\0";
    let program = [&b"\0\x05\x02\0\0\0\0"[..], &vec![0x20; 30 << 20], b"\x02\x01\0\x01\x01"].concat();
    let lines = [&b"\x04\0"[..], &(header.len() as u32).to_le_bytes(), header, &program].concat();
    let lines = [&(lines.len() as u32).to_le_bytes()[..], &lines].concat();
    let module = Wasm::handler().code(NO_LOCALS, b"\0").custom(b".debug_abbrev", abbreviations);
    db.deploy("shape", &module.custom(b".debug_info", &info).custom(b".debug_line", &lines).done(), "");
    let mut session = db.session();
    session.run("SELECT fn_version()");
    let before = peak_bytes(&mut session);
    for _ in 0..2 {
        let began = Instant::now();
        session.refused("SELECT shape('{}')", "38000");
        assert!(began.elapsed() < Duration::from_secs(1), "a trap took {:?}", began.elapsed());
    }
    let grown = peak_bytes(&mut session) - before;
    assert!(grown < 128 << 20, "a trap took {} MB", grown >> 20);
}
