//! The trigger protocol (SPEC §6): a row change becomes an event, the outcome becomes the row, a skip or nothing.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::bound::Bound;
use crate::error::Error;
use crate::invoke::{self, Event, Scope, Trigger as Source};
use crate::pg::trigger::{Operation, Timing, Trigger, write_event_trigger};
use crate::pg::{Call, PgError, Reply, current_role};

/// Called for a function that returns trigger.
pub(super) fn row(call: &mut Call<'_>, bound: &Bound) -> Result<Reply, PgError> {
    let Some(trigger) = Trigger::of(call)? else { return Err(not_a_trigger("a trigger")) };
    let mut input = Vec::new();
    if bound.reads_input {
        input.reserve(1024);
        event_of(bound).write(&mut input, |out| trigger.write(out, bound.target.input_limit()))?;
    }
    let is_deciding = trigger.is_row() && trigger.timing() != Timing::After;
    let scope = Scope { transition: trigger.transition_tables(), ..Scope::default() };
    invoke::bytes(&bound.target, &input, scope, |output| match output {
        Some(bytes) if is_deciding => outcome(&trigger, bytes),
        _ => Ok(trigger.keep()),
    })
}

/// Called for a function that returns event_trigger.
pub(super) fn event(call: &mut Call<'_>, bound: &Bound) -> Result<Reply, PgError> {
    if !call.is_event_trigger() {
        return Err(not_a_trigger("an event trigger"));
    }
    let mut input = Vec::with_capacity(512);
    event_of(bound).write(&mut input, |out| {
        write_event_trigger(call, out);
        Ok(())
    })?;
    invoke::bytes(&bound.target, &input, Scope::default(), |_| Ok(Reply::VOID))
}

fn event_of(bound: &Bound) -> Event<'_> {
    let function = &*bound.target.function;
    Event { function, trigger: Source::Database, role: current_role() }
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
