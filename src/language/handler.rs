//! The call handler: arguments in, the road, result out.

use super::bound::{Bound, Form, Input, Language, of_call};
use super::{output, trigger};
use crate::error::Error;
use crate::invoke::{self, Entrance, Input as Given};
use crate::pg::{Call, PgError, Reply, Scalar, escape};

/// Arguments of a direct scalar call that need no allocation.
const FEW: usize = 8;

/// Called by Postgres for every call of a function in language wasm.
#[inline]
pub(super) fn call(call: &mut Call<'_>) -> Result<Reply, PgError> {
    reply(call, Language::Wasm)
}

/// Called by Postgres for every call of a function in language javascript.
#[inline]
pub(super) fn call_javascript(call: &mut Call<'_>) -> Result<Reply, PgError> {
    reply(call, Language::JavaScript)
}

#[inline]
fn reply(call: &mut Call<'_>, language: Language) -> Result<Reply, PgError> {
    let bound = of_call(call, language)?;
    let reply = dispatch(call, &bound)?;
    if bound.result == bound.procedure.result { Ok(reply) } else { reply.checked(bound.procedure.result) }
}

#[inline]
fn dispatch(call: &mut Call<'_>, bound: &Bound) -> Result<Reply, PgError> {
    match &bound.form {
        Form::Scalars { arguments, result } => scalars(call, bound, arguments, *result),
        Form::Value { input } => value(call, bound, input),
        Form::Trigger => trigger::row(call, bound),
        Form::EventTrigger => trigger::event(call, bound),
    }
}

#[inline]
fn scalars(call: &Call<'_>, bound: &Bound, arguments: &[Scalar], result: Option<Scalar>) -> Result<Reply, PgError> {
    let mut few = [0u64; FEW];
    let mut many = Vec::new();
    let bits = match few.get_mut(..arguments.len()) {
        Some(few) => few,
        None => {
            many.resize(arguments.len(), 0);
            &mut many
        }
    };
    for (i, (slot, scalar)) in bits.iter_mut().zip(arguments).enumerate() {
        // A wasm number cannot be NULL: as for a STRICT function the result is.
        let Some(value) = call.scalar(i, *scalar) else { return Ok(Reply::NULL) };
        *slot = value;
    }
    let value = invoke::scalar(&bound.target, bits, Entrance::sql(bound.scope()))?;
    match result {
        None => Ok(Reply::VOID),
        Some(scalar) => Reply::scalar(scalar, value)
            .map_err(|_| PgError::new(crate::pg::SqlState::new(b"22003"), "smallint out of range")),
    }
}

fn value(call: &mut Call<'_>, bound: &Bound, input: &Input) -> Result<Reply, PgError> {
    let mut bytes = Vec::new();
    if bound.reads_input {
        bytes.reserve(256);
        write_input(call, input, bound.target.input_limit(), &mut bytes)?;
    }
    let given = Given::Plain(&bytes);
    invoke::bytes(&bound.target, given, Entrance::sql(bound.scope()), |out| output::reply(call, bound, out))
}

fn write_input(call: &Call<'_>, input: &Input, limit: usize, out: &mut Vec<u8>) -> Result<(), PgError> {
    match input {
        Input::Empty => {}
        Input::Bytes(r#type) => {
            let is_json = *r#type == crate::pg::TypeId::JSON || *r#type == crate::pg::TypeId::JSONB;
            if !call.bytes(0, *r#type, out)? && is_json {
                out.extend_from_slice(b"null");
            }
        }
        Input::Object(arguments) => {
            out.push(b'{');
            for (i, (name, kind)) in arguments.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                escape(name.as_bytes(), out);
                out.push(b':');
                call.json(i, kind, out, limit)?;
            }
            out.push(b'}');
        }
        Input::Array(kinds) => {
            out.push(b'[');
            for (i, kind) in kinds.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                call.json(i, kind, out, limit)?;
            }
            out.push(b']');
        }
    }
    if u32::try_from(out.len()).is_ok() {
        return Ok(());
    }
    Err(Error::Internal("input is larger than 4 GB".into()).into())
}
