//! One value of the tree, read as the type its key wants, with one wording for each way it can be wrong.
//! It must not know the manifest's keys.

use std::ops::RangeInclusive;

use crate::error::{At, enumeration, quoted};
use crate::fields::{Fields, place};
use crate::yaml::{Key, Node, Value};
use crate::{MAX_ENTRIES, ManifestError};

/// A value and the name that messages give it.
pub(crate) struct Field {
    /// Where errors about the value point: at the value, or at its key where there is none.
    pub(crate) at: At,
    label: String,
    value: Value,
}

impl Field {
    /// The whole document.
    pub(crate) fn document(node: Node) -> Self {
        Self { at: node.at, label: "manifest".to_owned(), value: node.value }
    }

    /// The value under a key; `of` says of what the key is one, where that is not plain.
    pub(crate) fn under(key: &Key, node: Node, of: &str) -> Self {
        Self { at: place(key, &node), label: format!("{}{of}", quoted(&key.name)), value: node.value }
    }

    /// An error about this value; the message goes on from its name.
    pub(crate) fn error(&self, message: &str) -> ManifestError {
        self.at.error(format!("{} {message}", self.label))
    }

    /// Text, also empty text.
    pub(crate) fn text(self) -> Result<String, ManifestError> {
        match self.value {
            Value::Text(text) => Ok(text),
            Value::Bool { .. } | Value::Number { .. } => {
                Err(self.mismatch("text").hint("Put the value in quotes if it is meant as text."))
            }
            _ => Err(self.mismatch("text")),
        }
    }

    /// Text that is not blank.
    pub(crate) fn filled_text(self) -> Result<String, ManifestError> {
        let (at, label) = (self.at, self.label.clone());
        let text = self.text()?;
        if text.trim().is_empty() { Err(at.error(format!("{label} must not be empty"))) } else { Ok(text) }
    }

    /// Text that passes a check; `rule` goes on from the value's name.
    pub(crate) fn text_like(self, check: impl Fn(&str) -> bool, rule: &str) -> Result<String, ManifestError> {
        let (at, label) = (self.at, self.label.clone());
        let text = self.text()?;
        if check(&text) { Ok(text) } else { Err(at.error(format!("{label} {rule}, not {}", quoted(&text)))) }
    }

    /// Text, or a number or boolean as its author wrote it.
    pub(crate) fn scalar_text(self) -> Result<String, ManifestError> {
        match self.value {
            Value::Text(text) | Value::Bool { text, .. } | Value::Number { text, .. } => Ok(text),
            _ => Err(self.mismatch("text, a number or a boolean")),
        }
    }

    /// Text with a unit, read by `read` into the given range; `units` is a full sentence.
    pub(crate) fn quantity(
        self,
        read: impl Fn(&str) -> Option<u64>,
        range: RangeInclusive<u64>,
        range_text: &str,
        units: &str,
    ) -> Result<u64, ManifestError> {
        if let Value::Number { .. } = self.value {
            return Err(self.error("has no unit").hint(units));
        }
        let (at, label) = (self.at, self.label.clone());
        let text = self.text()?;
        let amount = read(&text)
            .ok_or_else(|| at.error(format!("{} is not a valid value for {label}", quoted(&text))).hint(units))?;
        if range.contains(&amount) { Ok(amount) } else { Err(at.error(format!("{label} must be {range_text}"))) }
    }

