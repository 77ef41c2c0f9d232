//! LANGUAGE wasm: binds an SQL signature to an export of a deployed function (SPEC §3.1).
//!
//! Postgres does privileges, STRICT, SET, SECURITY DEFINER and dependencies around it; this room maps arguments to
//! input, output to result, and speaks the trigger protocol.

mod bound;
mod handler;
mod javascript;
mod output;
mod trigger;
mod validator;

crate::entry!(alyx_call, pg_finfo_alyx_call, handler::call);
crate::entry!(alyx_call_javascript, pg_finfo_alyx_call_javascript, handler::call_javascript);
crate::entry!(alyx_validate_javascript, pg_finfo_alyx_validate_javascript, validator::validate_javascript);
crate::entry!(alyx_inline, pg_finfo_alyx_inline, validator::inline);
crate::entry!(alyx_validate, pg_finfo_alyx_validate, validator::validate);
