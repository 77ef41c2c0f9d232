//! The three standard streams: input is empty, output and errors become log lines.

use super::answer;
use super::guest::{Errno, Memory, Stopped, element};
use crate::host::{Host, LogLevel};
use crate::state::State;
use wasmtime::{Caller, Linker};

/// Buffers of one call that are looked at.
const MAX_BUFFERS: u32 = 1024;
/// Bytes that one write takes; the guest's library writes the rest in its next call.
const MAX_WRITE_BYTES: u32 = 64 << 10;
/// A line is cut here.
const MAX_LINE_BYTES: usize = 8 << 10;

const STDIN: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// What the guest has written and not ended with a newline.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Streams {
    fn line(&mut self, fd: u32) -> &mut Vec<u8> {
        if fd == STDERR { &mut self.err } else { &mut self.out }
    }

    fn is_empty(&self) -> bool {
        self.out.is_empty() && self.err.is_empty()
    }
}

impl<H: Host> State<H> {
    /// Logs lines that no newline ended; at the end of a call.
    pub(crate) fn flush_streams(&mut self) {
        if self.streams.is_empty() {
            return;
        }
        for fd in [STDOUT, STDERR] {
            self.end_line(fd);
        }
    }

    fn end_line(&mut self, fd: u32) {
        let mut line = std::mem::take(self.streams.line(fd));
        if !line.is_empty() {
            self.log(level(fd), String::from_utf8_lossy(&line).trim_end_matches('\r'));
        }
        line.clear();
        *self.streams.line(fd) = line;
    }

    fn write_stream(&mut self, fd: u32, bytes: &[u8]) {
        if !self.logs(level(fd)) {
            return;
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = part.strip_suffix(b"\n").map_or((part, false), |text| (text, true));
            let line = self.streams.line(fd);
            let room = MAX_LINE_BYTES.saturating_sub(line.len()).min(text.len());
            let (kept, dropped) = text.split_at(room);
            line.extend_from_slice(kept);
            let dropped = u64::try_from(dropped.len()).unwrap_or(u64::MAX);
            self.usage.log_dropped_bytes = self.usage.log_dropped_bytes.saturating_add(dropped);
            if ended {
                self.end_line(fd);
            }
        }
    }
}

fn level(fd: u32) -> LogLevel {
    if fd == STDERR { LogLevel::Warn } else { LogLevel::Info }
}

pub(super) fn define<H: Host>(linker: &mut Linker<State<H>>, ns: &str, name: &str) -> wasmtime::Result<bool> {
    type Env<'a, H> = Caller<'a, State<H>>;
    match name {
        "fd_write" => linker.func_wrap(ns, name, |env: Env<'_, H>, fd: u32, list: u32, count: u32, written: u32| {
            answer(env, |memory, state| fd_write(memory, state, fd, (list, count), written))
        })?,
        "fd_read" => linker.func_wrap(ns, name, |env: Env<'_, H>, fd: u32, _: u32, _: u32, read: u32| {
            answer(env, |memory, _| {
                known(fd)?;
                if fd != STDIN {
                    return Err(Errno::BadFile.into());
                }
                Ok(memory.put_u32(read, 0)?)
            })
        })?,
        "fd_close" => linker.func_wrap(ns, name, |fd: u32| known(fd).err().unwrap_or(Errno::Success).code())?,
        "fd_seek" => linker
            .func_wrap(ns, name, |fd: u32, _: u64, _: u32, _: u32| known(fd).err().unwrap_or(Errno::NoSeek).code())?,
        "fd_fdstat_get" => linker.func_wrap(ns, name, |env: Env<'_, H>, fd: u32, into: u32| {
            answer(env, |memory, _| fd_fdstat_get(memory, fd, into))
        })?,
        "fd_filestat_get" => linker.func_wrap(ns, name, |env: Env<'_, H>, fd: u32, into: u32| {
            answer(env, |memory, _| {
                known(fd)?;
                let mut stat = [0; 64];
                stat[16] = CHARACTER_DEVICE;
                Ok(memory.put(into, &stat)?)
            })
        })?,
        _ => return Ok(false),
    };
    Ok(true)
}

const CHARACTER_DEVICE: u8 = 2;
const RIGHT_READ: u64 = 1 << 1;
const RIGHT_WRITE: u64 = 1 << 6;

fn known(fd: u32) -> Result<(), Errno> {
    if fd <= STDERR { Ok(()) } else { Err(Errno::BadFile) }
}

fn fd_fdstat_get(memory: &mut Memory<'_>, fd: u32, into: u32) -> Result<(), Stopped> {
    known(fd)?;
    let rights = if fd == STDIN { RIGHT_READ } else { RIGHT_WRITE };
    memory.put(into, &[0; 24])?;
    memory.put(into, &[CHARACTER_DEVICE])?;
    Ok(memory.put_u64(into.saturating_add(8), rights)?)
}

fn fd_write<H: Host>(
    memory: &mut Memory<'_>,
    state: &mut State<H>,
    fd: u32,
    (list, count): (u32, u32),
    written: u32,
) -> Result<(), Stopped> {
    known(fd)?;
    if fd == STDIN {
        return Err(Errno::BadFile.into());
    }
    if count > MAX_BUFFERS {
        return Err(Errno::Invalid.into());
    }
    let mut left = MAX_WRITE_BYTES;
    for index in 0..count {
        let buffer = element(list, index, 8)?;
        let start = memory.u32(buffer)?;
        let length = memory.u32(element(buffer, 1, 4)?)?;
        let taken = length.min(left);
        state.write_stream(fd, memory.bytes(start, taken)?);
        left -= taken;
        if left == 0 {
            break;
        }
    }
    Ok(memory.put_u32(written, MAX_WRITE_BYTES - left)?)
}
