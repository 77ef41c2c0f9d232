//! One call of one SQL function: its arguments read, its result given, its place in the query.

use core::ffi::CStr;
use std::marker::PhantomData;
use std::rc::Rc;

use pgrx::pg_sys;

use super::catch::catch;
use super::json::{JsonKind, JsonWriter};
use super::raw;
use super::{PgError, Role};

/// The SQL types that map straight to a wasm value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// `boolean`, an i32 of 0 or 1.
    Bool,
    /// `smallint`, sign-extended to i32.
    Int2,
    /// `integer`, an i32.
    Int4,
    /// `bigint`, an i64.
    Int8,
    /// `real`, an f32.
    Float4,
    /// `double precision`, an f64.
    Float8,
}

impl Scalar {
    /// The scalar behind a type, if it is one.
    pub fn of(r#type: TypeId) -> Option<Self> {
        Some(match r#type.0 {
            pg_sys::BOOLOID => Self::Bool,
            pg_sys::INT2OID => Self::Int2,
            pg_sys::INT4OID => Self::Int4,
            pg_sys::INT8OID => Self::Int8,
            pg_sys::FLOAT4OID => Self::Float4,
            pg_sys::FLOAT8OID => Self::Float8,
            _ => return None,
        })
    }
}

/// The OID of a data type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeId(pub(super) pg_sys::Oid);

impl TypeId {
    /// `text`.
    pub const TEXT: Self = Self(pg_sys::TEXTOID);
    /// `bytea`.
    pub const BYTEA: Self = Self(pg_sys::BYTEAOID);
    /// `json`.
    pub const JSON: Self = Self(pg_sys::JSONOID);
    /// `jsonb`.
    pub const JSONB: Self = Self(pg_sys::JSONBOID);
    /// `trigger`.
    pub const TRIGGER: Self = Self(pg_sys::TRIGGEROID);
    /// `event_trigger`.
    pub const EVENT_TRIGGER: Self = Self(pg_sys::EVENT_TRIGGEROID);
    /// `void`.
    pub const VOID: Self = Self(pg_sys::VOIDOID);
    /// `record`.
    pub const RECORD: Self = Self(pg_sys::RECORDOID);

    /// The OID.
    pub fn oid(self) -> u32 {
        self.0.to_u32()
    }

    /// Whether it is a pseudo-type, one that no column can have.
    pub fn is_pseudo(self) -> Result<bool, PgError> {
        // SAFETY: a catalog look-up.
        let kind = unsafe { catch(|| raw::get_typtype(self.0))? };
        #[allow(clippy::cast_sign_loss, reason = "an ASCII letter")]
        Ok(kind as u8 == pg_sys::TYPTYPE_PSEUDO)
    }

    /// The type below a domain, or the type itself.
    pub fn base(self) -> Result<Self, PgError> {
        // SAFETY: a catalog look-up.
        unsafe { catch(|| raw::getBaseType(self.0)).map(Self) }
    }

    /// Its name, qualified as SQL text needs it.
    pub fn name(self) -> Result<String, PgError> {
        super::datum::type_name(self.oid(), -1)
    }
}

/// What an entry point gives back: a value that only this room can look into.
pub struct Reply {
    datum: pg_sys::Datum,
    is_null: bool,
}

impl Reply {
    /// SQL NULL.
    pub const NULL: Self = Self { datum: pg_sys::Datum::null(), is_null: true };
    /// The value of a function that returns void, and of a set that was materialised.
    pub const VOID: Self = Self { datum: pg_sys::Datum::null(), is_null: false };

    pub(super) fn datum(datum: pg_sys::Datum) -> Self {
        Self { datum, is_null: false }
    }

    /// A scalar from the raw bits of a wasm value.
    #[inline]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the low bits are the value, by the wasm signature"
    )]
    pub fn scalar(scalar: Scalar, bits: u64) -> Result<Self, OutOfRange> {
        Ok(Self::datum(match scalar {
            Scalar::Bool => pg_sys::Datum::from((bits as u32) != 0),
            Scalar::Int2 => i16::try_from(bits as u32 as i32).map_err(|_| OutOfRange)?.into(),
            Scalar::Int4 => (bits as u32 as i32).into(),
            Scalar::Int8 => pg_sys::Datum::from(bits as usize),
            Scalar::Float4 => pg_sys::Datum::from(bits as u32 as usize),
            Scalar::Float8 => pg_sys::Datum::from(bits as usize),
        }))
    }

    /// A bytea with these bytes.
    pub fn bytea(bytes: &[u8]) -> Result<Self, PgError> {
        super::datum::varlena(bytes).map(Self::datum)
    }

    /// A boolean.
    pub fn boolean(value: bool) -> Self {
        Self::datum(value.into())
    }

    /// A bigint.
    pub fn big(value: i64) -> Self {
        Self::datum(value.into())
    }

    /// A text, which must not contain a zero byte.
    pub fn text(text: &str) -> Result<Self, PgError> {
        super::datum::text(text).map(Self::datum)
    }

    /// The json or jsonb value of this text, checked by the type's own input function.
    pub fn json(text: &[u8], r#type: TypeId) -> Result<Self, PgError> {
        super::datum::json_from_text(text, r#type).map(Self::datum)
    }

    /// The same value, once the constraints of a domain have agreed to it.
    pub fn checked(self, domain: TypeId) -> Result<Self, PgError> {
        // SAFETY: the value is of the domain's base type; what the check caches goes with the current context.
        unsafe {
            let mut extra = std::ptr::null_mut();
            let context = pg_sys::CurrentMemoryContext;
            catch(|| raw::domain_check(self.datum, self.is_null, domain.0, &mut extra, context))?;
        }
        Ok(self)
    }

    #[inline]
    pub(super) unsafe fn give(self, fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        // SAFETY: the caller is the entry point of this very call.
        unsafe { (*fcinfo).isnull = self.is_null };
        self.datum
    }
}

