//! Keeps debug information within bounds, or leaves it out.
//!
//! It is unpacked whenever a guest traps, to name the source line. Each byte may become hundreds in memory, outside of
//! all limits and deaf to interrupts, so a module with much of it is compiled without.

use crate::error::Error;
use std::borrow::Cow;
use wasmparser::{Parser, Payload};

/// Most bytes of all `.debug_*` sections: the line tables of large programs, and some 0.2 s to unpack at worst.
const MAX_BYTES: usize = 4 << 20;
/// Bytes before the first section.
const HEADER_BYTES: usize = 8;

/// The module, without its debug information when that is too large.
pub(crate) fn bounded(wasm: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let mut without = wasm.get(..HEADER_BYTES).unwrap_or_default().to_vec();
    let (mut end, mut debug_bytes) = (HEADER_BYTES, 0_usize);
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let Some((_, content)) = payload.as_section() else { continue };
        // The section's number and length stand between the last one and its content.
        let section = wasm.get(end..content.end).unwrap_or_default();
        end = content.end;
        match &payload {
            Payload::CustomSection(custom) if custom.name().starts_with(".debug_") => debug_bytes += section.len(),
            _ => without.extend_from_slice(section),
        }
    }
    Ok(if debug_bytes > MAX_BYTES { Cow::Owned(without) } else { Cow::Borrowed(wasm) })
}
