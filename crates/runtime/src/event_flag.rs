//! How a guest learns whether its input is an event or plain bytes, without a call: a module that exports the address of
//! an i32 under the name `alyx_event`, beside its memory, finds 1 there when its input is an event, else 0.
//!
//! Such an export is what C compilers make of an exported variable: a constant global that holds its address.

use wasmparser::{BinaryReaderError, Export, ExternalKind, GlobalSectionReader, Operator};

/// The name of the exported address.
const NAME: &str = "alyx_event";

/// What the sections of a module say about it, in their order.
#[derive(Debug, Default)]
pub(crate) struct EventFlag {
    /// Values of the module's own globals, where they are constant addresses. Imported globals do not exist.
    globals: Vec<Option<u32>>,
    index: Option<u32>,
    has_memory: bool,
}

impl EventFlag {
    pub(crate) fn globals(&mut self, section: GlobalSectionReader<'_>) -> Result<(), BinaryReaderError> {
        for global in section {
            let global = global?;
            let mut code = global.init_expr.get_operators_reader();
            let value = match code.read()? {
                Operator::I32Const { value } if !global.ty.mutable => Some(value.cast_unsigned()),
                _ => None,
            };
            self.globals.push(value);
        }
        Ok(())
    }

    pub(crate) fn export(&mut self, export: &Export<'_>) {
        match (export.kind, export.name) {
            (ExternalKind::Global, NAME) => self.index = Some(export.index),
            (ExternalKind::Memory, "memory") => self.has_memory = true,
            _ => {}
        }
    }

    /// The address, where the module has told it.
    pub(crate) fn address(&self) -> Option<u32> {
        let index = usize::try_from(self.index?).ok()?;
        self.globals.get(index).copied().flatten().filter(|_| self.has_memory)
    }
}
