//! Calls of Extism's kernel with wild arguments, made by a real guest, against a model of what they must do.
//!
//! The input is one or two programs of calls for one instance. The guest (`interpreter.wat`) says after each call what
//! it gave; the model then knows whether that was right, and what the memory holds. What must hold: what was written is
//! read, blocks do not overlap, nothing is read from outside, the guest is stopped where the model says so and nowhere
//! else, and what it holds stays within its limits.

mod model;
mod program;

use alyx_runtime::{Error, Failure, Instance, Limits, LogLevel, Runtime, Sha256};

use crate::bytes::Bytes;
use crate::double::{Double, limits, runtime};
use model::Model;
use program::{Call, Registers};

thread_local! {
    static RUNTIME: Runtime<Double> = runtime();
    static GUEST: (Sha256, Vec<u8>) = {
        let wasm = wat::parse_str(program::guest()).expect("the interpreter assembles");
        (Sha256::of(&wasm), wasm)
    };
}

/// The guest's linear memory.
const LINEAR_BYTES: u64 = 64 << 10;

/// Room that a few calls can use up: for the memory of the interpreter, and one block of 192 KiB that just fits or not.
fn tight() -> Limits {
    // Log lines are how calls are followed: none may be cut.
    Limits { memory_bytes: (256 << 10) + 72, log_bytes: 256 << 20, ..limits() }
}

/// Takes the input as programs.
pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let programs = [program::read(&mut bytes), program::read(&mut bytes)];
    let module = RUNTIME.with(|runtime| {
        GUEST.with(|(sha256, wasm)| {
            runtime.load(sha256, || Ok::<_, Error>(wasm.clone())).expect("the interpreter loads")
        })
    });
    let limits = tight();
    let host = Double { patience: u32::MAX, ..Double::default() };
    let mut instance = module.instantiate(host, &limits).expect("the interpreter starts");
    let mut model = Model::new(&limits, LINEAR_BYTES);
    for program in programs {
        one(&mut instance, &mut model, &program);
        let used = instance.usage();
        assert!(used.memory_peak_bytes <= limits.memory_bytes, "{used:?}");
        if !instance.is_usable() {
            break;
        }
    }
}

fn one(instance: &mut Instance<Double>, model: &mut Model, program: &[Call]) {
    let mut code = Vec::new();
    program.iter().for_each(|call| call.encode(&mut code));
    let run = instance.function("run").expect("the interpreter's export");
    let ended = instance.call(run, &code).map(|output| output.map(<[u8]>::to_vec));
    let mut said = std::mem::take(&mut instance.host_mut().log).into_iter();
    let (offset, memory) = numbers(said.next().expect("the interpreter says where its input is"));
    model.begin(&code, offset, memory);
    let mut registers = Registers::default();
    for call in program {
        let (name, ..) = program::function(call.function);
        let [first, second] = registers.arguments(call);
        let stops = model.stops(name, first, second);
        if let Some(line) = model.line(name, first) {
            // A call that logs has done so before the interpreter speaks.
            assert_eq!(said.next(), Some(line), "{name}({first:#x})");
        }
        match said.next() {
            Some(line) => {
                let (result, memory) = numbers(line);
                assert_eq!(stops, None, "{name}({first:#x}, {second:#x}) gave {result:#x}");
                model.step(name, first, second, result, memory);
                registers.set(call, result);
            }
            None => return model.stopped(name, [first, second], stops, ended),
        }
    }
    assert_eq!(said.next(), None);
    assert_eq!(ended, model.outcome());
}

/// Result of a call and size of the memory, as the interpreter has said them.
fn numbers((level, line): (LogLevel, String)) -> (u64, u64) {
    assert_eq!(level, LogLevel::Warn, "{line:?}");
    let (result, memory) = line.split_at(16);
    let number = |digits: &str| u64::from_str_radix(digits, 16).expect("hexadecimal digits");
    (number(result), number(memory))
}

/// How the interpreter ends.
type Ended = Result<Option<Vec<u8>>, Failure<String>>;
