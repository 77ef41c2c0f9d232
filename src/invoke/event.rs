//! The event a guest gets when it is not simply called with bytes (SPEC §6): one JSON object, written in one pass.

use crate::catalog::Function;
use crate::host::write_auth;
use crate::pg::{PgError, Role, escape};
use crate::record::{InvocationId, Trigger};

/// Writes events.
pub struct Event<'a> {
    /// The id that the invocation is recorded under.
    pub id: InvocationId,
    /// The function that gets it.
    pub function: &'a Function,
    /// What led to it.
    pub trigger: Trigger,
    /// The role that the event comes from.
    pub role: Role,
    /// The input that was given with it, as JSON.
    pub input: &'a str,
    /// Which try of a job it is, from 1.
    pub attempt: u16,
}

impl Event<'_> {
    /// Appends the event to `out`; `block` appends the object that belongs to the trigger, where it has one.
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        block: impl FnOnce(&mut Vec<u8>) -> Result<(), PgError>,
    ) -> Result<(), PgError> {
        out.extend_from_slice(b"{\"id\":\"");
        self.id.write(out);
        out.extend_from_slice(b"\",\"function\":{\"name\":");
        escape(self.function.name.as_bytes(), out);
        out.extend_from_slice(format!(",\"version\":{}}},\"trigger\":", self.function.version).as_bytes());
        escape(self.trigger.word().as_bytes(), out);
        out.extend_from_slice(b",\"input\":");
        out.extend_from_slice(self.input.as_bytes());
        out.extend_from_slice(b",\"auth\":");
        write_auth(self.role, out);
        out.extend_from_slice(format!(",\"attempt\":{}", self.attempt).as_bytes());
        if let Some(name) = self.trigger.block() {
            out.push(b',');
            escape(name.as_bytes(), out);
            out.push(b':');
            block(out)?;
        }
        out.push(b'}');
        Ok(())
    }
}
