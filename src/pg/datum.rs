//! JSON and text → Datum, through the type's own input function, and the few raw forms the rest of the room needs.

use core::ffi::c_char;
use std::ffi::CString;

use pgrx::pg_sys;
use serde_json::value::RawValue;

use super::call::{TypeId, owned, quote_identifier};
use super::catch::catch;
use super::encoding::{from_server, to_server};
use super::error::SqlState;
use super::{PgError, raw, spi};

/// The bytes of a varlena, detoasted into the current memory context.
///
/// # Safety
/// `datum` is a varlena; the slice is valid until its memory context is reset.
pub(super) unsafe fn varlena_bytes<'a>(datum: pg_sys::Datum) -> Result<&'a [u8], PgError> {
    // SAFETY: the caller's contract; a packed varlena has its length in its header.
    unsafe {
        let plain = catch(|| raw::pg_detoast_datum_packed(datum.cast_mut_ptr()))?;
        Ok(pgrx::varlena_to_byte_slice(plain))
    }
}

pub(super) fn append_varlena(datum: pg_sys::Datum, is_binary: bool, out: &mut Vec<u8>) -> Result<(), PgError> {
    // SAFETY: called for arguments whose declared type is text, bytea or json: all varlena.
    let bytes = unsafe { varlena_bytes(datum)? };
    if is_binary {
        out.extend_from_slice(bytes);
    } else {
        out.extend_from_slice(&from_server(bytes)?);
    }
    Ok(())
}

/// A new text value.
pub(super) fn text(text: &str) -> Result<pg_sys::Datum, PgError> {
    varlena(&to_server(text.as_bytes())?)
}

/// A new varlena with these bytes.
pub(super) fn varlena(bytes: &[u8]) -> Result<pg_sys::Datum, PgError> {
    // The size of a varlena, header included, is kept in 30 bits.
    if bytes.len() > 0x3FFF_FFFF - 4 {
        return Err(PgError::new(SqlState::new(b"54000"), "value is larger than 1 GB"));
    }
    // SAFETY: palloc gives len + 4 bytes; the header is set before the payload is copied behind it.
    unsafe {
        let size = bytes.len() + pg_sys::VARHDRSZ;
        let value = pg_sys::palloc(size).cast::<pg_sys::varlena>();
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "bounded above")]
        pgrx::set_varsize_4b(value, size as i32);
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), value.cast::<u8>().add(pg_sys::VARHDRSZ), bytes.len());
        Ok(pg_sys::Datum::from(value))
    }
}

/// json or jsonb from its text, checked.
pub(super) fn json_from_text(text: &[u8], r#type: TypeId) -> Result<pg_sys::Datum, PgError> {
    if r#type == TypeId::JSONB
        && let Some(value) = super::jsonb_build::build(text)?
    {
        return Ok(value);
    }
    let text = c_string(text)?;
    let input = if r#type == TypeId::JSONB { raw::jsonb_in } else { raw::json_in };
    // SAFETY: both input functions take a C string.
    unsafe {
        catch(|| raw::DirectFunctionCall1Coll(input, pg_sys::InvalidOid, pg_sys::Datum::from(text.as_ptr().cast_mut())))
    }
}

/// UTF-8 as a C string of the server.
pub(super) fn c_string(text: &[u8]) -> Result<CString, PgError> {
    CString::new(to_server(text)?)
        .map_err(|_| PgError::new(SqlState::new(b"22021"), "invalid byte sequence for encoding \"UTF8\": 0x00"))
}

