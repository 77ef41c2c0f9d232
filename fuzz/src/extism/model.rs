//! What Extism's kernel must do, said a second time and as simply as it goes: a block is an entry in a map, memory a
//! list of bytes that grows by zeroes.

use std::collections::BTreeMap;

use alyx_runtime::{Failure, LimitKind, Limits, LogLevel};

use super::Ended;
use crate::double::{CONFIG, HTTP_BODY, HTTP_HEADERS, HTTP_STATUS};

/// What a variable or a block costs besides its bytes.
const COST: u64 = 32;
/// An error message is cut here; no block of these programs is as large as twice that.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// Exit code of a guest that trapped after it had set an error.
const TRAPPED: i32 = 134;

/// Why a call must stop the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// A block that is none, text that is none, variables that are full.
    Abuse,
    Limit(LimitKind),
}

/// One instance's kernel.
#[derive(Debug)]
pub(super) struct Model {
    limits: Limits,
    linear_bytes: u64,
    memory: Vec<u8>,
    /// Blocks that live: length by offset.
    blocks: BTreeMap<u64, u64>,
    /// How many blocks memory was divided into.
    made: u64,
    input: (u64, u64),
    output: Option<(u64, u64)>,
    error: u64,
    variables: BTreeMap<String, Vec<u8>>,
    http: Option<(u16, &'static [u8])>,
}

impl Model {
    pub(super) fn new(limits: &Limits, linear_bytes: u64) -> Self {
        Self {
            limits: limits.clone(),
            linear_bytes,
            memory: Vec::new(),
            blocks: BTreeMap::new(),
            made: 0,
            input: (0, 0),
            output: None,
            error: 0,
            variables: BTreeMap::new(),
            http: None,
        }
    }

    /// A new call: all is forgotten but variables and the last HTTP reply.
    pub(super) fn begin(&mut self, input: &[u8], offset: u64, memory: u64) {
        self.reset();
        self.grown(memory);
        self.filled(offset, input);
        self.input = (offset, input.len() as u64);
    }

    /// Whether the call must stop the guest, apart from running out of memory.
    pub(super) fn stops(&self, name: &str, first: u64, second: u64) -> Option<Stop> {
        let abuse = |bad: bool| bad.then_some(Stop::Abuse);
        match name {
            "config_get" | "var_get" => self.key(first).err(),
            "var_set" => self.key(first).err().or_else(|| {
                // The key's block is freed before the value's is looked at.
                let Some(value) = self.block(second).filter(|_| second == 0 || second != first) else {
                    return Some(Stop::Abuse);
                };
                let key = self.key(first).unwrap_or_default();
                if second != 0 && (key.len() + value.len()) as u64 + COST > self.room() {
                    return Some(Stop::Limit(LimitKind::Memory));
                }
                let mut variables = self.variables.clone();
                variables.insert(key, value.to_vec());
                abuse(second != 0 && held(&variables) > self.limits.var_bytes.into())
            }),
            "http_request" => match (self.block(first), self.block(second)) {
                (Some(request), Some(body)) => self.too_large(request.len() + body.len()),
                _ => Some(Stop::Abuse),
            },
            "db_query" => self.block(first).map_or(Some(Stop::Abuse), |request| self.too_large(request.len())),
            "log_debug" | "log_info" | "log_warn" | "log_error" => abuse(self.block(first).is_none()),
            "output_set" if self.contains(first, second) && second > self.limits.output_bytes.into() => {
                Some(Stop::Limit(LimitKind::Output))
            }
            _ => None,
        }
    }

    /// The line that the call logs.
    pub(super) fn line(&self, name: &str, first: u64) -> Option<(LogLevel, String)> {
        let level = match name {
            "log_debug" => LogLevel::Debug,
            "log_info" => LogLevel::Info,
            "log_warn" => LogLevel::Warn,
            "log_error" => LogLevel::Error,
            _ => return None,
        };
        self.block(first).map(|bytes| (level, String::from_utf8_lossy(bytes).into_owned()))
    }

