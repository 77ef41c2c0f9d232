//! The SQL side of a function: its row in pg_proc.

use core::ffi::c_char;

use pgrx::pg_sys;

use super::call::{TypeId, owned};
use super::catch::catch;
use super::datum::c_text;
use super::error::SqlState;
use super::{PgError, Role};

/// One input argument of an SQL function.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Its name, empty when it has none.
    pub name: String,
    /// Its type.
    pub r#type: TypeId,
}

/// An SQL function as its catalog row describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Procedure {
    /// Unqualified name.
    pub name: String,
    /// Its OID.
    pub oid: u32,
    /// Its schema.
    pub schema: String,
    /// Who owns it.
    pub owner: Role,
    /// The AS text.
    pub source: String,
    /// Input arguments in order.
    pub arguments: Vec<Argument>,
    /// Result type.
    pub result: TypeId,
    /// Whether it returns a set.
    pub returns_set: bool,
    /// Whether it is declared VOLATILE.
    pub is_volatile: bool,
    /// Changes whenever the row is replaced.
    pub row: (u32, u64),
}

impl Procedure {
    /// Reads a function's row.
    ///
    /// # Errors
    /// 42883 when there is none.
    pub fn read(function: u32) -> Result<Self, PgError> {
        // SAFETY: the cache tuple is held while it is read and released at the end; attributes are copied.
        unsafe {
            #[allow(clippy::cast_possible_wrap, reason = "a small enum value")]
            let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
            let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(pg_sys::Oid::from(function)));
            if tuple.is_null() {
                return Err(PgError::new(
                    SqlState::new(b"42883"),
                    format!("function with OID {function} does not exist"),
                ));
            }
            let form = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>();
            let mut is_null = false;
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "a column number")]
            let source_column = pg_sys::Anum_pg_proc_prosrc as i16;
            let source = pg_sys::SysCacheGetAttr(cache, tuple, source_column, &mut is_null);
            let source = if is_null {
                String::new()
            } else {
                String::from_utf8_lossy(&super::encoding::from_server(super::datum::varlena_bytes(source)?)?)
                    .into_owned()
            };
            let block = (*tuple).t_self.ip_blkid;
            let place =
                (u64::from(block.bi_hi) << 32) | (u64::from(block.bi_lo) << 16) | u64::from((*tuple).t_self.ip_posid);
            let xmin = (*(*tuple).t_data).t_choice.t_heap.t_xmin;
            let procedure = Self {
                name: owned(form.proname.data.as_ptr()),
                oid: function,
                schema: owned(pg_sys::get_namespace_name(form.pronamespace)),
                owner: Role(form.proowner),
                source,
                arguments: arguments(tuple)?,
                result: TypeId(form.prorettype),
                returns_set: form.proretset,
                #[allow(clippy::cast_sign_loss, reason = "an ASCII letter")]
                is_volatile: form.provolatile as u8 == pg_sys::PROVOLATILE_VOLATILE,
                row: (xmin.into_inner(), place),
            };
            pg_sys::ReleaseSysCache(tuple);
            Ok(procedure)
        }
    }
}

unsafe fn arguments(tuple: pg_sys::HeapTuple) -> Result<Vec<Argument>, PgError> {
    let mut types: *mut pg_sys::Oid = std::ptr::null_mut();
    let mut names: *mut *mut c_char = std::ptr::null_mut();
    let mut modes: *mut c_char = std::ptr::null_mut();
    // SAFETY: get_func_arg_info fills three arrays of the returned length; names and modes may stay null.
    unsafe {
        let count = catch(|| pg_sys::get_func_arg_info(tuple, &mut types, &mut names, &mut modes))?;
        let mut list = Vec::new();
        for i in 0..usize::try_from(count).unwrap_or(0) {
            #[allow(clippy::cast_sign_loss, reason = "an ASCII letter")]
            let mode = if modes.is_null() { b'i' } else { *modes.add(i) as u8 };
            if matches!(mode, b'i' | b'b' | b'v') {
                let name =
                    if names.is_null() || (*names.add(i)).is_null() { String::new() } else { c_text(*names.add(i)) };
                list.push(Argument { name, r#type: TypeId(*types.add(i)) });
            }
        }
        Ok(list)
    }
}
