//! Text → [`Node`]: bounded in length, depth, number of values and alias expansion before anything looks at it.
//! It must not know what a manifest means.

use std::collections::HashSet;

use serde_json::Number;
use serde_yaml::options::MergeKeyPolicy;
use serde_yaml::{Location, Options, Spanned};

use super::placeholder::Mask;
use super::problem::explain;
use super::scalar::Raw;
use crate::error::{At, quoted};
use crate::{MAX_TEXT_BYTES, ManifestError};

/// Deepest nesting; the manifest itself needs five levels, the rest is for JSON Schemas.
const MAX_DEPTH: usize = 32;
/// Values in one manifest, those that aliases repeat included.
const MAX_NODES: usize = 50_000;
/// Bytes of all scalars, those that aliases repeat included.
const MAX_SCALAR_BYTES: usize = 2 * MAX_TEXT_BYTES;

/// A value and its place: where it is written, or where the alias stands that repeats it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

/// A YAML value.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    /// `text` is what the author wrote, e.g. `True`.
    Bool {
        value: bool,
        text: String,
    },
    /// `text` is what the author wrote: `1.10` stays `1.10`.
    Number {
        value: Number,
        text: String,
    },
    Text(String),
    List(Vec<Node>),
    /// In the author's order, no key twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping, as text.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) at: At,
    pub(crate) name: String,
}

/// Reads one YAML document. Empty text is `Value::Null`.
///
/// # Errors
/// Text that is too long, is not YAML, or uses more of YAML than a manifest needs.
pub(crate) fn parse(text: &str) -> Result<Node, ManifestError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(At::START.error(format!("manifest must not be longer than {MAX_TEXT_BYTES} bytes")));
    }
    let mask = Mask::hide(text);
    let raw: Spanned<Raw> =
        serde_yaml::from_str_with_options(&mask.text, options()).map_err(|error| explain(&error, &mask))?;
    node(raw, &mask)
}

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_total_scalar_bytes: MAX_SCALAR_BYTES,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: MAX_NODES },
        merge_keys: MergeKeyPolicy::Error,
        // `no` is Norway, not false.
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn node(raw: Spanned<Raw>, mask: &Mask<'_>) -> Result<Node, ManifestError> {
    let at = at(raw.referenced);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(value) => Value::Bool { value, text: written(raw.defined, mask) },
        Raw::Number(value) => Value::Number { value, text: written(raw.defined, mask) },
        Raw::Text(text) => Value::Text(storable(mask.reveal(&text), at)?),
        Raw::List(entries) => {
            Value::List(entries.into_iter().map(|entry| node(entry, mask)).collect::<Result<_, _>>()?)
        }
        Raw::Map(entries) => map(entries, mask)?,
    };
    Ok(Node { at, value })
}

fn map(entries: Vec<(Spanned<Raw>, Spanned<Raw>)>, mask: &Mask<'_>) -> Result<Value, ManifestError> {
    let mut seen = HashSet::with_capacity(entries.len());
    let mut pairs = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let name = key(name, mask)?;
        // YAML tells `1` from `"1"`; as text they are the same key.
        if !seen.insert(name.name.clone()) {
            return Err(name.at.error(format!("duplicate key {}", quoted(&name.name))));
        }
        pairs.push((name, node(value, mask)?));
    }
    Ok(Value::Map(pairs))
}

fn key(raw: Spanned<Raw>, mask: &Mask<'_>) -> Result<Key, ManifestError> {
    let at = at(raw.referenced);
    let name = match raw.value {
        Raw::Text(text) => storable(mask.reveal(&text), at)?,
        Raw::Null | Raw::Bool(_) | Raw::Number(_) => written(raw.defined, mask),
        Raw::List(_) | Raw::Map(_) => return Err(at.error("key must be text, not a list or a mapping")),
    };
    Ok(Key { at, name })
}

/// PostgreSQL's text cannot hold U+0000, which YAML can write as `"\0"`.
fn storable(text: String, at: At) -> Result<String, ManifestError> {
    if text.contains('\0') {
        return Err(at.error("text must not contain a null character"));
    }
    Ok(text)
}

/// A plain scalar as the author wrote it.
fn written(defined: Location, mask: &Mask<'_>) -> String {
    let span = defined.span();
    let bytes = span.byte_offset().zip(span.byte_len()).and_then(|(start, length)| {
        let start = usize::try_from(start).ok()?;
        mask.text.get(start..start.checked_add(usize::try_from(length).ok()?)?)
    });
    mask.reveal(bytes.unwrap_or_default())
}

/// The parser's own place; line and column 0 mean that it has none.
pub(super) fn at(location: Location) -> At {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).max(1);
    At { line: number(location.line()), column: number(location.column()) }
}
