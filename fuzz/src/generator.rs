//! wasm-smith, in a process of its own.
//!
//! As a dependency it would turn on a feature of `arbitrary`, which cranelift uses, too: the extension would be compiled
//! with what only its fuzzer needs. So the generator is a program with its own Cargo.lock (`fuzz/smith`), asked through a
//! pipe: lengths are four bytes, little endian, then as many bytes follow.

use std::io::{BufReader, Read, Result, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The generator at work; it ends when its input does.
pub(crate) struct Generator {
    process: Child,
    requests: ChildStdin,
    modules: BufReader<ChildStdout>,
}

impl Generator {
    /// Starts it; modules may import what `importable`, itself a module, imports.
    pub(crate) fn start(program: &Path, importable: &[u8]) -> Result<Self> {
        let mut process = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(mut requests), Some(modules)) = (process.stdin.take(), process.stdout.take()) else {
            unreachable!("both are pipes");
        };
        write(&mut requests, importable)?;
        Ok(Self { process, requests, modules: BufReader::new(modules) })
    }

    /// The module that `seed` stands for.
    pub(crate) fn module(&mut self, seed: &[u8]) -> Result<Vec<u8>> {
        write(&mut self.requests, seed)?;
        let mut length = [0; 4];
        self.modules.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(std::io::Error::other)?;
        let mut module = vec![0; length];
        self.modules.read_exact(&mut module)?;
        Ok(module)
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write(pipe: &mut ChildStdin, bytes: &[u8]) -> Result<()> {
    let length = u32::try_from(bytes.len()).map_err(std::io::Error::other)?;
    pipe.write_all(&length.to_le_bytes())?;
    pipe.write_all(bytes)?;
    pipe.flush()
}
