//! Bounds on the shape of a function body, so that compiling it takes time in proportion to its size.
//!
//! The compiler's cost grows faster than the code for a few shapes that no toolchain produces: loops nested by the
//! thousand, tens of thousands of branches in one function, functions by the hundred thousand, table entries that need
//! startup code. Compiling cannot be interrupted, so they are refused first.

use crate::error::Error;
use wasmparser::{ConstExpr, Element, ElementItems, ElementKind, FunctionBody, Operator};

/// Loops inside each other. Compilers stop at a few dozen.
const MAX_LOOP_DEPTH: u64 = 100;
/// Blocks inside each other: a switch of n cases is n blocks.
const MAX_DEPTH: u64 = 4_000;
/// Blocks, loops and ifs of one function. Interpreters' main loops have some thousands.
const MAX_BLOCKS: u64 = 10_000;
/// Branches of one function: each may make the block that it leaves wider, for all the others.
const MAX_BRANCHES: u64 = 20_000;
/// Functions of one module: an empty one costs as much as some hundred bytes of code.
const MAX_FUNCTIONS: u64 = 50_000;
/// Table entries that code stores one by one when an instance starts. Toolchains lay theirs down as data.
const MAX_STARTUP_ENTRIES: u64 = 1_000;

/// Refuses a body that would take out of proportion long to compile.
pub(crate) fn check(body: &FunctionBody<'_>) -> Result<(), Error> {
    let mut operators = body.get_operators_reader()?;
    // Whether each open block is a loop.
    let mut open: Vec<bool> = Vec::new();
    let (mut loops, mut blocks, mut branches) = (0_u64, 0_u64, 0_u64);
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
            Operator::Br { .. } | Operator::BrIf { .. } | Operator::BrTable { .. } => {
                branches += 1;
                bound("number of branches in a function", branches, MAX_BRANCHES)?;
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

/// Refuses more functions than can be compiled in a time that somebody would wait.
pub(crate) fn functions(count: u32) -> Result<(), Error> {
    bound("number of functions", count.into(), MAX_FUNCTIONS)
}

/// Counts the entries of element segments that wasmtime cannot lay down in advance: from the first segment on that is
/// not a list of functions at a constant offset inside of its table, and every list of expressions.
#[derive(Debug, Default)]
pub(crate) struct Startup {
    /// Elements that each table begins with.
    tables: Vec<u64>,
    entries: u64,
    is_dynamic: bool,
}

impl Startup {
    /// Enters the next table.
    pub(crate) fn table(&mut self, elements: u64) {
        self.tables.push(elements);
    }

    /// Enters the next segment.
    pub(crate) fn segment(&mut self, element: &Element<'_>) -> Result<(), Error> {
        let (count, is_expressions) = match &element.items {
            ElementItems::Functions(functions) => (u64::from(functions.count()), false),
            ElementItems::Expressions(_, expressions) => (expressions.count().into(), true),
        };
        if let ElementKind::Active { table_index, offset_expr } = &element.kind {
            let table = usize::try_from(table_index.unwrap_or(0)).ok().and_then(|index| self.tables.get(index));
            let end = constant(offset_expr)?.map(|start| start.saturating_add(count));
            let fits = end.zip(table).is_some_and(|(end, size)| end <= *size);
            self.is_dynamic |= is_expressions || !fits;
        }
        if is_expressions || self.is_dynamic {
            self.entries = self.entries.saturating_add(count);
        }
        bound("number of table entries that need startup code", self.entries, MAX_STARTUP_ENTRIES)
    }
}

fn constant(expression: &ConstExpr<'_>) -> Result<Option<u64>, Error> {
    let mut operators = expression.get_operators_reader();
    match (operators.read()?, operators.read()?) {
        (Operator::I32Const { value }, Operator::End) => Ok(Some(value.cast_unsigned().into())),
        _ => Ok(None),
    }
}

fn bound(what: &'static str, actual: u64, limit: u64) -> Result<(), Error> {
    if actual > limit { Err(Error::TooComplex { what, limit }) } else { Ok(()) }
}