    /// Text that `read` understands; `valid` is a full sentence.
    pub(crate) fn parsed<T>(self, read: impl Fn(&str) -> Option<T>, valid: &str) -> Result<T, ManifestError> {
        let (at, label) = (self.at, self.label.clone());
        let text = self.scalar_text()?;
        read(&text).ok_or_else(|| at.error(format!("{} is not a valid value for {label}", quoted(&text))).hint(valid))
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(self, words: &[(&'static str, T)]) -> Result<T, ManifestError> {
        let valid: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let sentence = format!("Valid values are {}.", enumeration(&valid));
        self.parsed(|text| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value), &sentence)
    }

    /// `true` or `false`.
    pub(crate) fn flag(self) -> Result<bool, ManifestError> {
        match self.value {
            Value::Bool { value, .. } => Ok(value),
            _ => Err(self.mismatch("true or false")),
        }
    }

    /// A whole number in a range.
    pub(crate) fn integer(self, range: RangeInclusive<u32>) -> Result<u32, ManifestError> {
        let Value::Number { value, .. } = &self.value else {
            return Err(self.mismatch("a whole number"));
        };
        let whole = value.as_u64().and_then(|value| u32::try_from(value).ok());
        whole
            .filter(|value| range.contains(value))
            .ok_or_else(|| self.error(&format!("must be a whole number between {} and {}", range.start(), range.end())))
    }

    /// A list of at most [`MAX_ENTRIES`]; a key without a value is an empty one.
    pub(crate) fn list(self) -> Result<Vec<Field>, ManifestError> {
        let label = format!("entry of {}", self.label);
        match self.value {
            Value::Null => Ok(Vec::new()),
            Value::List(nodes) => {
                if let Some(extra) = nodes.get(MAX_ENTRIES) {
                    return Err(too_many(extra.at, &self.label));
                }
                let entry = |node: Node| Field { at: node.at, label: label.clone(), value: node.value };
                Ok(nodes.into_iter().map(entry).collect())
            }
            _ => Err(self.mismatch("a list")),
        }
    }

    /// A list, or one entry of it without the brackets.
    pub(crate) fn one_or_more(self) -> Result<Vec<Field>, ManifestError> {
        match self.value {
            Value::Text(_) => Ok(vec![self]),
            _ => self.list(),
        }
    }

    /// A list of which each entry is read by `read` and no two are equal.
    pub(crate) fn distinct<T: PartialEq>(
        fields: Vec<Field>,
        read: impl Fn(Field) -> Result<T, ManifestError>,
    ) -> Result<Vec<T>, ManifestError> {
        let mut values: Vec<T> = Vec::with_capacity(fields.len());
        for field in fields {
            let (at, label) = (field.at, field.label.clone());
            let value = read(field)?;
            if values.contains(&value) {
                return Err(at.error(format!("{label} is listed twice")));
            }
            values.push(value);
        }
        Ok(values)
    }

    /// A mapping whose keys are known; a key without a value is an empty one.
    pub(crate) fn fields(self, what: &'static str) -> Result<Fields, ManifestError> {
        Ok(Fields::new(self.at, what, self.entries()?))
    }

    /// A mapping whose keys are the author's, at most [`MAX_ENTRIES`] of them.
    pub(crate) fn pairs(self) -> Result<Vec<(Key, Field)>, ManifestError> {
        let of = format!(" in {}", self.label);
        let label = self.label.clone();
        let entries = self.entries()?;
        if let Some((extra, _)) = entries.get(MAX_ENTRIES) {
            return Err(too_many(extra.at, &label));
        }
        let pair = |(key, node)| {
            let field = Field::under(&key, node, &of);
            (key, field)
        };
        Ok(entries.into_iter().map(pair).collect())
    }

    /// A mapping as a JSON object, of any depth the text may have.
    pub(crate) fn json_object(self) -> Result<serde_json::Value, ManifestError> {
        match self.value {
            Value::Map(_) => Ok(json(self.value)),
            _ => Err(self.mismatch("a mapping of keys to values")),
        }
    }

    fn entries(self) -> Result<Vec<(Key, Node)>, ManifestError> {
        match self.value {
            Value::Null => Ok(Vec::new()),
            Value::Map(entries) => Ok(entries),
            _ => Err(self.mismatch("a mapping of keys to values")),
        }
    }

    fn mismatch(&self, wanted: &str) -> ManifestError {
        match &self.value {
            Value::Null => self.error("has no value"),
            found => self.error(&format!("must be {wanted}, not {}", kind(found))),
        }
    }
}

fn too_many(at: At, label: &str) -> ManifestError {
    at.error(format!("{label} must not have more than {MAX_ENTRIES} entries"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool { .. } => "a boolean",
        Value::Number { .. } => "a number",
        Value::Text(_) => "text",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
    }
}

fn json(value: Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool { value, .. } => value.into(),
        Value::Number { value, .. } => serde_json::Value::Number(value),
        Value::Text(text) => text.into(),
        Value::List(nodes) => nodes.into_iter().map(|node| json(node.value)).collect(),
        Value::Map(entries) => {
            serde_json::Value::Object(entries.into_iter().map(|(key, node)| (key.name, json(node.value))).collect())
        }
    }
}
