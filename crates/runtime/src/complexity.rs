//! Bounds on the shape of a function body, so that compiling it takes time in proportion to its size.
//!
//! The compiler's cost grows faster than the code for a few shapes that no toolchain produces: loops nested by the
//! thousand, tens of thousands of branches in one function. Compiling cannot be interrupted, so they are refused first.

use crate::error::Error;
use wasmparser::{FunctionBody, Operator};

/// Loops inside each other. Compilers stop at a few dozen.
const MAX_LOOP_DEPTH: u64 = 100;
/// Blocks inside each other: a switch of n cases is n blocks.
const MAX_DEPTH: u64 = 4_000;
/// Blocks, loops and ifs of one function. Interpreters' main loops have some thousands.
const MAX_BLOCKS: u64 = 10_000;

/// Refuses a body that would take out of proportion long to compile.
pub(crate) fn check(body: &FunctionBody<'_>) -> Result<(), Error> {
    let mut operators = body.get_operators_reader()?;
    // Whether each open block is a loop.
    let mut open: Vec<bool> = Vec::new();
    let (mut loops, mut blocks) = (0_u64, 0_u64);
    while !operators.eof() {
        match operators.read()? {
            Operator::Block { .. } | Operator::If { .. } => open.push(false),
            Operator::Loop { .. } => {
                open.push(true);
                loops += 1;
            }
            Operator::End => {
                loops -= u64::from(open.pop().unwrap_or(false));
                continue;
            }
            _ => continue,
        }
        blocks += 1;
        let depth = u64::try_from(open.len()).unwrap_or(u64::MAX);
        bound("nesting of loops in a function", loops, MAX_LOOP_DEPTH)?;
        bound("nesting of blocks in a function", depth, MAX_DEPTH)?;
        bound("number of blocks in a function", blocks, MAX_BLOCKS)?;
    }
    Ok(())
}

fn bound(what: &'static str, actual: u64, limit: u64) -> Result<(), Error> {
    if actual > limit { Err(Error::TooComplex { what, limit }) } else { Ok(()) }
}