/// A guest's integer that does not fit the SQL type.
#[derive(Debug)]
pub struct OutOfRange;

/// One call, as long as it lasts.
pub struct Call<'a> {
    pub(super) fcinfo: pg_sys::FunctionCallInfo,
    call: PhantomData<&'a mut pg_sys::FunctionCallInfoBaseData>,
}

impl Call<'_> {
    #[inline]
    pub(super) unsafe fn new(fcinfo: pg_sys::FunctionCallInfo) -> Self {
        Self { fcinfo, call: PhantomData }
    }

    #[inline]
    fn info(&self) -> &pg_sys::FunctionCallInfoBaseData {
        // SAFETY: valid for the whole call, by the contract of `new`.
        unsafe { &*self.fcinfo }
    }

    /// The OID of the function that is called.
    #[inline]
    pub fn function(&self) -> u32 {
        // SAFETY: flinfo is set for every call that goes through the function manager.
        unsafe { (*self.info().flinfo).fn_oid.to_u32() }
    }

    /// How many arguments there are.
    #[inline]
    pub fn len(&self) -> usize {
        usize::try_from(self.info().nargs).unwrap_or(0)
    }

    /// Whether this is a call as a trigger.
    pub fn is_trigger(&self) -> bool {
        self.context_is(pg_sys::NodeTag::T_TriggerData)
    }

    /// Whether this is a call as an event trigger.
    pub fn is_event_trigger(&self) -> bool {
        self.context_is(pg_sys::NodeTag::T_EventTriggerData)
    }

    fn context_is(&self, tag: pg_sys::NodeTag) -> bool {
        let context = self.info().context;
        // SAFETY: a non-null context is a Node.
        !context.is_null() && unsafe { (*context).type_ } == tag
    }

    #[inline]
    fn argument(&self, index: usize) -> Option<pg_sys::Datum> {
        if index >= self.len() {
            return None;
        }
        // SAFETY: `index` is below nargs, and args has nargs members.
        let argument = unsafe { &*self.info().args.as_ptr().add(index) };
        (!argument.isnull).then_some(argument.value)
    }

    /// The raw bits of a scalar argument, i32 zero-extended; `None` for NULL.
    #[inline]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a Datum carries the value's bits")]
    pub fn scalar(&self, index: usize, scalar: Scalar) -> Option<u64> {
        let value = self.argument(index)?.value() as u64;
        Some(match scalar {
            Scalar::Bool => u64::from(value as u8 != 0),
            Scalar::Int2 => u64::from(i32::from(value as i16) as u32),
            Scalar::Int4 | Scalar::Float4 => u64::from(value as u32),
            Scalar::Int8 | Scalar::Float8 => value,
        })
    }

    /// Appends the bytes of a text, bytea, json or jsonb argument to `out`; `false` for NULL.
    pub fn bytes(&self, index: usize, r#type: TypeId, out: &mut Vec<u8>) -> Result<bool, PgError> {
        let Some(datum) = self.argument(index) else { return Ok(false) };
        if r#type == TypeId::JSONB {
            JsonWriter::new(out, usize::MAX).value(&JsonKind::Jsonb, datum)?;
        } else {
            super::datum::append_varlena(datum, r#type == TypeId::BYTEA, out)?;
        }
        Ok(true)
    }

    /// The text of an argument of type text; `None` for NULL.
    pub fn text(&self, index: usize) -> Result<Option<String>, PgError> {
        let mut out = Vec::new();
        Ok(self.bytes(index, TypeId::TEXT, &mut out)?.then(|| String::from_utf8_lossy(&out).into_owned()))
    }

    /// An integer argument; `None` for NULL.
    pub fn int4(&self, index: usize) -> Option<i32> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "the bits of an int4")]
        self.scalar(index, Scalar::Int4).map(|bits| bits as u32 as i32)
    }

    /// A bigint argument; `None` for NULL.
    pub fn int8(&self, index: usize) -> Option<i64> {
        self.scalar(index, Scalar::Int8).map(u64::cast_signed)
    }

    /// An argument as JSON, written by its kind.
    pub fn json(&self, index: usize, kind: &JsonKind, out: &mut Vec<u8>, limit: usize) -> Result<(), PgError> {
        match self.argument(index) {
            Some(datum) => JsonWriter::new(out, limit).value(kind, datum),
            None => {
                out.extend_from_slice(b"null");
                Ok(())
            }
        }
    }

    /// Whether the validator that is being called may look at this function: a check of Postgres' own, since anyone can
    /// call a validator by hand.
    pub fn may_validate(&self, function: u32) -> Result<bool, PgError> {
        // SAFETY: catalog look-ups, which raise when the caller may not.
        unsafe {
            catch(|| {
                let own = pg_sys::Oid::from(self.function());
                raw::CheckFunctionValidatorAccess(own, pg_sys::Oid::from(function))
            })
        }
    }

    /// An OID argument (of any reg* type).
    pub fn oid(&self, index: usize) -> Option<u32> {
        #[allow(clippy::cast_possible_truncation, reason = "the bits of an OID")]
        self.argument(index).map(|datum| datum.value() as u32)
    }

    /// What [`Self::remember`] left for the later calls of the same query, if nothing has changed since.
    ///
    /// One type per function manager entry: this extension only remembers its bound functions.
    #[inline]
    pub fn remembered<T: 'static>(&self, generation: u64) -> Option<Rc<T>> {
        // SAFETY: fn_extra is ours alone: null, or a Remembered<T> in fn_mcxt whose Rc is alive until that context goes.
        unsafe {
            let remembered = (*self.info().flinfo).fn_extra.cast::<Remembered<T>>().as_ref()?;
            (remembered.generation == generation).then(|| Rc::clone(&remembered.value))
        }
    }

    /// Keeps a value for the later calls of the same query, stamped with the generation it is valid under.
    pub fn remember<T: 'static>(&mut self, generation: u64, value: Rc<T>) {
        // SAFETY: fn_mcxt lives as long as flinfo; its reset callback drops the Rc.
        unsafe {
            let flinfo = &mut *self.info().flinfo;
            let known = flinfo.fn_extra.cast::<Remembered<T>>();
            if let Some(known) = known.as_mut() {
                known.generation = generation;
                known.value = value;
                return;
            }
            let new = pg_sys::MemoryContextAlloc(flinfo.fn_mcxt, size_of::<Remembered<T>>()).cast::<Remembered<T>>();
            let callback =
                pg_sys::MemoryContextCallback { func: Some(forget::<T>), arg: new.cast(), next: std::ptr::null_mut() };
            new.write(Remembered { generation, value, callback });
            pg_sys::MemoryContextRegisterResetCallback(flinfo.fn_mcxt, &mut (*new).callback);
            flinfo.fn_extra = new.cast();
        }
    }

    /// The actual result columns of a function that returns a row or rows: `name type` pairs ready for a column
    /// definition list, or `None` when the result is one value.
    pub fn result_columns(&self) -> Result<Option<Vec<(String, String)>>, PgError> {
        let mut result_type = pg_sys::InvalidOid;
        let mut descriptor: pg_sys::TupleDesc = std::ptr::null_mut();
        // SAFETY: both out parameters live across the call.
        let class = unsafe { catch(|| raw::get_call_result_type(self.fcinfo, &mut result_type, &mut descriptor))? };
        use pg_sys::TypeFuncClass as Class;
        if descriptor.is_null()
            || !matches!(class, Class::TYPEFUNC_COMPOSITE | Class::TYPEFUNC_COMPOSITE_DOMAIN | Class::TYPEFUNC_RECORD)
        {
            return Ok(None);
        }
        super::datum::describe(descriptor).map(Some)
    }
}

