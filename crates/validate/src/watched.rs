//! A JSON value whose every part asks, before it is looked at, whether the check is to go on.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::panic::resume_unwind;

use jsonschema::json::{Array, Json, Node, NodeIdentity, Object, SerdeJson};
use jsonschema::types::JsonType;
use serde_json::{Map, Value};

/// Says whether a check must end.
pub trait Pulse: Send + Sync + 'static {
    /// Asked at each step.
    fn must_end() -> bool;
}

/// What unwinds a check that must end.
pub(crate) struct Stop;

/// Asks whether to go on; does not return if not.
#[inline]
pub(crate) fn beat<P: Pulse>() {
    if P::must_end() {
        // Not a panic: no hook hears of it. The validator keeps nothing between checks that it could leave half done.
        resume_unwind(Box::new(Stop));
    }
}

/// serde_json's values, watched.
pub(crate) struct Watched<P>(PhantomData<P>);

/// One of them.
pub(crate) struct Watch<'a, P>(&'a Value, PhantomData<P>);

impl<'a, P> Watch<'a, P> {
    pub(crate) fn over(value: &'a Value) -> Self {
        Self(value, PhantomData)
    }
}

impl<P> Clone for Watch<'_, P> {
    fn clone(&self) -> Self {
        Self::over(self.0)
    }
}

impl<P: Pulse> Json for Watched<P> {
    type Node<'a> = Watch<'a, P>;
    type PreparedKey = String;
    type StringBuffer = ();

    const KEYS_PER_LOOKUP: usize = SerdeJson::KEYS_PER_LOOKUP;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        SerdeJson::prepare_key(key)
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Watch<'_, P>) -> T) -> T {
        SerdeJson::with_string_node(&mut (), string, |value| f(Watch::over(value)))
    }
}

impl<'a, P: Pulse> Node<'a, Watched<P>> for Watch<'a, P> {
    type Object = Members<'a, P>;
    type Array = Items<'a, P>;
    type Number = &'a serde_json::Number;

    fn as_object(&self) -> Option<Members<'a, P>> {
        beat::<P>();
        Node::<SerdeJson>::as_object(&self.0).map(|members| Members(members, PhantomData))
    }

    fn as_array(&self) -> Option<Items<'a, P>> {
        beat::<P>();
        Node::<SerdeJson>::as_array(&self.0).map(|items| Items(items, PhantomData))
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        beat::<P>();
        Node::<SerdeJson>::as_string(&self.0)
    }

    fn as_number(&self) -> Option<&'a serde_json::Number> {
        Node::<SerdeJson>::as_number(&self.0)
    }

    fn as_boolean(&self) -> Option<bool> {
        Node::<SerdeJson>::as_boolean(&self.0)
    }

    fn is_null(&self) -> bool {
        self.0.is_null()
    }

    fn json_type(&self) -> JsonType {
        beat::<P>();
        Node::<SerdeJson>::json_type(&self.0)
    }

    fn string_length(&self) -> Option<u64> {
        Node::<SerdeJson>::string_length(&self.0)
    }

    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        Node::<SerdeJson>::string_length_within(&self.0, min, max)
    }

    fn equals_value(&self, expected: &Value) -> bool {
        beat::<P>();
        Node::<SerdeJson>::equals_value(&self.0, expected)
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Borrowed(self.0)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Node::<SerdeJson>::identity(&self.0)
    }
}

pub(crate) struct Members<'a, P>(&'a Map<String, Value>, PhantomData<P>);

pub(crate) struct MembersIter<'a, P>(serde_json::map::Iter<'a>, PhantomData<P>);

impl<'a, P: Pulse> Iterator for MembersIter<'a, P> {
    type Item = (&'a str, Watch<'a, P>);

    fn next(&mut self) -> Option<Self::Item> {
        beat::<P>();
        self.0.next().map(|(name, value)| (name.as_str(), Watch::over(value)))
    }
}

impl<'a, P: Pulse> Object<'a, Watched<P>> for Members<'a, P> {
    type Node = Watch<'a, P>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a, P>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, key: &String) -> Option<Watch<'a, P>> {
        beat::<P>();
        self.0.get(key).map(Watch::over)
    }

    fn members(&self) -> MembersIter<'a, P> {
        MembersIter(self.0.iter(), PhantomData)
    }
}

pub(crate) struct Items<'a, P>(&'a [Value], PhantomData<P>);

pub(crate) struct ItemsIter<'a, P>(std::slice::Iter<'a, Value>, PhantomData<P>);

impl<'a, P: Pulse> Iterator for ItemsIter<'a, P> {
    type Item = Watch<'a, P>;

    fn next(&mut self) -> Option<Self::Item> {
        beat::<P>();
        self.0.next().map(Watch::over)
    }
}

impl<'a, P: Pulse> Array<'a, Watched<P>> for Items<'a, P> {
    type Node = Watch<'a, P>;
    type ElementsIter = ItemsIter<'a, P>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn elements(&self) -> ItemsIter<'a, P> {
        ItemsIter(self.0.iter(), PhantomData)
    }

    fn is_unique(&self) -> bool {
        beat::<P>();
        Array::<SerdeJson>::is_unique(&self.0)
    }
}
