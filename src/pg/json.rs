//! Datum → JSON text, as `to_jsonb` would show it: numbers without loss, times in ISO 8601, everything else as its
//! output function writes it. Used for arguments, rows of triggers and rows of queries alike.

use core::ffi::{c_char, c_int};

use pgrx::pg_sys;

use super::PgError;
use super::call::owned;
use super::catch::catch;
use super::datum::varlena_bytes;
use super::encoding::from_server;
use super::raw;

/// How values of one type are written.
#[derive(Clone, Debug)]
pub enum JsonKind {
    /// true or false.
    Bool,
    /// An integer of 2, 4 or 8 bytes.
    Int(u8),
    /// A float of 4 or 8 bytes; NaN and infinities as strings.
    Float(Output),
    /// Arbitrary precision, every digit kept; NaN and infinities as strings.
    Numeric,
    /// Text and its kin: the bytes are the string.
    Text,
    /// json: copied as it is.
    Json,
    /// jsonb: its text form.
    Jsonb,
    /// date, timestamp or timestamptz.
    DateTime(u32),
    /// An array of anything.
    Array,
    /// A row type.
    Composite,
    /// Whatever the type's output function writes, as a string.
    Other(Output),
}

/// A prepared output function.
#[derive(Clone)]
pub struct Output(pg_sys::FmgrInfo);

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Output({})", self.0.fn_oid.to_u32())
    }
}

