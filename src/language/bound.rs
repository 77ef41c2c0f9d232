//! An SQL function bound to a target: its signature resolved once, found again by a pointer in the query's plan.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use alyx_runtime::{ExportSignature, Module, ValueType};

use super::javascript;
use crate::catalog::{self, Function};
use crate::error::Error;
use crate::host::GuestHost;
use crate::invoke::{Scope, Target};
use crate::pg::current::Current;
use crate::pg::trigger::Narrowed;
use crate::pg::{Call, JsonKind, PgError, Procedure, Scalar, TypeId, inval};

/// The language of an SQL function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// An export of a deployed function.
    Wasm,
    /// Source.
    JavaScript,
}

/// How arguments become input and output becomes the result.
pub(super) enum Form {
    /// Wasm values both ways; no result type means void.
    Scalars { arguments: Vec<Scalar>, result: Option<Scalar> },
    /// Bytes or JSON in, bytes or JSON out.
    Value { input: Input },
    /// A trigger.
    Trigger,
    /// An event trigger.
    EventTrigger,
}

/// How arguments become Extism input.
pub(super) enum Input {
    /// No argument: no input.
    Empty,
    /// One text, bytea, json or jsonb: its bytes.
    Bytes(TypeId),
    /// An object by argument name.
    Object(Vec<(String, JsonKind)>),
    /// An array, where an argument has no name.
    Array(Vec<JsonKind>),
}

/// One SQL function, ready to be called.
pub(super) struct Bound {
    pub(super) procedure: Procedure,
    /// The type below the result's domain, or the result type itself.
    pub(super) result: TypeId,
    pub(super) target: Rc<Target>,
    pub(super) form: Form,
    /// Whether the guest could look at its input at all; if not, none is made.
    pub(super) reads_input: bool,
    /// Of a trigger that reads some of the columns only.
    pub(super) narrowed: Narrowed,
}

impl Bound {
    /// What the SQL side's volatility means for the guest's SQL.
    #[inline]
    pub(super) fn scope(&self) -> Scope {
        Scope { uses_caller_snapshot: !self.procedure.is_volatile, ..Scope::default() }
    }
}

thread_local! {
    // Never dropped with the process: unmapping instances one by one would only delay its end.
    static BOUND: ManuallyDrop<RefCell<Current<u32, Rc<Bound>>>> = ManuallyDrop::new(RefCell::new(Current::new()));
}

/// The bound function behind a call, remembered in the query's plan while no function changes.
#[inline]
pub(super) fn of_call(call: &mut Call<'_>, language: Language) -> Result<Rc<Bound>, PgError> {
    // Read before anything is looked up: what changes meanwhile makes the result outdated, not current.
    let generation = inval::functions();
    if let Some(bound) = call.remembered(generation) {
        return Ok(bound);
    }
    let bound = of_function(call.function(), language)?;
    call.remember(generation, Rc::clone(&bound));
    Ok(bound)
}

/// The bound function of an SQL function's OID.
fn of_function(oid: u32, language: Language) -> Result<Rc<Bound>, PgError> {
    let generation = inval::functions();
    if let Some(found) = BOUND.with(|bound| bound.borrow_mut().get(&oid)) {
        return Ok(found);
    }
    let bound = Rc::new(bind(oid, language)?);
    let displaced = BOUND.with(|table| table.borrow_mut().keep(generation, oid, Rc::clone(&bound)));
    drop(displaced);
    Ok(bound)
}

/// `function[:export]`, as written after AS.
pub(super) fn split_source(source: &str) -> (&str, Option<&str>) {
    match source.trim().split_once(':') {
        Some((function, export)) => (function, Some(export)),
        None => (source.trim(), None),
    }
}

fn bind(oid: u32, language: Language) -> Result<Bound, PgError> {
    let procedure = Procedure::read(oid)?;
    if language == Language::JavaScript {
        return bind_source(procedure);
    }
    let (name, export) = split_source(&procedure.source);
    let function = catalog::find(name)?;
    check_owner(&procedure, &function)?;
    let target = match export {
        Some(export) => Target::prepare(Rc::clone(&function), export)?,
        None => Target::of_function(&function)?,
    };
    let form = form(&procedure, &target.module, &target.export)?;
    let result = procedure.result.base()?;
    let reads_input = target.reads_input();
    Ok(Bound { procedure, result, target, form, reads_input, narrowed: Narrowed::default() })
}

