//! What CREATE FUNCTION … LANGUAGE wasm checks, and the answer to a DO block.

use super::bound::{bind_source, check_owner, form, split_source};
use crate::catalog;
use crate::error::Error;
use crate::invoke::Target;
use crate::pg::{Call, PgError, Procedure, Reply, backend};

/// Called by CREATE FUNCTION. Says nothing while a dump is restored: catalog rows come after function definitions
/// there, and the first call checks the same.
pub(super) fn validate(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let Some(oid) = call.oid(0) else { return Ok(Reply::VOID) };
    if !call.may_validate(oid)? || !backend::checks_function_bodies() {
        return Ok(Reply::VOID);
    }
    let procedure = Procedure::read(oid)?;
    let (name, export) = split_source(&procedure.source);
    if name.is_empty() {
        return Err(Error::InvalidArgument {
            message: "the AS clause of a function in language wasm must name a deployed function".to_owned(),
            hint: Some("Write AS 'function' or AS 'function:export'.".to_owned()),
        }
        .into());
    }
    let function = catalog::find(name)?;
    check_owner(&procedure, &function)?;
    refuse_pseudo_types(&procedure, "wasm")?;
    let target = match export {
        Some(export) => Target::prepare(function, export)?,
        None => Target::of_function(&function)?,
    };
    form(&procedure, &target.module, &target.export)?;
    Ok(Reply::VOID)
}

/// Called by CREATE FUNCTION in language javascript: compiles the source, evaluates its top level, and keeps what came
/// of it for the first call.
pub(super) fn validate_javascript(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let Some(oid) = call.oid(0) else { return Ok(Reply::VOID) };
    if !call.may_validate(oid)? || !backend::checks_function_bodies() {
        return Ok(Reply::VOID);
    }
    let procedure = Procedure::read(oid)?;
    refuse_pseudo_types(&procedure, "javascript")?;
    let source = procedure.source.clone();
    bind_source(procedure).map(|_| Reply::VOID).map_err(|error| pointing_into(&source, error))
}

/// An error whose first frame is a place in the source points there.
fn pointing_into(source: &str, error: PgError) -> PgError {
    let frame = error.context.as_deref().and_then(|context| context.lines().next()).unwrap_or_default();
    let place = frame.split_once("line ").and_then(|(_, rest)| {
        let (line, rest) = rest.split_once(", column ")?;
        let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
        Some((line.parse::<usize>().ok()?, digits.parse::<usize>().ok()?))
    });
    let Some((line, column)) = place else { return error };
    let before: usize = source.split('\n').take(line.saturating_sub(1)).map(|line| line.chars().count() + 1).sum();
    error.at(source, before + column)
}

fn refuse_pseudo_types(procedure: &Procedure, language: &str) -> Result<(), PgError> {
    for argument in &procedure.arguments {
        if argument.r#type.is_pseudo()? {
            return Err(Error::Unsupported {
                message: format!(
                    "functions in language {language} cannot take arguments of type {}",
                    argument.r#type.name()?
                ),
                hint: Some("Use a concrete type, or jsonb.".to_owned()),
            }
            .into());
        }
    }
    Ok(())
}

/// Called by DO.
pub(super) fn inline(_call: &mut Call<'_>) -> Result<Reply, PgError> {
    Err(Error::Unsupported {
        message: "language wasm does not support DO blocks".to_owned(),
        hint: Some("Deploy a module with fn_deploy and call its function with SELECT.".to_owned()),
    }
    .into())
}
