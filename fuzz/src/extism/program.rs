//! A program of host calls, and the guest that runs it.

use crate::bytes::Bytes;
use crate::functions::{EXTISM, Function, import};

/// Calls of one program.
const MAX_CALLS: usize = 64;
/// Registers of the interpreter.
const REGISTERS: usize = 16;

/// Functions that a program can call: Extism's, and one of the embedder that gives its request back.
pub(super) const ECHO: Function = ("db_query", "I", "I");

/// One call. An argument is a register, which may hold the offset of a block, and what is added to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) function: u8,
    pub(super) registers: [u8; 2],
    pub(super) addends: [u64; 2],
    pub(super) result: u8,
}

pub(super) fn function(number: u8) -> Function {
    EXTISM.get(usize::from(number)).copied().unwrap_or(ECHO)
}

/// Reads a program: six bytes a call, or more where an addend is large.
pub(super) fn read(bytes: &mut Bytes<'_>) -> Vec<Call> {
    let mut calls = Vec::new();
    while calls.len() < MAX_CALLS && !bytes.is_empty() {
        let function = bytes.byte();
        if function == u8::MAX {
            break;
        }
        let [registers, result] = bytes.array();
        calls.push(Call {
            function: function % (EXTISM.len() as u8 + 1),
            registers: [registers & 15, registers >> 4],
            addends: [addend(bytes), addend(bytes)],
            result: result & 15,
        });
    }
    calls
}

/// Mostly small numbers, and wild ones.
fn addend(bytes: &mut Bytes<'_>) -> u64 {
    match bytes.byte() {
        small @ 0..200 => u64::from(small),
        below @ 200..240 => u64::from(240 - below).wrapping_neg(),
        240..248 => u64::from(u16::from_le_bytes(bytes.array())),
        248..252 => u64::from(bytes.u32()),
        _ => u64::from_le_bytes(bytes.array()),
    }
}

impl Call {
    /// As the interpreter wants it.
    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        let [first, second] = self.registers;
        into.extend([self.function, first, second, self.result, 0, 0, 0, 0]);
        into.extend(self.addends.iter().flat_map(|addend| addend.to_le_bytes()));
    }
}

/// The interpreter's registers, for those who follow it from outside.
#[derive(Debug, Default)]
pub(super) struct Registers([u64; REGISTERS]);

impl Registers {
    pub(super) fn arguments(&self, call: &Call) -> [u64; 2] {
        let [first, second] = call.registers.map(|register| self.0[usize::from(register)]);
        [first.wrapping_add(call.addends[0]), second.wrapping_add(call.addends[1])]
    }

    pub(super) fn set(&mut self, call: &Call, value: u64) {
        self.0[usize::from(call.result)] = value;
    }
}

/// The guest: imports, a table of the functions in uniform dress, and the interpreter.
pub(super) fn guest() -> String {
    let mut imports: String = EXTISM.iter().map(|function| import("extism:host/env", *function)).collect();
    imports += &import("extism:host/user", ECHO);
    let all = || EXTISM.iter().chain([&ECHO]);
    let uniform: String = all().map(|function| dressed(*function)).collect();
    let names: String = all().map(|(name, ..)| format!(" $call_{name}")).collect();
    let interpreter = include_str!("interpreter.wat");
    let (head, rest) = interpreter.split_once("(memory").expect("the interpreter has a memory");
    format!("(module {imports}{head}(memory{rest}{uniform}(table funcref (elem{names})))")
}

/// A function as `(i64, i64) -> i64`.
fn dressed((name, params, results): Function) -> String {
    let arguments = ["(local.get 0)", "(local.get 1)"].into_iter().zip(params.chars());
    let arguments: String = arguments
        .map(
            |(argument, letter)| if letter == 'I' { argument.to_owned() } else { format!("(i32.wrap_i64 {argument})") },
        )
        .collect();
    let call = format!("(call ${name} {arguments})");
    let body = match results {
        "I" => call,
        "i" => format!("(i64.extend_i32_u {call})"),
        _ => format!("{call} (i64.const 0)"),
    };
    format!("(func $call_{name} (type $uniform) {body})\n")
}
