//! The text of a manifest before it is checked: which keys stand at its top, and `${VAR}` filled in where it stands, so that
//! lines keep their numbers and the database's complaints point into the author's file.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_yaml::Spanned;

use super::tree::Tree;

/// Braces of placeholders while YAML is parsed: one character for one, as in `alyx-manifest`.
const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

/// A scalar of text, and the bytes of the source that it was written with.
struct Scalar {
    text: String,
    start: usize,
    length: usize,
}

/// The text with values in place of placeholders, and the names it needed.
pub(crate) struct Filled {
    /// The new text.
    pub(crate) text: String,
    /// Names that were replaced, with their values.
    pub(crate) used: Vec<(String, String)>,
    /// Names that have no value.
    pub(crate) missing: BTreeSet<String>,
}

/// Keys at the top of the document; `None` when it is no mapping or no YAML, which its reader will say better.
pub(crate) fn top_keys(text: &str) -> Option<Vec<String>> {
    match tree(&hide(text)).ok()?.value {
        Tree::Null => Some(Vec::new()),
        Tree::Map(entries) => Some(entries.into_iter().map(|(key, _)| reveal(&key.value.plain())).collect()),
        _ => None,
    }
}

/// The document as JSON. `None` when it is no YAML.
pub(crate) fn json(text: &str) -> Option<Value> {
    tree(&hide(text)).ok().map(|root| root.value.json())
}

/// Whether the document is written in braces, so that lines cannot be appended to it.
pub(crate) fn is_flow(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#') && *line != "---");
    first.is_some_and(|line| line.starts_with('{'))
}

/// Fills in placeholders in every text value. Values are quoted as YAML needs it: none can become more than its scalar.
pub(crate) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> Filled {
    let mut filled = Filled { text: text.to_owned(), used: Vec::new(), missing: BTreeSet::new() };
    if !text.contains("${") {
        return filled;
    }
    let masked = hide(text);
    // What is no YAML stays as it is; whoever parses it next says where it breaks.
    let Ok(root) = tree(&masked) else { return filled };
    let mut scalars = Vec::new();
    collect(&root, &mut scalars);
    scalars.sort_by_key(|scalar| std::cmp::Reverse(scalar.start));
    let mut new_text = masked.clone();
    for scalar in scalars {
        let replaced = replace(&scalar.text, &value, &mut filled);
        let end = scalar.start.saturating_add(scalar.length);
        let start = block_start(&masked, scalar.start).unwrap_or(scalar.start);
        let Some(written) = masked.get(start..end) else { continue };
        let plain = !written.starts_with(['"', '\'', '|', '>']);
        let literal = plain && (is_whole_number(&replaced) || replaced == "true" || replaced == "false");
        let quoted = if literal { replaced } else { Value::String(replaced).to_string() };
        // A block of several lines keeps their number.
        let lines = written.matches('\n').count();
        new_text.replace_range(start..end, &(quoted + &"\n".repeat(lines)));
    }
    filled.text = reveal(&new_text);
    filled.used.sort();
    filled.used.dedup();
    filled
}

fn replace(text: &str, value: &impl Fn(&str) -> Option<String>, filled: &mut Filled) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let Some((name, tail)) = after.split_once(CLOSE) else { break };
        out.push_str(before.strip_suffix('$').unwrap_or(before));
        match value(name) {
            Some(value) => {
                out.push_str(&value);
                filled.used.push((name.to_owned(), value));
            }
            None => {
                filled.missing.insert(name.to_owned());
            }
        }
        rest = tail;
    }
    out + rest
}

/// Where a block scalar (`|`, `>`) begins: its span leaves out the line with the sign.
fn block_start(text: &str, content: usize) -> Option<usize> {
    let head = text.get(..content)?;
    let line_end = head.trim_end_matches([' ', '\t']).strip_suffix('\n')?.trim_end();
    let before = line_end.trim_end_matches(['+', '-']).trim_end_matches(|c: char| c.is_ascii_digit());
    let sign = before.strip_suffix(['|', '>'])?;
    sign.ends_with(' ').then_some(sign.len())
}

