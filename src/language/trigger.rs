//! The trigger protocol (SPEC §6): a row change becomes an event, the outcome becomes the row, a skip or nothing.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::bound::Bound;
use crate::error::Error;
use crate::invoke::{self, Entrance, Event, Input, InvocationId, Occasion, Scope, Trigger as Source};
use crate::pg::trigger::{EventTriggerScope, Operation, Timing, Trigger, write_event_trigger};
use crate::pg::{Call, PgError, Reply, current_role};

/// Called for a function that returns trigger.
pub(super) fn row(call: &mut Call<'_>, bound: &Bound) -> Result<Reply, PgError> {
    let Some(mut trigger) = Trigger::of(call)? else { return Err(not_a_trigger("a trigger")) };
    if let Some(names) = &bound.target.function.manifest.reads {
        trigger = trigger.reading(names, &bound.narrowed)?;
    }
    if trigger.is_asynchronous() {
        return later(&trigger, bound);
    }
    let mut input = Vec::new();
    let mut occasion = occasion();
    if bound.reads_input {
        input.reserve(1024);
        event_of(bound, &mut occasion).write(&mut input, |out| trigger.write(out, bound.target.input_limit()))?;
    }
    let is_deciding = trigger.is_row() && trigger.timing() != Timing::After;
    let scope = Scope { transition: trigger.transition_tables(), ..Scope::default() };
    invoke::bytes(&bound.target, Input::Change(&input), Entrance { scope, occasion, is_kept: false }, |output| {
        match output {
            Some(bytes) if is_deciding => outcome(&trigger, bytes),
            _ => Ok(trigger.keep()),
        }
    })
}

/// The event is written now, from the row as it is; the function is called after commit.
fn later(trigger: &Trigger<'_>, bound: &Bound) -> Result<Reply, PgError> {
    if trigger.timing() != Timing::After {
        return Err(Error::Unsupported {
            message: "an asynchronous trigger must be an AFTER trigger".to_owned(),
            hint: Some("A job cannot change or drop the row that led to it.".to_owned()),
        }
        .into());
    }
    if bound.target.function.source.is_some() {
        return Err(Error::Unsupported {
            message: "functions in language javascript cannot be called asynchronously".to_owned(),
            hint: Some("Deploy the function, or have it call enqueue().".to_owned()),
        }
        .into());
    }
    let mut block = Vec::with_capacity(1024);
    trigger.write(&mut block, bound.target.input_limit())?;
    let block = String::from_utf8(block).map_err(|error| Error::Internal(error.to_string()))?;
    invoke::enqueue_event(&bound.target.function, block, current_role())?;
    Ok(trigger.keep())
}

/// Called for a function that returns event_trigger.
pub(super) fn event(call: &mut Call<'_>, bound: &Bound) -> Result<Reply, PgError> {
    if !call.is_event_trigger() {
        return Err(not_a_trigger("an event trigger"));
    }
    let _running = EventTriggerScope::open();
    let mut input = Vec::with_capacity(512);
    let mut occasion = occasion();
    event_of(bound, &mut occasion).write(&mut input, |out| {
        write_event_trigger(call, out);
        Ok(())
    })?;
    let entrance = Entrance { scope: Scope::default(), occasion, is_kept: false };
    invoke::bytes(&bound.target, Input::Change(&input), entrance, |_| Ok(Reply::VOID))
}

/// A trigger's invocation, which gets its id when nobody else has given it one.
fn occasion() -> Occasion {
    Occasion { trigger: Source::Database, id: None, attempt: 1 }
}

/// The event of an invocation, under the id that it will be recorded under.
fn event_of<'a>(bound: &'a Bound, occasion: &mut Occasion) -> Event<'a> {
    let function = &*bound.target.function;
    let id = *occasion.id.get_or_insert_with(InvocationId::new);
    Event { id, function, trigger: occasion.trigger, role: current_role(), input: "null", attempt: 1 }
}

fn not_a_trigger(what: &str) -> PgError {
    PgError::new(crate::pg::SqlState::new(b"39P01"), format!("this function can only be called as {what}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with \"row\" or \"skip\", or null")]
struct Outcome<'a> {
    #[serde(borrow, default)]
    row: Option<Fields<'a>>,
    #[serde(default)]
    skip: bool,
}

/// The members of a JSON object in order, values untouched.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of columns")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((Key(name), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

fn outcome(trigger: &Trigger<'_>, bytes: &[u8]) -> Result<Reply, PgError> {
    let wrong = |message: String| PgError::from(Error::BadTriggerOutcome { message });
    let outcome: Option<Outcome<'_>> =
        serde_json::from_slice(bytes).map_err(|error| wrong(format!("trigger outcome is not valid: {error}")))?;
    match outcome {
        None => Ok(trigger.keep()),
        Some(Outcome { skip: true, row: None }) => Ok(trigger.skip()),
        Some(Outcome { skip: false, row: Some(Fields(fields)) }) => {
            if trigger.operation() == Operation::Delete {
                return Err(wrong("trigger outcome sets columns, but a deleted row has no new version".to_owned()));
            }
            trigger.merge(fields.iter().map(|(name, value)| (name.as_ref(), *value)))
        }
        Some(Outcome { skip: true, row: Some(_) }) => {
            Err(wrong("trigger outcome has both \"row\" and \"skip\"".to_owned()))
        }
        Some(Outcome { skip: false, row: None }) => {
            Err(wrong("trigger outcome has neither \"row\" nor \"skip\"".to_owned()))
        }
    }
}