/// A function whose source is in the database. To a body the arguments are an array, whatever their number and types; a
/// module takes them as one that was deployed.
pub(super) fn bind_source(procedure: Procedure) -> Result<Bound, PgError> {
    let target = Target::prepare(javascript::function(&procedure)?, javascript::EXPORT)?;
    if javascript::is_module(&procedure.source) {
        let form = form(&procedure, &target.module, &target.export)?;
        let result = procedure.result.base()?;
        return Ok(Bound { procedure, result, target, form, reads_input: true, narrowed: Narrowed::default() });
    }
    let kinds = procedure.arguments.iter().map(|argument| JsonKind::of(argument.r#type.oid()));
    let form = match procedure.result {
        TypeId::TRIGGER => Form::Trigger,
        TypeId::EVENT_TRIGGER => Form::EventTrigger,
        _ => Form::Value { input: Input::Array(kinds.collect::<Result<_, _>>()?) },
    };
    let result = procedure.result.base()?;
    Ok(Bound { procedure, result, target, form, reads_input: true, narrowed: Narrowed::default() })
}

/// A binding runs with the function's grants and secrets, so only its owner may make one. Asked again at each first
/// call, because a dump is restored with the validator off, and roles lose members.
pub(super) fn check_owner(procedure: &Procedure, function: &Function) -> Result<(), PgError> {
    if procedure.owner.has_rights_of(function.owner) {
        return Ok(());
    }
    Err(Error::NotAllowed {
        message: format!("SQL function \"{}\" may not be bound to function \"{}\"", procedure.name, function.name),
        hint: Some(format!(
            "Its owner \"{}\" must have the rights of role \"{}\", which deployed the function.",
            procedure.owner.name(),
            function.owner.name()
        )),
    }
    .into())
}

/// Works out how this signature meets this export.
///
/// # Errors
/// 0A000 for types that cannot cross, 42883 for an export that does not fit.
pub(super) fn form(procedure: &Procedure, module: &Module<GuestHost>, export: &str) -> Result<Form, PgError> {
    let signature = module.signature(export).ok_or_else(|| Error::Internal("export has gone".into()))?;
    if procedure.result == TypeId::TRIGGER || procedure.result == TypeId::EVENT_TRIGGER {
        require_entry_point(procedure, signature)?;
        let is_trigger = procedure.result == TypeId::TRIGGER;
        return Ok(if is_trigger { Form::Trigger } else { Form::EventTrigger });
    }
    // A domain crosses as its base type; its constraints are checked on the SQL side.
    let types: Vec<TypeId> =
        procedure.arguments.iter().map(|argument| argument.r#type.base()).collect::<Result<_, _>>()?;
    if let Some(form) = scalars(procedure, &types, module, signature)? {
        return Ok(form);
    }
    require_entry_point(procedure, signature)?;
    let input = match procedure.arguments.as_slice() {
        [] => Input::Empty,
        [_] if types.first().is_some_and(|one| is_bytes(*one)) => {
            Input::Bytes(types.first().copied().unwrap_or(TypeId::TEXT))
        }
        all if all.iter().any(|argument| argument.name.is_empty()) => {
            Input::Array(all.iter().map(|argument| JsonKind::of(argument.r#type.oid())).collect::<Result<_, _>>()?)
        }
        all => {
            let named = all
                .iter()
                .map(|argument| JsonKind::of(argument.r#type.oid()).map(|kind| (argument.name.clone(), kind)));
            Input::Object(named.collect::<Result<_, _>>()?)
        }
    };
    Ok(Form::Value { input })
}

pub(super) fn is_bytes(r#type: TypeId) -> bool {
    [TypeId::TEXT, TypeId::BYTEA, TypeId::JSON, TypeId::JSONB].contains(&r#type)
}

fn scalars(
    procedure: &Procedure,
    types: &[TypeId],
    module: &Module<GuestHost>,
    signature: &ExportSignature,
) -> Result<Option<Form>, PgError> {
    let result = procedure.result.base()?;
    let arguments: Option<Vec<Scalar>> = types.iter().map(|one| Scalar::of(*one)).collect();
    let (Some(arguments), false) = (arguments, procedure.returns_set) else { return Ok(None) };
    let result = match (result, Scalar::of(result)) {
        (TypeId::VOID, _) => None,
        (_, Some(scalar)) => Some(scalar),
        (_, None) => return Ok(None),
    };
    let fits = arguments.iter().map(|scalar| wasm_type(*scalar)).eq(signature.params.iter().copied())
        && result.iter().map(|scalar| wasm_type(*scalar)).eq(signature.results.iter().copied());
    // `() -> i32` is also how an Extism plugin looks, whose i32 is an exit code.
    let is_plugin = arguments.is_empty() && module.uses_extism();
    Ok((fits && !is_plugin).then_some(Form::Scalars { arguments, result }))
}

fn wasm_type(scalar: Scalar) -> ValueType {
    match scalar {
        Scalar::Bool | Scalar::Int2 | Scalar::Int4 => ValueType::I32,
        Scalar::Int8 => ValueType::I64,
        Scalar::Float4 => ValueType::F32,
        Scalar::Float8 => ValueType::F64,
    }
}

fn require_entry_point(procedure: &Procedure, signature: &ExportSignature) -> Result<(), PgError> {
    if signature.params.is_empty() && signature.results.len() <= 1 {
        return Ok(());
    }
    Err(Error::Unsupported {
        message: format!(
            "SQL function \"{}\" does not fit export \"{}\", whose type is {signature}",
            procedure.name, signature.name
        ),
        hint: Some(
            "Smallint, integer and boolean are i32, bigint is i64, real is f32, double precision is f64; \
             an export without parameters takes any arguments as Extism input."
                .to_owned(),
        ),
    }
    .into())
}
