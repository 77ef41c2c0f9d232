//! Mappings with known keys: which there are, which must be there, which were right once.
//! It must not know the manifest's keys.

use crate::error::{At, enumeration, quoted};
use crate::field::Field;
use crate::yaml::{Key, Node, Value};
use crate::{ManifestError, names};

/// A mapping with known keys, of which each can be taken once.
pub(crate) struct Fields {
    /// Where the mapping stands.
    pub(crate) at: At,
    /// What it is, for messages: `database hook`; the manifest itself has no name.
    what: &'static str,
    entries: Vec<(Key, Node)>,
}

impl Fields {
    /// The mapping at `at`, called `what` in messages.
    pub(crate) fn new(at: At, what: &'static str, entries: Vec<(Key, Node)>) -> Self {
        Self { at, what, entries }
    }

    /// Gives the mapping a closer name, once its kind is known.
    pub(crate) fn rename(&mut self, what: &'static str) {
        self.what = what;
    }

    /// Where a key's value stands, or the mapping if the author left it out.
    pub(crate) fn place(&self, key: &str) -> At {
        self.entries.iter().find(|(found, _)| found.name == key).map_or(self.at, |(key, node)| place(key, node))
    }

    /// The value under a key, if the author wrote it.
    pub(crate) fn take(&mut self, key: &str) -> Option<Field> {
        let index = self.entries.iter().position(|(found, _)| found.name == key)?;
        let (key, node) = self.entries.swap_remove(index);
        Some(Field::under(&key, node, ""))
    }

    /// The value under a key that must be there.
    pub(crate) fn need(&mut self, key: &str) -> Result<Field, ManifestError> {
        self.take(key).ok_or_else(|| self.at.error(format!("{} has no \"{key}\"", self.what)))
    }

    /// Refuses keys that are not known. `former` knows what became of keys that were right once.
    pub(crate) fn check_keys(
        &self,
        known: &[&'static str],
        former: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<(), ManifestError> {
        let Some((key, _)) = self.entries.iter().find(|(key, _)| !known.contains(&key.name.as_str())) else {
            return Ok(());
        };
        let name = quoted(&key.name);
        if let Some(advice) = former(&key.name) {
            return Err(key.at.error(format!("key {name} of older manifests is not supported")).hint(advice));
        }
        let place = if self.what.is_empty() { String::new() } else { format!(" in {}", self.what) };
        let error = key.at.error(format!("unknown key {name}{place}"));
        Err(match names::closest(&key.name, known.iter().copied()) {
            Some(meant) => error.hint(format!("Did you mean \"{meant}\"?")),
            None => error.hint(format!("Valid keys are {}.", enumeration(known))),
        })
    }
}

/// A value's place, or its key's where there is no value to point at.
pub(crate) fn place(key: &Key, node: &Node) -> At {
    if matches!(node.value, Value::Null) { key.at } else { node.at }
}
