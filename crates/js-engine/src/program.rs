//! Writes a program: the module that turns the engine's memory into that of an evaluated bundle.
//!
//! `sdk/js/build/program.js` writes the same bytes for the same memories; a test compares them.

/// Custom section: the ES module that the program was made of.
pub(crate) const BUNDLE: &str = "alyx.bundle";
/// Custom section: its source map, version 3.
pub(crate) const SOURCE_MAP: &str = "alyx.sourcemap";
/// Custom section: the manifest that the source declares, as JSON.
pub(crate) const MANIFEST: &str = "alyx.manifest";

/// Memory is compared in words of this many bytes.
const WORD_BYTES: usize = 8;
/// Equal words between two differences that are copied along: shorter than another instruction would be.
const GAP_WORDS: usize = 4;
const PAGE_BYTES: usize = 64 << 10;

/// What a program is made of.
pub(crate) struct Parts<'a> {
    /// The engine's name.
    pub(crate) engine: &'a str,
    /// Memory of a fresh engine.
    pub(crate) base: &'a [u8],
    /// Memory of an engine that has evaluated the bundle.
    pub(crate) image: &'a [u8],
    /// Names of the functions that the bundle exports, as the engine lists them (`alyx_names`).
    pub(crate) exports: &'a [String],
    /// Custom sections.
    pub(crate) custom: &'a [(&'a str, &'a str)],
}

/// The program's bytes.
pub(crate) fn write(parts: &Parts<'_>) -> Vec<u8> {
    let runs = differences(parts.base, parts.image);
    let base_pages = parts.base.len() / PAGE_BYTES;
    let more_pages = (parts.image.len() / PAGE_BYTES).saturating_sub(base_pages);
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    // () -> (), () -> i32, (i32) -> i32
    section(&mut module, 1, &[3, 0x60, 0, 0, 0x60, 0, 1, 0x7f, 0x60, 1, 0x7f, 1, 0x7f]);
    section(&mut module, 2, &imports(parts.engine, base_pages));
    section(&mut module, 3, &functions(parts.exports.len()));
    section(&mut module, 7, &exports(parts.exports));
    // Function 0 is imported, 1 starts.
    section(&mut module, 8, &[1]);
    section(&mut module, 12, &[1]);
    section(&mut module, 10, &code(&runs, more_pages, parts.exports.len()));
    section(&mut module, 11, &data(&runs, parts.image));
    for (name, text) in parts.custom {
        let mut body = Vec::new();
        string(&mut body, name);
        body.extend_from_slice(text.as_bytes());
        section(&mut module, 0, &body);
    }
    module
}

/// Where the image differs from the base: offsets of begin and end, in bytes.
fn differences(base: &[u8], image: &[u8]) -> Vec<(usize, usize)> {
    let words = image.len() / WORD_BYTES;
    let differs = |word: usize| {
        let range = word * WORD_BYTES..(word + 1) * WORD_BYTES;
        match (base.get(range.clone()), image.get(range)) {
            (Some(before), Some(after)) => before != after,
            (None, Some(after)) => after.iter().any(|byte| *byte != 0),
            _ => false,
        }
    };
    let mut runs = Vec::new();
    let mut word = 0;
    while word < words {
        if !differs(word) {
            word += 1;
            continue;
        }
        let begin = word;
        let mut last = word;
        word += 1;
        while word < words && word - last <= GAP_WORDS {
            if differs(word) {
                last = word;
            }
            word += 1;
        }
        runs.push((begin * WORD_BYTES, (last + 1) * WORD_BYTES));
        word = last + 1;
    }
    runs
}

fn imports(engine: &str, base_pages: usize) -> Vec<u8> {
    let mut body = vec![2];
    string(&mut body, engine);
    string(&mut body, "memory");
    body.extend_from_slice(&[2, 0]);
    unsigned(&mut body, base_pages);
    string(&mut body, engine);
    string(&mut body, "alyx_invoke");
    body.extend_from_slice(&[0, 2]);
    body
}

fn functions(exports: usize) -> Vec<u8> {
    let mut body = Vec::new();
    unsigned(&mut body, exports + 1);
    body.push(0);
    body.extend(std::iter::repeat_n(1, exports));
    body
}

fn exports(names: &[String]) -> Vec<u8> {
    let mut body = Vec::new();
    unsigned(&mut body, names.len());
    for (index, name) in names.iter().enumerate() {
        string(&mut body, name);
        body.push(0);
        unsigned(&mut body, index + 2);
    }
    body
}

/// The start function, which grows the memory and copies each run from the one data segment, and a trampoline for each
/// export.
fn code(runs: &[(usize, usize)], more_pages: usize, exports: usize) -> Vec<u8> {
    let mut start = vec![0];
    if more_pages > 0 {
        constant(&mut start, more_pages);
        start.extend_from_slice(&[0x40, 0, 0x1a]);
    }
    let mut from = 0;
    for (begin, end) in runs {
        constant(&mut start, *begin);
        constant(&mut start, from);
        constant(&mut start, end - begin);
        start.extend_from_slice(&[0xfc, 8, 0, 0]);
        from += end - begin;
    }
    start.extend_from_slice(&[0xfc, 9, 0, 0x0b]);
    let mut body = Vec::new();
    unsigned(&mut body, exports + 1);
    unsigned(&mut body, start.len());
    body.extend_from_slice(&start);
    for index in 0..exports {
        let mut trampoline = vec![0];
        constant(&mut trampoline, index);
        trampoline.extend_from_slice(&[0x10, 0, 0x0b]);
        unsigned(&mut body, trampoline.len());
        body.extend_from_slice(&trampoline);
    }
    body
}

/// One passive segment.
fn data(runs: &[(usize, usize)], image: &[u8]) -> Vec<u8> {
    let mut body = vec![1, 1];
    unsigned(&mut body, runs.iter().map(|(begin, end)| end - begin).sum());
    for (begin, end) in runs {
        body.extend_from_slice(image.get(*begin..*end).unwrap_or_default());
    }
    body
}

fn section(module: &mut Vec<u8>, id: u8, body: &[u8]) {
    module.push(id);
    unsigned(module, body.len());
    module.extend_from_slice(body);
}

fn string(out: &mut Vec<u8>, text: &str) {
    unsigned(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// `i32.const`; an address above 2 GB is a negative number.
fn constant(out: &mut Vec<u8>, value: usize) {
    out.push(0x41);
    let mut rest = u32::try_from(value).unwrap_or(u32::MAX).cast_signed();
    loop {
        let byte = (rest & 0x7f).to_le_bytes()[0];
        rest >>= 7;
        let is_last = (rest == 0 && byte & 0x40 == 0) || (rest == -1 && byte & 0x40 != 0);
        if is_last {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

/// Unsigned LEB128.
fn unsigned(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = (value & 0x7f).to_le_bytes()[0];
        value >>= 7;
        if value == 0 {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}
