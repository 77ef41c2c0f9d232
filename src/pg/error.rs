//! A Postgres error as a value: every field kept on the way in, every field given back on the way out.
//!
//! pgrx turns an ERROR into a panic and keeps six of its fields. A constraint violation that passes through a guest
//! must reach the client with its constraint, table and schema names, so this room copies `ErrorData` whole and
//! re-raises it with `ReThrowError` after every guest frame has returned.

use core::ffi::{c_char, c_int};
use std::fmt;

use pgrx::pg_sys;

use super::raw;
use crate::error::Error;

/// An SQLSTATE in Postgres' packed form: five characters, six bits each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SqlState(pub(super) i32);

impl SqlState {
    /// Packs a five-character code. Characters outside `0-9A-Z` give a code no one raises, never a panic.
    pub const fn new(code: &[u8; 5]) -> Self {
        let mut packed = 0;
        let mut i = 0;
        while i < 5 {
            packed |= ((code[i].wrapping_sub(b'0') & 0x3F) as i32) << (6 * i);
            i += 1;
        }
        Self(packed)
    }

    /// A code that is packed already.
    pub const fn from_packed(packed: i32) -> Self {
        Self(packed)
    }

    /// The packed form, to be kept as a number.
    #[allow(clippy::cast_sign_loss, reason = "thirty bits")]
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// The code of what [`bits`](Self::bits) gave.
    #[allow(clippy::cast_possible_wrap, reason = "thirty bits")]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits as i32)
    }

    /// Reads a code that a guest wrote; `None` unless it is five digits or upper-case letters.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: &[u8; 5] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()).then(|| Self::new(bytes))
    }

    /// The first two characters.
    pub fn class(self) -> [u8; 2] {
        let code = self.bytes();
        [code[0], code[1]]
    }

    #[allow(clippy::cast_sign_loss, reason = "six bits")]
    fn bytes(self) -> [u8; 5] {
        std::array::from_fn(|i| (((self.0 >> (6 * i)) & 0x3F) as u8).wrapping_add(b'0'))
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes()))
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What only an error that Postgres raised itself has: where in the server it came from and who should see it.
#[derive(Clone, Copy, Debug)]
struct Origin {
    output_to_server: bool,
    output_to_client: bool,
    hide_stmt: bool,
    hide_ctx: bool,
    // String literals of the server binary or of a loaded library: they live as long as the process.
    filename: *const c_char,
    funcname: *const c_char,
    domain: *const c_char,
    context_domain: *const c_char,
    message_id: *const c_char,
    lineno: c_int,
    saved_errno: c_int,
}

/// The fields of an error that a client can see.
#[derive(Clone, Debug)]
pub struct Fields {
    /// SQLSTATE.
    pub sqlstate: SqlState,
    /// Primary message.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
    /// CONTEXT collected so far, innermost first.
    pub context: Option<String>,
    /// Schema the error is about.
    pub schema: Option<String>,
    /// Table the error is about.
    pub table: Option<String>,
    /// Column the error is about.
    pub column: Option<String>,
    /// Data type the error is about.
    pub datatype: Option<String>,
    /// Constraint the error is about.
    pub constraint: Option<String>,
    /// What a guest said of another attempt. Never shown.
    pub retry: RetryAdvice,
    detail_log: Option<String>,
    internal_query: Option<String>,
    cursor_position: c_int,
    internal_position: c_int,
    origin: Option<Origin>,
}

/// What a guest said of another attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct RetryAdvice {
    /// It is of no use.
    pub non_retryable: bool,
    /// Not before so many milliseconds have passed.
    pub after_ms: Option<u64>,
}

/// An error on its way to the client, or to a guest as a value.
#[derive(Clone, Debug)]
pub struct PgError(Box<Fields>);

impl std::ops::Deref for PgError {
    type Target = Fields;
    fn deref(&self) -> &Fields {
        &self.0
    }
}

impl std::ops::DerefMut for PgError {
    fn deref_mut(&mut self) -> &mut Fields {
        &mut self.0
    }
}

impl PgError {
    /// An error of our own; the server adds CONTEXT when it is thrown.
    pub fn new(sqlstate: SqlState, message: impl Into<String>) -> Self {
        Self(Box::new(Fields {
            sqlstate,
            message: message.into(),
            detail: None,
            hint: None,
            context: None,
            schema: None,
            table: None,
            column: None,
            datatype: None,
            constraint: None,
            retry: RetryAdvice::default(),
            detail_log: None,
            internal_query: None,
            cursor_position: 0,
            internal_position: 0,
            origin: None,
        }))
    }

    /// Points at a place in a text that the client did not send itself, such as the body of a function; characters count
    /// from 1.
    pub fn at(mut self, text: &str, character: usize) -> Self {
        self.internal_query = Some(text.to_owned());
        self.internal_position = c_int::try_from(character).unwrap_or(0);
        self
    }

    /// Points, where it points at a place at all, at one in `text` and not in what the client sent.
    pub(super) fn inside(mut self, text: &str) -> Self {
        if self.cursor_position > 0 && self.internal_query.is_none() {
            self.internal_query = Some(text.to_owned());
            self.internal_position = std::mem::take(&mut self.cursor_position);
        }
        self
    }

