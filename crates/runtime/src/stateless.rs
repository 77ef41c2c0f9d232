//! Finds the exports that cannot change an instance, by reading the code.
//!
//! A function is stateless when no instruction that writes memory, tables, globals or segments, no import and no call
//! through a table is reachable from it. The answer errs on the side of "no".

use wasmparser::{BinaryReaderError, FunctionBody, Operator};

/// The code of one module, as far as this question goes.
#[derive(Debug, Default)]
pub(crate) struct CallGraph {
    imported: usize,
    bodies: Vec<Body>,
}

#[derive(Debug, Default)]
struct Body {
    writes: bool,
    callees: Vec<u32>,
}

impl CallGraph {
    /// Counts an imported function; all of them come before the first body.
    pub(crate) fn import(&mut self) {
        self.imported += 1;
    }

    /// Reads the body of the next defined function.
    pub(crate) fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), BinaryReaderError> {
        let mut read = Body::default();
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() && !read.writes {
            match operators.read()? {
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    read.callees.push(function_index);
                }
                operator => read.writes = writes(&operator),
            }
        }
        read.callees.sort_unstable();
        read.callees.dedup();
        self.bodies.push(read);
        Ok(())
    }

    /// Says of every function (imported ones first) whether it is stateless.
    pub(crate) fn stateless(&self) -> Vec<bool> {
        let total = self.imported + self.bodies.len();
        let mut callers: Vec<Vec<usize>> = vec![Vec::new(); total];
        let mut clean = vec![true; total];
        let mut dirty: Vec<usize> = (0..self.imported).collect();
        for (position, body) in self.bodies.iter().enumerate() {
            let index = self.imported + position;
            if body.writes {
                dirty.push(index);
                continue;
            }
            for callee in &body.callees {
                if let Some(list) = usize::try_from(*callee).ok().and_then(|callee| callers.get_mut(callee)) {
                    list.push(index);
                }
            }
        }
        while let Some(index) = dirty.pop() {
            match clean.get_mut(index) {
                Some(state) if *state => *state = false,
                _ => continue,
            }
            if let Some(list) = callers.get_mut(index) {
                dirty.append(list);
            }
        }
        clean
    }
}

/// Whether an instruction other than a direct call may change state or leave the module.
fn writes(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::I32Store { .. }
            | O::I64Store { .. }
            | O::F32Store { .. }
            | O::F64Store { .. }
            | O::I32Store8 { .. }
            | O::I32Store16 { .. }
            | O::I64Store8 { .. }
            | O::I64Store16 { .. }
            | O::I64Store32 { .. }
            | O::V128Store { .. }
            | O::V128Store8Lane { .. }
            | O::V128Store16Lane { .. }
            | O::V128Store32Lane { .. }
            | O::V128Store64Lane { .. }
            | O::MemoryGrow { .. }
            | O::MemoryFill { .. }
            | O::MemoryCopy { .. }
            | O::MemoryInit { .. }
            | O::DataDrop { .. }
            | O::GlobalSet { .. }
            | O::TableSet { .. }
            | O::TableGrow { .. }
            | O::TableFill { .. }
            | O::TableCopy { .. }
            | O::TableInit { .. }
            | O::ElemDrop { .. }
            | O::CallIndirect { .. }
            | O::ReturnCallIndirect { .. }
            // Of proposals that the engine leaves off; named so that turning one on cannot make this wrong in silence.
            | O::CallRef { .. }
            | O::ReturnCallRef { .. }
            | O::MemoryDiscard { .. }
    )
}