    /// Judges what a call gave, and does to the model what it did to the kernel.
    pub(super) fn step(&mut self, name: &str, first: u64, second: u64, result: u64, memory: u64) {
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let expected = match name {
            "alloc" => return self.allocated(first, result, memory),
            "config_get" => {
                let key = self.take_key(first);
                let value = CONFIG.iter().find(|(known, _)| *known == key).map_or("", |(_, value)| value);
                return self.put(value.as_bytes(), result, memory);
            }
            "var_get" => {
                let key = self.take_key(first);
                let value = self.variables.get(&key).cloned().unwrap_or_default();
                return self.put(&value, result, memory);
            }
            "http_request" => {
                self.free(first);
                self.free(second);
                self.http = Some((HTTP_STATUS, HTTP_HEADERS));
                return self.put(HTTP_BODY, result, memory);
            }
            "http_headers" => return self.put(self.http.map_or(b"", |(_, headers)| headers), result, memory),
            "db_query" => {
                let request = self.block(first).unwrap_or_default().to_vec();
                return self.put(&request, result, memory);
            }
            "var_set" => {
                let key = self.take_key(first);
                let value = self.block(second).unwrap_or_default().to_vec();
                match second {
                    0 => self.variables.remove(&key),
                    _ => self.variables.insert(key, value),
                };
                self.free(second);
                0
            }
            "reset" => {
                self.reset();
                0
            }
            "free" | "log_trace" | "log_debug" | "log_info" | "log_warn" | "log_error" => {
                self.free(first);
                0
            }
            "length" | "length_unsafe" => self.blocks.get(&first).copied().unwrap_or(0),
            "load_u8" => number(self.range(first, 1)),
            "load_u64" => number(self.range(first, 8)),
            "input_load_u8" if first < self.input.1 => number(self.range(self.input.0 + first, 1)),
            "input_load_u64" if first.checked_add(8).is_some_and(|end| end <= self.input.1) => {
                number(self.range(self.input.0 + first, 8))
            }
            "input_load_u8" | "input_load_u64" => 0,
            "store_u8" => self.store(first, &second.to_le_bytes()[..1]),
            "store_u64" => self.store(first, &second.to_le_bytes()),
            "memory_bytes" => memory,
            "input_length" => self.input.1,
            "input_offset" => self.input.0,
            "output_length" => self.output.map_or(0, |output| output.1),
            "output_offset" => self.output.map_or(0, |output| output.0),
            "error_get" => self.error,
            "input_set" => {
                self.input = if self.contains(first, second) { (first, second) } else { self.input };
                0
            }
            "output_set" => {
                self.output = if self.contains(first, second) { Some((first, second)) } else { self.output };
                0
            }
            "error_set" => {
                self.error = first;
                0
            }
            "http_status_code" => self.http.map_or(0, |(status, _)| status.into()),
            "get_log_level" => 1,
            _ => unreachable!("{name} is not in the list"),
        };
        assert_eq!(result, expected, "{name}({first:#x}, {second:#x})");
        assert_eq!(memory, self.memory.len() as u64, "{name} has changed the size of memory");
    }

    /// Judges how the guest ended when it was stopped in a call.
    pub(super) fn stopped(&self, name: &str, arguments: [u64; 2], stops: Option<Stop>, ended: Ended) {
        let failure = ended.expect_err("the interpreter stopped early");
        let wanted = match stops {
            Some(Stop::Limit(what)) => Some(what),
            Some(Stop::Abuse) => None,
            // Only what allocates may find no room, and then there was none.
            None => {
                let bytes = match name {
                    "alloc" => arguments[0],
                    "var_get" | "db_query" => self.limits.host_call_bytes.into(),
                    "config_get" | "http_request" | "http_headers" => 64,
                    _ => panic!("{name}({arguments:#x?}) stopped the guest: {failure:?}"),
                };
                let most = bytes.saturating_add(bytes / 4).saturating_add(16 + COST);
                assert!(most > self.room(), "{name}({arguments:#x?}) found no room in {}: {failure:?}", self.room());
                Some(LimitKind::Memory)
            }
        };
        // The key's block has been freed when the value turns out to be none; it may have been that of the error.
        let is_error_gone = name == "var_set" && self.error == arguments[0] && self.key(arguments[0]).is_ok();
        match (wanted, self.error_text().filter(|_| !is_error_gone), failure) {
            (Some(what), _, Failure::Limit { what: met, .. }) if met == what => {}
            (None, Some(message), Failure::Guest { message: said, exit_code }) => {
                assert_eq!((said, exit_code), (message, TRAPPED));
            }
            (None, None, Failure::Trap { .. }) => {}
            (wanted, _, failure) => panic!("{name}({arguments:#x?}): {wanted:?} was due, not {failure:?}"),
        }
    }