    /// Every text of it.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let Fields {
            message,
            detail,
            hint,
            context,
            schema,
            table,
            column,
            datatype,
            constraint,
            detail_log,
            internal_query,
            ..
        } = &mut *self.0;
        let optional = [detail, hint, context, schema, table, column, datatype, constraint, detail_log, internal_query];
        std::iter::once(message).chain(optional.into_iter().flatten())
    }

    /// Takes the error that has just been caught off Postgres' error stack.
    ///
    /// # Safety
    /// Only right after a longjmp to our own handler, with `CurrentMemoryContext` set back to the caller's.
    pub(super) unsafe fn capture() -> Self {
        // SAFETY: elog.c guarantees an entry on the error stack here; CopyErrorData allocates in the current context,
        // which is not ErrorContext, as it demands.
        unsafe {
            let copy = pg_sys::CopyErrorData();
            let data = &*copy;
            let fields = Fields {
                sqlstate: SqlState(data.sqlerrcode),
                message: text(data.message).unwrap_or_else(|| "missing error text".into()),
                detail: text(data.detail),
                hint: text(data.hint),
                context: text(data.context),
                schema: text(data.schema_name),
                table: text(data.table_name),
                column: text(data.column_name),
                datatype: text(data.datatype_name),
                constraint: text(data.constraint_name),
                retry: RetryAdvice::default(),
                detail_log: text(data.detail_log),
                internal_query: text(data.internalquery),
                cursor_position: data.cursorpos,
                internal_position: data.internalpos,
                origin: Some(Origin {
                    output_to_server: data.output_to_server,
                    output_to_client: data.output_to_client,
                    hide_stmt: data.hide_stmt,
                    hide_ctx: data.hide_ctx,
                    filename: data.filename,
                    funcname: data.funcname,
                    domain: data.domain,
                    context_domain: data.context_domain,
                    message_id: data.message_id,
                    lineno: data.lineno,
                    saved_errno: data.saved_errno,
                }),
            };
            pg_sys::FreeErrorData(copy);
            pg_sys::FlushErrorState();
            Self(Box::new(fields))
        }
    }

    /// Writes the error as `ErrorData` in the current memory context, ready for [`throw`].
    ///
    /// # Safety
    /// In a backend, with a current memory context that lives until the transaction aborts.
    pub(super) unsafe fn into_error_data(self) -> *mut pg_sys::ErrorData {
        // SAFETY: palloc0 gives zeroed memory of the right size; ErrorData is plain C data for which zero is valid.
        unsafe {
            let data = pg_sys::palloc0(size_of::<pg_sys::ErrorData>()).cast::<pg_sys::ErrorData>();
            let out = &mut *data;
            out.elevel = pgrx::PgLogLevel::ERROR as c_int;
            out.sqlerrcode = self.sqlstate.0;
            out.message = c_text(Some(&self.message));
            out.detail = c_text(self.detail.as_deref());
            out.detail_log = c_text(self.detail_log.as_deref());
            out.hint = c_text(self.hint.as_deref());
            out.context = c_text(self.context.as_deref());
            out.schema_name = c_text(self.schema.as_deref());
            out.table_name = c_text(self.table.as_deref());
            out.column_name = c_text(self.column.as_deref());
            out.datatype_name = c_text(self.datatype.as_deref());
            out.constraint_name = c_text(self.constraint.as_deref());
            out.internalquery = c_text(self.internal_query.as_deref());
            out.cursorpos = self.cursor_position;
            out.internalpos = self.internal_position;
            out.assoc_context = pg_sys::CurrentMemoryContext;
            if let Some(origin) = self.origin {
                out.output_to_server = origin.output_to_server;
                out.output_to_client = origin.output_to_client;
                out.hide_stmt = origin.hide_stmt;
                out.hide_ctx = origin.hide_ctx;
                out.filename = origin.filename;
                out.funcname = origin.funcname;
                out.domain = origin.domain;
                out.context_domain = origin.context_domain;
                out.message_id = origin.message_id;
                out.lineno = origin.lineno;
                out.saved_errno = origin.saved_errno;
            } else {
                out.filename = c"alyx_functions".as_ptr();
                out.funcname = c"alyx_functions".as_ptr();
            }
            data
        }
    }
}

impl From<Error> for PgError {
    fn from(error: Error) -> Self {
        let report = error.report();
        let mut pg = Self::new(SqlState::new(report.code), report.message);
        pg.detail = report.detail;
        pg.hint = report.hint;
        pg.context = report.context;
        pg
    }
}

/// Raises what [`PgError::into_error_data`] made: an error that Postgres had raised goes on as it was (its CONTEXT is
/// complete), one of our own collects CONTEXT now.
///
/// # Safety
/// The last act of a C entry point: no Rust value with a destructor may be alive in any frame that is jumped over.
pub(super) unsafe fn throw(data: *mut pg_sys::ErrorData) -> ! {
    // SAFETY: `data` is complete; both functions leave by longjmp for elevel ERROR.
    unsafe {
        if (*data).output_to_server || (*data).output_to_client {
            raw::ReThrowError(data);
        } else {
            raw::ThrowErrorData(data);
        }
    }
    std::process::abort()
}

unsafe fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: the caller passes a field of ErrorData: null or a NUL-terminated string.
    (!pointer.is_null()).then(|| unsafe { super::call::owned(pointer) })
}

unsafe fn c_text(text: Option<&str>) -> *mut c_char {
    let Some(text) = text else { return std::ptr::null_mut() };
    // A NUL inside would cut the message short; a guest can write one.
    let shown = text.replace('\0', "\u{FFFD}");
    let text = shown.as_bytes();
    // A character that the server lacks must not hide the error: then the bytes go as they are.
    let server = super::encoding::to_server(text).unwrap_or(std::borrow::Cow::Borrowed(text));
    // SAFETY: pnstrdup copies the bytes of the slice and adds the terminator.
    unsafe { pg_sys::pnstrdup(server.as_ptr().cast(), server.len()) }
}
