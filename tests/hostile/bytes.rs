//! Writes modules byte by byte, for shapes that no assembler makes: millions of entries, counts that lie, names that are no text.

/// A number as WebAssembly writes it.
pub fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Bytes with their length before them: a name, or a function body.
pub fn sized(bytes: &[u8]) -> Vec<u8> {
    [leb(bytes.len()), bytes.to_vec()].concat()
}

/// Sections by number.
pub const TYPE: u8 = 1;
pub const IMPORT: u8 = 2;
pub const FUNCTION: u8 = 3;
pub const TABLE: u8 = 4;
pub const MEMORY: u8 = 5;
pub const GLOBAL: u8 = 6;
pub const EXPORT: u8 = 7;
pub const START: u8 = 8;
pub const ELEMENT: u8 = 9;
pub const CODE: u8 = 10;
pub const DATA: u8 = 11;

/// A module in the making.
pub struct Wasm(Vec<u8>);

impl Wasm {
    /// The eight bytes that every module begins with.
    pub fn new() -> Wasm {
        Wasm(b"\0asm\x01\0\0\0".to_vec())
    }

    /// A section of this number, as it is.
    pub fn section(mut self, number: u8, content: &[u8]) -> Wasm {
        self.0.push(number);
        self.0.extend(sized(content));
        self
    }

    /// A section that holds the same entry so many times.
    pub fn repeated(self, number: u8, count: usize, entry: &[u8]) -> Wasm {
        self.section(number, &[leb(count), entry.repeat(count)].concat())
    }

    /// A section that holds these entries.
    pub fn entries(self, number: u8, entries: &[Vec<u8>]) -> Wasm {
        self.section(number, &[leb(entries.len()), entries.concat()].concat())
    }

    /// A custom section.
    pub fn custom(self, name: &[u8], content: &[u8]) -> Wasm {
        self.section(0, &[&sized(name), content].concat())
    }

    /// Types, functions and exports of one function `handler() -> i32`, number 0 of type 0; its body comes with [`Wasm::code`].
    pub fn handler() -> Wasm {
        Wasm::new().section(TYPE, b"\x01\x60\0\x01\x7f").section(FUNCTION, b"\x01\0").export(b"handler", 0)
    }

    /// The export section, of one function.
    pub fn export(self, name: &[u8], function: usize) -> Wasm {
        self.entries(EXPORT, &[[sized(name), vec![0], leb(function)].concat()])
    }

    /// The code section of one body: local declarations and instructions, without the final `end`.
    pub fn code(self, locals: &[u8], instructions: &[u8]) -> Wasm {
        self.entries(CODE, &[body(locals, instructions)])
    }

    /// The module.
    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

/// One function body.
pub fn body(locals: &[u8], instructions: &[u8]) -> Vec<u8> {
    sized(&[locals, instructions, b"\x0b"].concat())
}

/// No local variables.
pub const NO_LOCALS: &[u8] = b"\0";
/// `i32.const 0`: what a handler of ours gives when all is well.
pub const ZERO: &[u8] = b"\x41\0";