struct Remembered<T> {
    generation: u64,
    value: Rc<T>,
    callback: pg_sys::MemoryContextCallback,
}

unsafe extern "C-unwind" fn forget<T>(remembered: *mut core::ffi::c_void) {
    // SAFETY: called once, when the context that holds it is reset or deleted.
    unsafe { std::ptr::drop_in_place(remembered.cast::<Remembered<T>>()) };
}

/// A name as SQL wants it in quotes.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The role that runs the current statement.
#[inline]
pub fn current_role() -> Role {
    // SAFETY: reads a backend variable.
    Role(unsafe { raw::GetUserId() })
}

/// The role of the session's own statements: SET ROLE counts, SECURITY DEFINER and the switches of ours do not.
pub(super) fn outer_role() -> Role {
    // SAFETY: reads a backend variable.
    Role(unsafe { raw::GetOuterUserId() })
}

/// Borrows a C string that Postgres owns as owned text.
pub(super) unsafe fn owned(text: *const core::ffi::c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller passes a NUL-terminated string.
    let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
    // Names that cannot be converted are shown with replacement characters rather than not at all.
    let utf8 = super::encoding::from_server(bytes).unwrap_or(std::borrow::Cow::Borrowed(bytes));
    String::from_utf8_lossy(&utf8).into_owned()
}
