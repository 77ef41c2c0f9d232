//! `alyx:host/memory`: bytes between blocks and the guest's own memory in one call, where Extism's functions move eight.

use crate::host::Host;
use crate::outcome::abuse;
use crate::state::State;
use wasmtime::{Caller, Extern, Linker};

/// The module's name.
pub(crate) const NAMESPACE: &str = "alyx:host/memory";

/// Defines the function `name`; false when there is none of that name.
pub(crate) fn define<H: Host>(linker: &mut Linker<State<H>>, namespace: &str, name: &str) -> wasmtime::Result<bool> {
    let direction = match name {
        "load" => Direction::Load,
        "store" => Direction::Store,
        _ => return Ok(false),
    };
    linker.func_wrap(
        namespace,
        name,
        move |caller: Caller<'_, State<H>>, offset: u64, address: u32, length: u32| {
            copy(caller, direction, offset, address, length)
        },
    )?;
    Ok(true)
}

#[derive(Clone, Copy)]
enum Direction {
    /// From a block to the guest.
    Load,
    /// From the guest to a block.
    Store,
}

fn copy<H: Host>(
    mut caller: Caller<'_, State<H>>,
    direction: Direction,
    offset: u64,
    address: u32,
    length: u32,
) -> wasmtime::Result<()> {
    if length == 0 {
        return Ok(());
    }
    // While the instance is being made its memory has to be looked up.
    let known = caller.data().memory;
    let found = known.or_else(|| caller.get_export("memory").and_then(Extern::into_memory));
    let Some(memory) = found else {
        return Err(abuse(format!("a module that imports from \"{NAMESPACE}\" must export its memory as \"memory\"")));
    };
    let (guest, state) = memory.data_and_store_mut(&mut caller);
    let outside = |whose: &str| abuse(format!("{length} bytes to move are not all inside of {whose} memory"));
    let (Ok(start), Ok(count)) = (usize::try_from(address), usize::try_from(length)) else {
        return Err(outside("the guest's"));
    };
    let guest = guest.get_mut(start..).and_then(|rest| rest.get_mut(..count)).ok_or_else(|| outside("the guest's"))?;
    // Null is no block, though there is memory at its place.
    let block = Some(offset).filter(|offset| *offset > 0).and_then(|offset| state.kernel.range_mut(offset, count));
    let block = block.ok_or_else(|| outside("the host's"))?;
    match direction {
        Direction::Load => guest.copy_from_slice(block),
        Direction::Store => block.copy_from_slice(guest),
    }
    Ok(())
}
