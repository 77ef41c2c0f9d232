//! Rows: the shape of a relation or result worked out once, then tuple → JSON object and JSON values → tuple.

use std::rc::Rc;

use pgrx::pg_sys;

use super::PgError;
use super::call::owned;
use super::catch::catch;
use super::json::{JsonKind, JsonWriter, escape};
use super::raw;

/// Columns of a row that is taken apart without an allocation.
const FEW_COLUMNS: usize = 32;

/// One column of a row.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, unquoted.
    pub name: String,
    /// OID of its type.
    pub r#type: u32,
    /// Type modifier, -1 for none.
    pub typmod: i32,
    /// Whether Postgres computes it, so that no one may set it.
    pub is_generated: bool,
    is_dropped: bool,
    // Whether a row is written without it.
    is_left_out: bool,
    // `"name":` ready to copy.
    key: Vec<u8>,
    kind: JsonKind,
}

/// The columns of a row, in order.
#[derive(Debug)]
pub struct RowShape {
    /// All columns; a dropped one has an empty name.
    pub columns: Vec<Column>,
}

impl RowShape {
    /// Whether this is the shape of a descriptor.
    ///
    /// # Safety
    /// As for [`Self::of`].
    pub(super) unsafe fn is_of(&self, descriptor: pg_sys::TupleDesc) -> bool {
        // SAFETY: a tuple descriptor has natts attributes behind it; names are NUL-terminated.
        unsafe {
            let count = usize::try_from((*descriptor).natts).unwrap_or(0);
            let attributes = std::slice::from_raw_parts((*descriptor).attrs.as_ptr(), count);
            count == self.columns.len()
                && attributes.iter().zip(&self.columns).all(|(attribute, column)| {
                    attribute.atttypid.to_u32() == column.r#type
                        && !attribute.attisdropped
                        && core::ffi::CStr::from_ptr(attribute.attname.data.as_ptr()).to_bytes()
                            == column.name.as_bytes()
                })
        }
    }

    /// Reads a tuple descriptor.
    ///
    /// # Safety
    /// `descriptor` is valid and pinned by the caller.
    pub(super) unsafe fn of(descriptor: pg_sys::TupleDesc) -> Result<Rc<Self>, PgError> {
        // SAFETY: a tuple descriptor has natts attributes behind it.
        let attributes = unsafe {
            let count = usize::try_from((*descriptor).natts).unwrap_or(0);
            std::slice::from_raw_parts((*descriptor).attrs.as_ptr(), count)
        };
        let columns = attributes.iter().map(|attribute| {
            let name = if attribute.attisdropped {
                String::new()
            } else {
                // SAFETY: NameData is NUL-terminated.
                unsafe { owned(attribute.attname.data.as_ptr()) }
            };
            let mut key = Vec::new();
            escape(name.as_bytes(), &mut key);
            key.push(b':');
            Ok(Column {
                kind: if attribute.attisdropped { JsonKind::Bool } else { JsonKind::of(attribute.atttypid.to_u32())? },
                r#type: attribute.atttypid.to_u32(),
                typmod: attribute.atttypmod,
                is_generated: attribute.attgenerated != 0,
                is_dropped: attribute.attisdropped,
                is_left_out: attribute.attisdropped,
                name,
                key,
            })
        });
        Ok(Rc::new(Self { columns: columns.collect::<Result<_, PgError>>()? }))
    }

    /// The same, with these columns alone where rows are written; the first name that it does not have, if there is one.
    pub(super) fn reading<'n>(&self, names: &'n [String]) -> Result<Rc<Self>, &'n str> {
        if let Some(missing) = names.iter().find(|name| self.position(name).is_none()) {
            return Err(missing);
        }
        let narrowed = |column: &Column| {
            let is_left_out = column.is_dropped || !names.contains(&column.name);
            Column { is_left_out, ..column.clone() }
        };
        Ok(Rc::new(Self { columns: self.columns.iter().map(narrowed).collect() }))
    }

    /// The index of a column by name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| !column.is_dropped && column.name == name)
    }

    /// Appends a JSON array of the column names.
    pub fn write_names(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (i, column) in self.columns.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            escape(column.name.as_bytes(), out);
        }
        out.push(b']');
    }

    /// Appends a row as a JSON object; `out` may grow to about `limit` bytes.
    pub(super) fn write(
        &self,
        values: &[pg_sys::Datum],
        nulls: &[bool],
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(), PgError> {
        out.push(b'{');
        let mut first = true;
        for ((column, value), is_null) in self.columns.iter().zip(values).zip(nulls) {
            if column.is_left_out {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(&column.key);
            if *is_null {
                out.extend_from_slice(b"null");
            } else {
                JsonWriter::new(out, limit).value(&column.kind, *value)?;
            }
        }
        out.push(b'}');
        Ok(())
    }

    /// Appends a heap tuple as a JSON object.
    ///
    /// # Safety
    /// `tuple` has the shape of `descriptor`, and `self` was made from that descriptor.
    pub(super) unsafe fn write_tuple(
        &self,
        tuple: pg_sys::HeapTuple,
        descriptor: pg_sys::TupleDesc,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(), PgError> {
        let count = self.columns.len();
        let (mut few_values, mut few_nulls) = ([pg_sys::Datum::null(); FEW_COLUMNS], [true; FEW_COLUMNS]);
        let (mut many_values, mut many_nulls) = (Vec::new(), Vec::new());
        let (values, nulls) = match (few_values.get_mut(..count), few_nulls.get_mut(..count)) {
            (Some(values), Some(nulls)) => (values, nulls),
            _ => {
                many_values.resize(count, pg_sys::Datum::null());
                many_nulls.resize(count, true);
                (many_values.as_mut_slice(), many_nulls.as_mut_slice())
            }
        };
        // SAFETY: both arrays have natts members, as heap_deform_tuple demands.
        unsafe { catch(|| raw::heap_deform_tuple(tuple, descriptor, values.as_mut_ptr(), nulls.as_mut_ptr()))? };
        self.write(values, nulls, out, limit)
    }
}