/// A number that YAML, JSON and its author write alike.
fn is_whole_number(text: &str) -> bool {
    (1..=9).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'))
}

fn hide(text: &str) -> String {
    if text.contains([OPEN, CLOSE]) {
        return text.to_owned();
    }
    let mut masked = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        masked.push_str(before);
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
        let (name, tail) = after.split_at_checked(end).unwrap_or((after, ""));
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        match tail.strip_prefix('}').filter(|_| is_name) {
            Some(tail) => {
                masked.push('$');
                masked.push(OPEN);
                masked.push_str(name);
                masked.push(CLOSE);
                rest = tail;
            }
            None => {
                masked.push_str("${");
                rest = after;
            }
        }
    }
    masked + rest
}

pub(super) fn reveal(text: &str) -> String {
    text.replace(OPEN, "{").replace(CLOSE, "}")
}

fn collect(node: &Spanned<Tree>, scalars: &mut Vec<Scalar>) {
    match &node.value {
        Tree::Text(text) if text.contains(OPEN) => {
            let span = node.defined.span();
            let place = span.byte_offset().zip(span.byte_len());
            if let Some((start, length)) =
                place.and_then(|(at, len)| Some((usize::try_from(at).ok()?, usize::try_from(len).ok()?)))
            {
                scalars.push(Scalar { text: text.clone(), start, length });
            }
        }
        Tree::List(entries) => entries.iter().for_each(|entry| collect(entry, scalars)),
        Tree::Map(entries) => entries.iter().for_each(|(_, entry)| collect(entry, scalars)),
        _ => {}
    }
}

fn tree(masked: &str) -> Result<Spanned<Tree>, serde_yaml::Error> {
    let options = serde_yaml::options! { strict_booleans: true, with_snippet: false };
    serde_yaml::from_str_with_options(masked, options)
}

#[cfg(test)]
mod tests {
    use super::{fill, json, top_keys};

    fn value(name: &str) -> Option<String> {
        let known = [("A", "a: #\"'\nb"), ("N", "8080"), ("T", "true"), ("H", "example.com")];
        known.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn values_stay_in_their_scalar_and_lines_in_their_place() {
        let text = "# top\nenv: { TOKEN: ${A}, PORT: ${N}, ON: ${T} }\nallowed_hosts: [\"https://${H}\", 'https://x.${H}']\ntimeout: 5s\n";
        let filled = fill(text, value);
        let json = json(&filled.text).unwrap();
        assert_eq!(json["env"]["TOKEN"], "a: #\"'\nb");
        assert_eq!(json["env"]["PORT"], 8080);
        assert_eq!(json["env"]["ON"], true);
        assert_eq!(json["allowed_hosts"][1], "https://x.example.com");
        assert_eq!(filled.text.lines().position(|line| line == "timeout: 5s"), Some(3));
        assert!(alyx_manifest::parse(&filled.text).is_ok(), "{}", filled.text);
    }

    #[test]
    fn all_missing_names_are_told_and_the_rest_is_left_alone() {
        let filled = fill("env: {A: ${X}, B: \"${Y} ${X}\", C: $5, D: '${', E: '${1}'}", value);
        assert_eq!(filled.missing.into_iter().collect::<Vec<_>>(), ["X", "Y"]);
        assert_eq!(fill("a: b: c ${X}", value).text, "a: b: c ${X}");
        assert_eq!(fill("timeout: 5s", value).text, "timeout: 5s");
    }

    #[test]
    fn a_block_of_text_keeps_its_lines() {
        let filled = fill("description: |\n  one ${H}\n  two\ntimeout: 5s\n", value);
        let json = json(&filled.text).unwrap();
        assert_eq!(json["description"], "one example.com\ntwo\n");
        assert_eq!(json["timeout"], "5s");
        assert_eq!(filled.text.lines().position(|line| line == "timeout: 5s"), Some(3), "{}", filled.text);
    }

    #[test]
    fn keys_at_the_top() {
        assert_eq!(top_keys("a: 1\n\"b\": {c: ${X}}\n"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(top_keys(""), Some(vec![]));
        assert_eq!(top_keys("- a"), None);
    }
}
