//! What goes into our own statements and what comes out of them.

use core::ffi::{c_char, c_int};
use std::ffi::CString;

use pgrx::pg_sys;

use super::catch::catch;
use super::datum::{text, varlena};
use super::{PgError, raw};

/// A parameter of one of our own statements.
#[derive(Clone, Copy, Debug)]
pub enum Param<'a> {
    /// text, or NULL.
    Text(Option<&'a str>),
    /// bytea.
    Bytes(&'a [u8]),
    /// integer.
    Int(i32),
    /// integer, NULL.
    NullInt,
    /// bigint.
    Big(i64),
    /// json text, already known to be valid.
    Json(&'a str),
    /// text[].
    Texts(&'a [Option<&'a str>]),
    /// bigint[].
    Bigs(&'a [i64]),
}

/// A value of a result: bytea as bytes, everything else as its text.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// The output text.
    Text(String),
    /// The bytes of a bytea.
    Bytes(Vec<u8>),
}

impl Cell {
    /// The text, empty for NULL.
    pub fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Self::Null => String::new(),
        }
    }

    /// The text, or `None` for NULL.
    pub fn some(self) -> Option<String> {
        (self != Self::Null).then(|| self.text())
    }

    /// The bytes, empty for anything but a bytea.
    pub fn bytes(self) -> Vec<u8> {
        if let Self::Bytes(bytes) = self { bytes } else { Vec::new() }
    }

    /// Reads an integer, boolean-as-text or the like; `None` when it is not one.
    pub fn parse<T: std::str::FromStr>(self) -> Option<T> {
        self.some()?.parse().ok()
    }

    /// A boolean's text form.
    pub fn is_true(&self) -> bool {
        matches!(self, Self::Text(text) if text == "t")
    }
}

/// Parameters as SPI takes them.
pub(super) struct Bound {
    pub(super) count: c_int,
    pub(super) types: Vec<pg_sys::Oid>,
    pub(super) values: Vec<pg_sys::Datum>,
    pub(super) nulls: CString,
}

/// Makes values in the current memory context.
pub(super) fn bind(params: &[Param<'_>]) -> Result<Bound, PgError> {
    let mut types = Vec::with_capacity(params.len());
    let mut values = Vec::with_capacity(params.len());
    let mut nulls = Vec::with_capacity(params.len());
    for param in params {
        let (r#type, value) = match param {
            Param::Text(value) => (pg_sys::TEXTOID, value.map(text).transpose()?),
            Param::Bytes(bytes) => (pg_sys::BYTEAOID, Some(varlena(bytes)?)),
            Param::Int(value) => (pg_sys::INT4OID, Some(pg_sys::Datum::from(*value))),
            Param::NullInt => (pg_sys::INT4OID, None),
            Param::Big(value) => (pg_sys::INT8OID, Some(pg_sys::Datum::from(*value))),
            Param::Json(value) => (pg_sys::JSONOID, Some(text(value)?)),
            Param::Texts(members) => (pg_sys::TEXTARRAYOID, Some(texts(members)?)),
            Param::Bigs(members) => (pg_sys::INT8ARRAYOID, Some(bigs(members)?)),
        };
        types.push(r#type);
        nulls.push(if value.is_some() { b' ' } else { b'n' });
        values.push(value.unwrap_or(pg_sys::Datum::null()));
    }
    let count = c_int::try_from(params.len()).unwrap_or(c_int::MAX);
    Ok(Bound { count, types, values, nulls: CString::new(nulls).unwrap_or_default() })
}

fn texts(members: &[Option<&str>]) -> Result<pg_sys::Datum, PgError> {
    let mut nulls: Vec<bool> = members.iter().map(Option::is_none).collect();
    let values: Result<Vec<pg_sys::Datum>, PgError> =
        members.iter().map(|member| member.map_or(Ok(pg_sys::Datum::null()), text)).collect();
    array(values?, &mut nulls, pg_sys::TEXTOID, -1, false)
}

fn bigs(members: &[i64]) -> Result<pg_sys::Datum, PgError> {
    let values = members.iter().map(|member| pg_sys::Datum::from(*member)).collect();
    array(values, &mut vec![false; members.len()], pg_sys::INT8OID, 8, true)
}

fn array(
    mut values: Vec<pg_sys::Datum>,
    nulls: &mut [bool],
    r#type: pg_sys::Oid,
    length: c_int,
    is_by_value: bool,
) -> Result<pg_sys::Datum, PgError> {
    let mut count = c_int::try_from(values.len()).unwrap_or(c_int::MAX);
    let mut lower = 1;
    #[allow(clippy::cast_possible_wrap, reason = "an ASCII letter")]
    let align = if is_by_value { b'd' } else { b'i' } as c_char;
    // SAFETY: `count` values and null flags; an array of no dimension when there are none.
    let array = unsafe {
        catch(|| {
            raw::construct_md_array(
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
                c_int::from(count > 0),
                &mut count,
                &mut lower,
                r#type,
                length,
                is_by_value,
                align,
            )
        })?
    };
    Ok(pg_sys::Datum::from(array))
}
