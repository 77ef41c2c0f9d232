//! A subtransaction that stays open while a guest goes on: what `ctx.db.transaction` stands on.

use pgrx::pg_sys;

use super::catch::{can_open_subtransaction, catch};
use super::{PgError, SqlState, raw};

/// An open subtransaction. Dropped without an end it is rolled back; the innermost one must end first.
pub struct Savepoint {
    memory_context: pg_sys::MemoryContext,
    resource_owner: pg_sys::ResourceOwner,
    level: i32,
    is_open: bool,
}

impl Savepoint {
    /// Opens one.
    ///
    /// # Errors
    /// 0A000 while a parallel plan runs; 25P02 and others of Postgres.
    pub fn open() -> Result<Self, PgError> {
        if !can_open_subtransaction() {
            return Err(PgError::new(SqlState::new(b"0A000"), "a transaction cannot be opened in a parallel plan"));
        }
        // SAFETY: as in `catch::subtransaction`; the owner that Begin sets stays until the end, so that what statements
        // hold in between belongs to the subtransaction.
        unsafe {
            let memory_context = pg_sys::CurrentMemoryContext;
            let resource_owner = pg_sys::CurrentResourceOwner;
            catch(|| raw::BeginInternalSubTransaction(std::ptr::null()))?;
            pg_sys::CurrentMemoryContext = memory_context;
            Ok(Self { memory_context, resource_owner, level: pg_sys::GetCurrentTransactionNestLevel(), is_open: true })
        }
    }

    /// Keeps what was done in it, as part of the transaction around it.
    pub fn release(mut self) -> Result<(), PgError> {
        self.is_open = false;
        self.check()?;
        // SAFETY: this subtransaction is the current one.
        let released = unsafe { catch(|| raw::ReleaseCurrentSubTransaction()) };
        if let Err(error) = released {
            // Still there, and of no use: a failure at its end undoes it.
            self.undo()?;
            return Err(error);
        }
        self.put_back();
        Ok(())
    }

    /// Undoes what was done in it.
    pub fn roll_back(mut self) -> Result<(), PgError> {
        self.is_open = false;
        self.check()?;
        self.undo()
    }

    fn check(&self) -> Result<(), PgError> {
        // SAFETY: reads a backend variable.
        if unsafe { pg_sys::GetCurrentTransactionNestLevel() } == self.level {
            return Ok(());
        }
        Err(PgError::new(SqlState::new(b"XX000"), "subtransactions ended out of order"))
    }

    fn undo(&self) -> Result<(), PgError> {
        // SAFETY: this subtransaction is the current one; after an error too, as PL/pgSQL does it.
        let undone = unsafe {
            pg_sys::CurrentMemoryContext = self.memory_context;
            catch(|| raw::RollbackAndReleaseCurrentSubTransaction())
        };
        self.put_back();
        undone
    }

    fn put_back(&self) {
        // SAFETY: what `open` saw; both outlive the subtransaction, since they belong to the statement around the guest.
        unsafe {
            pg_sys::CurrentMemoryContext = self.memory_context;
            pg_sys::CurrentResourceOwner = self.resource_owner;
        }
    }
}

impl Drop for Savepoint {
    fn drop(&mut self) {
        if self.is_open && self.check().is_ok() {
            let _ = self.undo();
        }
    }
}