/// The name of a type, qualified and quoted as SQL text needs it.
pub fn type_name(r#type: u32, typmod: i32) -> Result<String, PgError> {
    // SAFETY: returns a palloc'd string.
    unsafe {
        let flags = pg_sys::FORMAT_TYPE_FORCE_QUALIFY | pg_sys::FORMAT_TYPE_TYPEMOD_GIVEN;
        #[allow(clippy::cast_possible_truncation, reason = "two flag bits")]
        let name = catch(|| raw::format_type_extended(pg_sys::Oid::from(r#type), typmod, flags as _))?;
        Ok(owned(name))
    }
}

/// The `(quoted name, type)` pairs of a row, as a column definition list needs them.
pub(super) fn describe(descriptor: pg_sys::TupleDesc) -> Result<Vec<(String, String)>, PgError> {
    // SAFETY: the caller got the descriptor from Postgres for the current call.
    let shape = unsafe { super::row::RowShape::of(descriptor)? };
    let live = shape.columns.iter().filter(|column| !column.name.is_empty());
    live.map(|column| Ok((quote_identifier(&column.name), type_name(column.r#type, column.typmod)?))).collect()
}

/// A prepared way from JSON values to values of one SQL type.
pub struct FromJson {
    r#type: pg_sys::Oid,
    typmod: i32,
    io_param: pg_sys::Oid,
    input: pg_sys::FmgrInfo,
    form: Form,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// integer and bigint, which JSON writes as their output functions do.
    Int4,
    Int8,
    /// text: a string's characters.
    Text,
    /// json and jsonb: the value's own text.
    Json,
    /// Arrays and row types: taken apart by Postgres' json_to_record.
    Structured,
    /// Everything else: the text of a scalar goes through the input function.
    Plain,
}

impl FromJson {
    /// Looks the type up.
    pub fn of(r#type: u32, typmod: i32) -> Result<Self, PgError> {
        let oid = pg_sys::Oid::from(r#type);
        let mut function = pg_sys::InvalidOid;
        let mut io_param = pg_sys::InvalidOid;
        let mut input = pg_sys::FmgrInfo::default();
        // SAFETY: out parameters live across the calls; the FmgrInfo outlives the transaction in TopMemoryContext.
        let base = unsafe {
            catch(|| {
                raw::getTypeInputInfo(oid, &mut function, &mut io_param);
                raw::fmgr_info_cxt(function, &mut input, pg_sys::TopMemoryContext);
                raw::getBaseType(oid)
            })?
        };
        // SAFETY: catalog look-ups by a valid type.
        let structured = unsafe { pg_sys::type_is_array(base) || pg_sys::type_is_rowtype(base) };
        let form = match base {
            pg_sys::JSONOID | pg_sys::JSONBOID => Form::Json,
            // A domain has constraints, which its input function asks.
            pg_sys::INT4OID if oid == base => Form::Int4,
            pg_sys::INT8OID if oid == base => Form::Int8,
            pg_sys::TEXTOID if oid == base => Form::Text,
            _ if structured => Form::Structured,
            _ => Form::Plain,
        };
        Ok(Self { r#type: oid, typmod, io_param, input, form })
    }

    /// The value, or `None` for NULL. `null` is SQL NULL for every type.
    pub(super) fn datum(&self, json: &RawValue) -> Result<Option<pg_sys::Datum>, PgError> {
        let text = json.get().trim();
        if text == "null" {
            // A domain may forbid NULL: its input function decides.
            return self.input(None).map(|_| None);
        }
        match (self.form, text.as_bytes().first()) {
            (Form::Json, _) if self.r#type == pg_sys::JSONBOID => {
                json_from_text(text.as_bytes(), TypeId::JSONB).map(Some)
            }
            (Form::Json, _) => self.input(Some(text.as_bytes())).map(Some),
            (form, Some(b'"')) => {
                let Plain(plain) = serde_json::from_str(text).map_err(|error| bad_json(&error))?;
                if form == Form::Text && !plain.contains('\0') {
                    return self::text(&plain).map(Some);
                }
                self.input(Some(plain.as_bytes())).map(Some)
            }
            (Form::Int4, _) if let Ok(number) = text.parse::<i32>() => Ok(Some(number.into())),
            (Form::Int8, _) if let Ok(number) = text.parse::<i64>() => Ok(Some(number.into())),
            (Form::Structured, Some(b'[' | b'{')) => self.structured(text),
            // A plain type that is given an object or array: its input function says what it thinks of it.
            _ => self.input(Some(text.as_bytes())).map(Some),
        }
    }

    /// The value as a function's result.
    pub fn reply(&self, json: &RawValue) -> Result<super::Reply, PgError> {
        Ok(self.datum(json)?.map_or(super::Reply::NULL, super::Reply::datum))
    }

    fn input(&self, text: Option<&[u8]>) -> Result<pg_sys::Datum, PgError> {
        let text = text.map(c_string).transpose()?;
        if text.is_none() && !self.input.fn_strict {
            let mut input = for_one_call(&self.input);
            // SAFETY: only non-strict input functions (domain_in) take a null pointer.
            return unsafe {
                catch(|| raw::InputFunctionCall(&mut input, std::ptr::null_mut(), self.io_param, self.typmod))
            };
        }
        let Some(text) = text else { return Ok(pg_sys::Datum::null()) };
        let pointer: *mut c_char = text.as_ptr().cast_mut();
        let mut input = for_one_call(&self.input);
        // SAFETY: the input function of this type with its own io parameter; the text outlives the call.
        unsafe { catch(|| raw::InputFunctionCall(&mut input, pointer, self.io_param, self.typmod)) }
    }

    fn structured(&self, json: &str) -> Result<Option<pg_sys::Datum>, PgError> {
        let name = type_name(self.r#type.to_u32(), self.typmod)?;
        let sql = format!("SELECT t.x FROM pg_catalog.json_to_record($1) AS t(x {name})");
        let wrapped = format!("{{\"x\":{json}}}");
        spi::one_datum(&sql, &wrapped)
    }
}

/// A copy of a kept FmgrInfo for one call: what the function keeps for itself goes with the current memory context.
pub(super) fn for_one_call(kept: &pg_sys::FmgrInfo) -> pg_sys::FmgrInfo {
    // SAFETY: reads a backend variable.
    pg_sys::FmgrInfo { fn_mcxt: unsafe { pg_sys::CurrentMemoryContext }, fn_extra: std::ptr::null_mut(), ..*kept }
}

/// A JSON string, borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Plain<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

fn bad_json(error: &serde_json::Error) -> PgError {
    let mut pg = PgError::new(SqlState::new(b"22P02"), "invalid input syntax for type json");
    pg.detail = Some(error.to_string());
    pg
}

/// Copies text out of a palloc'd C string.
///
/// # Safety
/// `text` is NUL-terminated.
pub(super) unsafe fn c_text(text: *const c_char) -> String {
    // SAFETY: the caller's contract.
    unsafe { owned(text) }
}
