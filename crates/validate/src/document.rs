//! JSON text becomes a value, which takes many times its text in memory: bounded, and asked at each part whether to go on.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::watched::{Pulse, beat};

/// What a value takes beside its text: itself, its share of the table that it is in, and of the allocator's.
const VALUE_BYTES: usize = 96;

/// Why there is no value.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It is no JSON.
    Malformed(String),
    /// It would take more than it may.
    TooLarge,
}

/// The value that `text` is, of at most `max_bytes` in memory.
pub(crate) fn read<P: Pulse>(text: &[u8], max_bytes: usize) -> Result<Value, Unreadable> {
    let mut room = Room { left: max_bytes, is_full: false, beat: beat::<P> };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Seed(&mut room).deserialize(&mut deserializer);
    match value.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => Ok(value),
        Err(_) if room.is_full => Err(Unreadable::TooLarge),
        Err(error) => Err(Unreadable::Malformed(error.to_string())),
    }
}

struct Room {
    left: usize,
    is_full: bool,
    beat: fn(),
}

impl Room {
    fn take<E: Error>(&mut self, bytes: usize) -> Result<(), E> {
        (self.beat)();
        if let Some(left) = self.left.checked_sub(bytes.saturating_add(VALUE_BYTES)) {
            self.left = left;
            return Ok(());
        }
        self.is_full = true;
        Err(E::custom("too large"))
    }
}

struct Seed<'a>(&'a mut Room);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.0.take(0)?;
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.0.take(0)?;
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.0.take(0)?;
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.0.take(0)?;
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.0.take(0)?;
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.0.take(value.len())?;
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.0.take(0)?;
        let mut list = Vec::new();
        while let Some(member) = members.next_element_seed(Seed(&mut *self.0))? {
            list.push(member);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.0.take(0)?;
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            self.0.take(key.len())?;
            map.insert(key, members.next_value_seed(Seed(&mut *self.0))?);
        }
        Ok(Value::Object(map))
    }
}
