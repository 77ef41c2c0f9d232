//! Guests and Rust speak UTF-8; a database may be kept in another encoding. Text is converted where it crosses.

use std::borrow::Cow;

use pgrx::pg_sys;

use super::PgError;
use super::catch::catch;
use super::raw;

#[allow(clippy::cast_possible_wrap, reason = "small enum values")]
const UTF8: i32 = pg_sys::pg_enc::PG_UTF8 as i32;
#[allow(clippy::cast_possible_wrap, reason = "small enum values")]
const SQL_ASCII: i32 = pg_sys::pg_enc::PG_SQL_ASCII as i32;

/// Whether the server's text is UTF-8, and known to be.
pub(super) fn server_is_utf8() -> bool {
    // SAFETY: reads a backend variable.
    unsafe { raw::GetDatabaseEncoding() == UTF8 }
}

fn is_utf8() -> bool {
    // SAFETY: reads a backend variable. SQL_ASCII means that no one knows, so bytes go as they are.
    let encoding = unsafe { raw::GetDatabaseEncoding() };
    encoding == UTF8 || encoding == SQL_ASCII
}

/// Text of the server as UTF-8.
///
/// # Errors
/// What Postgres says of bytes that have no equivalent.
pub(super) fn from_server(bytes: &[u8]) -> Result<Cow<'_, [u8]>, PgError> {
    if is_utf8() || bytes.is_ascii() {
        return Ok(Cow::Borrowed(bytes));
    }
    convert(bytes, raw::pg_server_to_any).map(Cow::Owned)
}

/// UTF-8 as text of the server.
///
/// # Errors
/// 22P05 for a character that the server's encoding lacks.
pub(super) fn to_server(bytes: &[u8]) -> Result<Cow<'_, [u8]>, PgError> {
    if is_utf8() || bytes.is_ascii() {
        return Ok(Cow::Borrowed(bytes));
    }
    convert(bytes, raw::pg_any_to_server).map(Cow::Owned)
}

type Conversion = unsafe extern "C-unwind" fn(*const core::ffi::c_char, i32, i32) -> *mut core::ffi::c_char;

fn convert(bytes: &[u8], with: Conversion) -> Result<Vec<u8>, PgError> {
    let length = i32::try_from(bytes.len())
        .map_err(|_| PgError::new(super::SqlState::new(b"54000"), "text is too long to convert its encoding"))?;
    // SAFETY: mbutils.c reads `length` bytes and returns its argument or a palloc'd, NUL-terminated copy. Bytes that it
    // returns unchanged are not NUL-terminated, so they are told apart by their address.
    unsafe {
        let converted = catch(|| with(bytes.as_ptr().cast(), length, UTF8))?;
        if std::ptr::eq(converted.cast(), bytes.as_ptr()) {
            return Ok(bytes.to_vec());
        }
        let copy = core::ffi::CStr::from_ptr(converted).to_bytes().to_vec();
        pg_sys::pfree(converted.cast());
        Ok(copy)
    }
}

/// Text that can be stored whatever a guest wrote: where the server's encoding lacks a character, all that it may lack
/// are replaced.
pub fn storable(text: &str) -> Cow<'_, str> {
    if to_server(text.as_bytes()).is_ok() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|letter| if letter.is_ascii() { letter } else { '?' }).collect())
}
