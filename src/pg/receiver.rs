//! Where the rows of a guest's query go: straight into the JSON answer, row by row, no tuple table in between, and
//! stopped as soon as the answer is larger than the guest may have.

use core::ffi::c_int;
use std::rc::Rc;

use pgrx::pg_sys;

use super::PgError;
use super::error::SqlState;
use super::raw;
use super::row::RowShape;

/// A DestReceiver that writes JSON. `repr(C)` with the public part first, as the executor expects.
#[repr(C)]
pub(super) struct JsonReceiver<'a> {
    public: pg_sys::DestReceiver,
    out: &'a mut Vec<u8>,
    limit: usize,
    known: Option<Rc<RowShape>>,
    shape: Option<Rc<RowShape>>,
    scratch: pg_sys::MemoryContext,
    rows: u64,
    error: Option<PgError>,
}

impl<'a> JsonReceiver<'a> {
    /// Appends to `out`. `known` is the shape that the statement's rows had when it last ran.
    pub(super) fn new(out: &'a mut Vec<u8>, limit: usize, known: Option<Rc<RowShape>>) -> Self {
        out.extend_from_slice(b"{\"rows\":[");
        // SAFETY: a context below the current one, freed with it.
        let scratch = unsafe {
            pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"alyx row".as_ptr(),
                pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
                pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            )
        };
        let public = pg_sys::DestReceiver {
            receiveSlot: Some(receive),
            rStartup: Some(startup),
            rShutdown: Some(nothing),
            rDestroy: Some(nothing),
            mydest: pg_sys::CommandDest::DestSQLFunction,
        };
        Self { public, out, limit, known, shape: None, scratch, rows: 0, error: None }
    }

    pub(super) fn as_dest(&mut self) -> *mut pg_sys::DestReceiver {
        std::ptr::from_mut(self).cast()
    }

    /// Closes the answer and gives the shape of its rows. `processed` counts rows that were changed where none came back.
    pub(super) fn finish(self, processed: u64) -> Result<Option<Rc<RowShape>>, PgError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.out.extend_from_slice(b"],\"columns\":");
        match &self.shape {
            Some(shape) => shape.write_names(self.out),
            None => self.out.extend_from_slice(b"[]"),
        }
        let count = if self.shape.is_some() { self.rows.max(processed) } else { processed };
        self.out.extend_from_slice(format!(",\"row_count\":{count}}}").as_bytes());
        Ok(self.shape)
    }

    fn take(&mut self, slot: *mut pg_sys::TupleTableSlot) -> Result<(), PgError> {
        let Some(shape) = self.shape.clone() else { return Ok(()) };
        if self.rows > 0 {
            self.out.push(b',');
        }
        self.rows += 1;
        // SAFETY: the executor passes a filled slot; slot_getsomeattrs deforms all of its columns.
        let (values, nulls) = unsafe {
            let count = shape.columns.len();
            if usize::try_from((*slot).tts_nvalid).unwrap_or(0) < count {
                let wanted = c_int::try_from(count).unwrap_or(c_int::MAX);
                super::catch::catch(|| raw::slot_getsomeattrs_int(slot, wanted))?;
            }
            (
                std::slice::from_raw_parts((*slot).tts_values, count),
                std::slice::from_raw_parts((*slot).tts_isnull, count),
            )
        };
        // SAFETY: scratch outlives the row; the executor's context is put back before it goes on.
        let before = unsafe { pg_sys::MemoryContextSwitchTo(self.scratch) };
        let written = shape.write(values, nulls, self.out, self.limit);
        // SAFETY: as above.
        unsafe {
            pg_sys::MemoryContextSwitchTo(before);
            pg_sys::MemoryContextReset(self.scratch);
        }
        written?;
        if self.out.len() > self.limit {
            let mut error = PgError::new(
                SqlState::new(b"54000"),
                format!("result of the query is larger than the limit of {} bytes", self.limit),
            );
            error.hint =
                Some("Fetch fewer rows or columns; the limit is the setting alyx_functions.max_host_call.".to_owned());
            return Err(error);
        }
        Ok(())
    }
}

unsafe extern "C-unwind" fn startup(this: *mut pg_sys::DestReceiver, _operation: c_int, shape: pg_sys::TupleDesc) {
    // SAFETY: `this` is the first field of our receiver.
    let receiver = unsafe { &mut *this.cast::<JsonReceiver<'_>>() };
    // SAFETY: the executor's descriptor is valid now, and all that is kept is copied.
    unsafe {
        match receiver.known.take().filter(|known| known.is_of(shape)).map_or_else(|| RowShape::of(shape), Ok) {
            Ok(shape) => receiver.shape = Some(shape),
            Err(error) => receiver.error = Some(error),
        }
    }
}

unsafe extern "C-unwind" fn receive(slot: *mut pg_sys::TupleTableSlot, this: *mut pg_sys::DestReceiver) -> bool {
    // SAFETY: as in `startup`.
    let receiver = unsafe { &mut *this.cast::<JsonReceiver<'_>>() };
    if receiver.error.is_none() {
        receiver.error = receiver.take(slot).err();
    }
    // false ends the execution early.
    receiver.error.is_none()
}

unsafe extern "C-unwind" fn nothing(_this: *mut pg_sys::DestReceiver) {}