    /// What a program that ran to its end gives.
    pub(super) fn outcome(&self) -> Ended {
        match self.error_text() {
            Some(message) => Err(Failure::Guest { message, exit_code: 0 }),
            None => Ok(self.output.map(|(offset, length)| self.range(offset, length).to_vec())),
        }
    }

    fn error_text(&self) -> Option<String> {
        let bytes = self.block(self.error).filter(|bytes| !bytes.is_empty())?;
        Some(String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_ERROR_BYTES)]).into_owned())
    }

    fn room(&self) -> u64 {
        let kernel = self.memory.len() as u64 + self.made * COST;
        self.limits.memory_bytes.saturating_sub(self.linear_bytes + kernel + held(&self.variables))
    }

    fn too_large(&self, bytes: usize) -> Option<Stop> {
        (bytes as u64 > self.limits.host_call_bytes.into()).then_some(Stop::Limit(LimitKind::HostCall))
    }

    fn block(&self, offset: u64) -> Option<&[u8]> {
        if offset == 0 {
            return Some(&[]);
        }
        self.blocks.get(&offset).map(|length| self.range(offset, *length))
    }

    /// Bytes of memory; none when they are not all inside of it.
    fn range(&self, offset: u64, length: u64) -> &[u8] {
        let end = usize::try_from(offset.saturating_add(length)).unwrap_or(usize::MAX);
        usize::try_from(offset).ok().and_then(|start| self.memory.get(start..end)).unwrap_or_default()
    }

    fn contains(&self, offset: u64, length: u64) -> bool {
        offset != 0 && offset.checked_add(length).is_some_and(|end| end <= self.memory.len() as u64)
    }

    fn key(&self, offset: u64) -> Result<String, Stop> {
        let bytes = self.block(offset).ok_or(Stop::Abuse)?;
        self.too_large(bytes.len()).map_or(Ok(()), Err)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| Stop::Abuse)
    }

    fn take_key(&mut self, offset: u64) -> String {
        let key = self.key(offset).expect("the call has gone well");
        self.free(offset);
        key
    }

    fn store(&mut self, offset: u64, bytes: &[u8]) -> u64 {
        if offset.checked_add(bytes.len() as u64).is_some_and(|end| end <= self.memory.len() as u64) {
            let start = offset as usize;
            self.memory[start..start + bytes.len()].copy_from_slice(bytes);
        }
        0
    }

    fn free(&mut self, offset: u64) {
        if self.blocks.remove(&offset).is_some() && offset == self.input.0 {
            self.input.1 = 0;
        }
    }

    fn reset(&mut self) {
        self.memory.clear();
        self.blocks.clear();
        self.made = 0;
        (self.input, self.output, self.error) = ((0, 0), None, 0);
    }

    fn grown(&mut self, memory: u64) {
        assert!(memory >= self.memory.len() as u64, "memory has shrunk to {memory}");
        self.made += u64::from(memory > self.memory.len() as u64);
        self.memory.resize(memory as usize, 0);
    }

    fn allocated(&mut self, length: u64, offset: u64, memory: u64) {
        self.grown(memory);
        assert_eq!(offset == 0, length == 0, "{length} bytes at {offset}");
        if length == 0 {
            return;
        }
        assert!(self.contains(offset, length), "{length} bytes at {offset} outside of {memory}");
        let before = self.blocks.range(..offset + length).next_back().map_or(0, |(start, length)| start + length);
        assert!(before <= offset, "{length} bytes at {offset} overlap a block that ends at {before}");
        self.blocks.insert(offset, length);
    }

    fn put(&mut self, bytes: &[u8], offset: u64, memory: u64) {
        self.allocated(bytes.len() as u64, offset, memory);
        self.store(offset, bytes);
    }

    fn filled(&mut self, offset: u64, bytes: &[u8]) {
        self.allocated(bytes.len() as u64, offset, self.memory.len() as u64);
        self.store(offset, bytes);
    }
}

fn held(variables: &BTreeMap<String, Vec<u8>>) -> u64 {
    variables.iter().map(|(key, value)| (key.len() + value.len()) as u64 + COST).sum()
}
