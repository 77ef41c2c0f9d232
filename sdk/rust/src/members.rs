//! An object of the host's, member by member. What the host writes needs no error with a path, and members that are picked by
//! hand are a fraction of the code that derived readers of the same types become, in every function.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// The members of an object in their order, values as they are written.
#[derive(Default)]
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'a> Members<'a> {
    /// The object that a text is; without members when it is none.
    pub(crate) fn of(text: &'a [u8]) -> Self {
        serde_json::from_slice(text).unwrap_or_default()
    }

    /// A member, unless it is null.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value).filter(|value| value.get() != "null")
    }

    /// A member to keep.
    pub(crate) fn kept(&self, name: &str) -> Option<Box<RawValue>> {
        self.raw(name).map(ToOwned::to_owned)
    }

    /// A member that is an object.
    pub(crate) fn object(&self, name: &str) -> Option<Members<'a>> {
        self.raw(name).map(|value| Members::of(value.get().as_bytes()))
    }

    /// A member that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.raw(name).and_then(|value| serde_json::from_str(value.get()).ok())
    }

    /// A member that is a whole number.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.raw(name).and_then(|value| value.get().parse().ok())
    }
}

/// An event: what it says of itself, and its blocks, read in one pass since every function of a trigger begins with it.
#[derive(Default)]
pub(crate) struct Parts<'a> {
    pub(crate) own: Members<'a>,
    blocks: Vec<(Cow<'a, str>, Members<'a>)>,
}

impl<'a> Parts<'a> {
    /// The event that a text is; empty when it is none.
    pub(crate) fn of(text: &'a [u8]) -> Self {
        serde_json::from_slice(text).unwrap_or_default()
    }

    /// A block, unless it is null.
    pub(crate) fn block(&self, name: &str) -> Option<&Members<'a>> {
        self.blocks.iter().find(|(known, _)| known == name).map(|(_, members)| members)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Parts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Parts<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts<'de>, A::Error> {
                let mut parts = Parts::default();
                while let Some(Name(name)) = map.next_key()? {
                    if matches!(&*name, "function" | "auth" | "database" | "schedule") {
                        parts.blocks.extend(map.next_value::<Option<Members<'de>>>()?.map(|members| (name, members)));
                    } else {
                        parts.own.0.push((name, map.next_value()?));
                    }
                }
                Ok(parts)
            }
        }
        deserializer.deserialize_map(Read)
    }
}
