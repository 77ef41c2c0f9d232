//! Turns bytes into valid modules: reads a module of importable functions, then one request after the other, each a
//! length (four bytes, little endian) and as many bytes; answers in the same form.

use std::io::{BufReader, ErrorKind, Read, Result, Write};

use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

fn main() -> Result<()> {
    let mut requests = BufReader::new(std::io::stdin().lock());
    let mut answers = std::io::stdout().lock();
    let importable = read(&mut requests)?;
    loop {
        let seed = match read(&mut requests) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            seed => seed?,
        };
        let module = module(&seed, &importable).unwrap_or_default();
        answers.write_all(&u32::try_from(module.len()).map_err(std::io::Error::other)?.to_le_bytes())?;
        answers.write_all(&module)?;
        answers.flush()?;
    }
}

fn read(from: &mut impl Read) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A valid module, unless the bytes do not last; what guests may use is `FEATURES` in crates/runtime/src/engine.rs.
fn module(seed: &[u8], importable: &[u8]) -> arbitrary::Result<Vec<u8>> {
    let mut choices = Unstructured::new(seed);
    // Half of the modules talk to the host.
    let talks = choices.arbitrary::<bool>()?;
    let references = choices.ratio(1, 8)?;
    let config = Config {
        available_imports: talks.then(|| importable.to_vec()),
        max_imports: if talks { 20 } else { 0 },
        bulk_memory_enabled: true,
        export_everything: true,
        // Tables and memories a little over what is allowed, so that the bounds are met from both sides.
        max_memories: 1,
        max_memory32_bytes: 8 << 20,
        max_table_elements: 4_000,
        max_tables: 4,
        multi_value_enabled: true,
        // With them come references that guests may not use.
        reference_types_enabled: references,
        simd_enabled: true,
        tail_call_enabled: true,
        extended_const_enabled: true,
        acquire_release_atomics_enabled: false,
        compact_imports_enabled: false,
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        multibyte_array_access_enabled: false,
        relaxed_simd_enabled: false,
        shared_everything_threads_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    };
    Ok(Module::new(config, &mut choices)?.to_bytes())
}