impl JsonKind {
    /// The kind of a type; domains are written as their base type.
    pub fn of(r#type: u32) -> Result<Self, PgError> {
        // SAFETY: catalog look-ups that raise for an unknown type only.
        unsafe {
            let base = catch(|| raw::getBaseType(pg_sys::Oid::from(r#type)))?;
            Ok(match base {
                pg_sys::BOOLOID => Self::Bool,
                pg_sys::INT2OID => Self::Int(2),
                pg_sys::INT4OID => Self::Int(4),
                pg_sys::INT8OID => Self::Int(8),
                pg_sys::FLOAT4OID | pg_sys::FLOAT8OID => Self::Float(output(base)?),
                pg_sys::NUMERICOID => Self::Numeric,
                pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => Self::Text,
                pg_sys::JSONOID => Self::Json,
                pg_sys::JSONBOID => Self::Jsonb,
                pg_sys::DATEOID | pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => Self::DateTime(base.to_u32()),
                _ if pg_sys::type_is_array(base) => Self::Array,
                _ if pg_sys::type_is_rowtype(base) => Self::Composite,
                _ => Self::Other(output(base)?),
            })
        }
    }
}

unsafe fn output(r#type: pg_sys::Oid) -> Result<Output, PgError> {
    // SAFETY: the FmgrInfo is filled before it is read; its memory is TopMemoryContext, because kinds are cached.
    unsafe {
        let mut function = pg_sys::InvalidOid;
        let mut is_varlena = false;
        let mut info = pg_sys::FmgrInfo::default();
        catch(|| {
            raw::getTypeOutputInfo(r#type, &mut function, &mut is_varlena);
            raw::fmgr_info_cxt(function, &mut info, pg_sys::TopMemoryContext);
        })?;
        Ok(Output(info))
    }
}

/// Appends JSON to a buffer.
pub struct JsonWriter<'a> {
    out: &'a mut Vec<u8>,
    limit: usize,
}

impl<'a> JsonWriter<'a> {
    /// Writes to the end of `out`, which may grow to about `limit` bytes.
    pub fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        Self { out, limit }
    }

    /// One value that is not NULL.
    pub(super) fn value(&mut self, kind: &JsonKind, datum: pg_sys::Datum) -> Result<(), PgError> {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "a Datum carries the bits of the value"
        )]
        match kind {
            JsonKind::Bool => self.push(if datum.value() as u8 != 0 { b"true" } else { b"false" })?,
            JsonKind::Int(2) => self.integer(i64::from(datum.value() as i16)),
            JsonKind::Int(4) => self.integer(i64::from(datum.value() as i32)),
            JsonKind::Int(_) => self.integer(datum.value() as i64),
            // SAFETY: the kind says what the datum is, here and below.
            JsonKind::Float(output) => self.number(unsafe { output_bytes(output, datum)? })?,
            // SAFETY: as above.
            JsonKind::Numeric => self.number(unsafe { c_function_bytes(raw::numeric_out, datum)? })?,
            JsonKind::Text => {
                // SAFETY: as above; the detoasted bytes live until the context is reset, after this call.
                let bytes = unsafe { varlena_bytes(datum)? };
                self.string(&from_server(bytes)?)?;
            }
            JsonKind::Json => {
                // SAFETY: as above.
                let bytes = unsafe { varlena_bytes(datum)? };
                self.push(&from_server(bytes)?)?;
            }
            JsonKind::Jsonb => self.jsonb(datum)?,
            JsonKind::DateTime(r#type) => self.date_time(datum, pg_sys::Oid::from(*r#type))?,
            // SAFETY: as above.
            JsonKind::Array => self.push(&from_server(unsafe { json_function(raw::array_to_json, datum)? })?)?,
            // SAFETY: as above.
            JsonKind::Composite => self.push(&from_server(unsafe { json_function(raw::row_to_json, datum)? })?)?,
            JsonKind::Other(output) => {
                // SAFETY: as above.
                let bytes = unsafe { output_bytes(output, datum)? };
                self.string(&from_server(bytes)?)?;
            }
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// Forgets what was written since there were `length` bytes.
    pub(super) fn back_to(&mut self, length: usize) {
        self.out.truncate(length);
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), PgError> {
        self.make_room(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn string(&mut self, bytes: &[u8]) -> Result<(), PgError> {
        self.make_room(bytes.len())?;
        escape_within(bytes, self.out, self.limit);
        self.make_room(0)
    }

    fn make_room(&self, bytes: usize) -> Result<(), PgError> {
        if self.out.len().saturating_add(bytes) <= self.limit { Ok(()) } else { Err(too_large(self.limit)) }
    }

    pub(super) fn integer(&mut self, value: i64) {
        // Twenty bytes hold every i64 with its sign.
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = value.unsigned_abs();
        loop {
            at -= 1;
            #[allow(clippy::cast_possible_truncation, reason = "a digit")]
            let digit = (rest % 10) as u8;
            digits[at] = b'0' + digit;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            at -= 1;
            digits[at] = b'-';
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    fn number(&mut self, text: &[u8]) -> Result<(), PgError> {
        // JSON has no NaN and no infinity: to_jsonb writes these as strings.
        if text.iter().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.push(text)
        } else {
            self.string(text)
        }
    }

    fn date_time(&mut self, datum: pg_sys::Datum, r#type: pg_sys::Oid) -> Result<(), PgError> {
        let mut buffer = [0 as c_char; pg_sys::MAXDATELEN as usize + 1];
        // SAFETY: the buffer has the length that json.c itself uses (MAXDATELEN + 1).
        let text = unsafe {
            catch(|| raw::JsonEncodeDateTime(buffer.as_mut_ptr(), datum, r#type, std::ptr::null::<c_int>()))?;
            owned(buffer.as_ptr())
        };
        self.string(text.as_bytes())
    }
}

fn too_large(limit: usize) -> PgError {
    let mut error = PgError::new(
        super::SqlState::new(b"54000"),
        format!("value for a function is larger than its limit of {limit} bytes"),
    );
    error.hint = Some(
        "Pass fewer or smaller values; the limit is the setting alyx_functions.max_host_call for results of queries, and the function's memory for arguments and rows."
            .to_owned(),
    );
    error
}

/// Appends UTF-8 `bytes` as a JSON string.
pub fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    escape_within(bytes, out, usize::MAX);
}

/// The same, given up once `out` is larger than `limit`: a byte may become six.
fn escape_within(bytes: &[u8], out: &mut Vec<u8>, limit: usize) {
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut start = 0;
    let mut next = 0;
    while let Some(i) = special(bytes, next) {
        next = i + 1;
        let byte = bytes[i];
        let short: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            8 => b"\\b",
            12 => b"\\f",
            0..=31 => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[start..i]);
        if short.is_empty() {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        } else {
            out.extend_from_slice(short);
        }
        start = i + 1;
        if out.len() > limit {
            return;
        }
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

/// Where, from `start` on, the next byte is that a JSON string cannot hold as it is. Eight at a time: most text has none.
pub(super) fn special(bytes: &[u8], start: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    // The lowest bit that is set belongs to the first byte below `least`; bits above it mean nothing.
    let below = |word: u64, least: u8| word.wrapping_sub(ONES * u64::from(least)) & !word & HIGHS;
    let is = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let mut at = start;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        let found = below(word, 0x20) | is(word, b'"') | is(word, b'\\');
        if found != 0 {
            return usize::try_from(found.trailing_zeros() / 8).ok().map(|byte| at + byte);
        }
        at += 8;
    }
    let is_special = |byte: &u8| *byte < 0x20 || matches!(*byte, b'"' | b'\\');
    bytes.get(at..)?.iter().position(is_special).map(|found| at + found)
}

/// What a type's output function writes, in the current memory context.
unsafe fn output_bytes<'a>(output: &Output, datum: pg_sys::Datum) -> Result<&'a [u8], PgError> {
    let mut info = super::datum::for_one_call(&output.0);
    // SAFETY: the caller pairs the output function with a datum of its type; it returns a NUL-terminated string.
    unsafe {
        let text = catch(|| raw::OutputFunctionCall(&mut info, datum))?;
        Ok(core::ffi::CStr::from_ptr(text).to_bytes())
    }
}

type CFunction = unsafe extern "C-unwind" fn(pg_sys::FunctionCallInfo) -> pg_sys::Datum;

pub(super) unsafe fn c_function_bytes<'a>(function: CFunction, datum: pg_sys::Datum) -> Result<&'a [u8], PgError> {
    // SAFETY: the caller pairs an output function with a datum of its type.
    unsafe {
        let text = catch(|| raw::DirectFunctionCall1Coll(function, pg_sys::InvalidOid, datum))?;
        Ok(core::ffi::CStr::from_ptr(text.cast_mut_ptr()).to_bytes())
    }
}

unsafe fn json_function<'a>(function: CFunction, datum: pg_sys::Datum) -> Result<&'a [u8], PgError> {
    // SAFETY: array_to_json and row_to_json return json, a varlena.
    unsafe {
        let json = catch(|| raw::DirectFunctionCall1Coll(function, pg_sys::InvalidOid, datum))?;
        varlena_bytes(json)
    }
}
