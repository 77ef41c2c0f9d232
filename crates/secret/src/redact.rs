//! Taking secrets out of text, in the forms in which programs happen to write them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem::Finder;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// Fewest bytes of a secret: shorter ones are found everywhere.
pub const SHORTEST: usize = 4;
/// What stands where a secret stood.
const MARK: &str = "[secret]";
/// A line of a secret of several lines is looked for alone when it is at least so long.
const LINE: usize = 16;

/// What JavaScript's encodeURIComponent leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');
/// What RFC 3986 calls unreserved.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What URL parsers encode in a query.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');

/// Values that must not be seen, and where they hide.
#[derive(Default)]
pub struct Redactor {
    known: BTreeSet<Box<str>>,
    needles: Vec<Finder<'static>>,
}

impl Redactor {
    /// Adds a value; the same one again costs nothing.
    pub fn add(&mut self, value: &str) {
        if value.len() < SHORTEST || !self.known.insert(value.into()) {
            return;
        }
        self.needles.extend(forms(value).into_iter().map(|form| Finder::new(&form).into_owned()));
    }

    /// The text without what was added.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for needle in &self.needles {
            // Forms hold whole characters, so what is found begins and ends between characters.
            let length = needle.needle().len();
            found.extend(needle.find_iter(text.as_bytes()).map(|at| (at, at + length)));
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable();
        let mut clean = String::with_capacity(text.len());
        let mut hidden = None;
        for (begin, end) in found {
            // What overlaps or touches is one.
            if hidden.is_none_or(|hidden| begin > hidden) {
                clean.push_str(text.get(hidden.unwrap_or(0)..begin).unwrap_or_default());
                clean.push_str(MARK);
            }
            hidden = hidden.max(Some(end));
        }
        clean.push_str(text.get(hidden.unwrap_or(0)..).unwrap_or_default());
        Cow::Owned(clean)
    }
}

/// A value as it is, in base64 wherever it begins within three bytes, in hexadecimal, in URLs and in JSON.
fn forms(value: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::from([value.to_owned()]);
    let lines = value.lines().map(str::trim).filter(|line| line.len() >= LINE);
    forms.extend(lines.map(str::to_owned));
    for text in forms.clone() {
        let bytes = text.as_bytes();
        for offset in 0..3 {
            forms.extend([base64(&STANDARD_NO_PAD, bytes, offset), base64(&URL_SAFE_NO_PAD, bytes, offset)]);
        }
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let percent: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
        forms.extend([hex.to_uppercase(), hex, percent.to_uppercase(), percent]);
        for set in [COMPONENT, UNRESERVED, NON_ALPHANUMERIC, QUERY] {
            let encoded = utf8_percent_encode(&text, set).to_string();
            forms.extend([encoded.replace("%20", "+"), lower_escapes(&encoded), encoded]);
        }
        let once = json(&text);
        // Quoted by SQL: '…' and E'…'.
        let doubled = text.replace('\'', "''");
        forms.extend([json(&once), once, doubled.replace('\\', "\\\\"), doubled]);
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// The characters that depend on these bytes alone when others come before and after them.
fn base64(engine: &impl Engine, bytes: &[u8], offset: usize) -> String {
    let mut shifted = vec![0; offset];
    shifted.extend_from_slice(bytes);
    let encoded = engine.encode(&shifted);
    let (begin, end) = ((offset * 8).div_ceil(6), shifted.len() * 8 / 6);
    encoded.get(begin..end).unwrap_or_default().to_owned()
}

/// The text inside of a JSON string.
fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// `%2F` as `%2f`.
fn lower_escapes(encoded: &str) -> String {
    let mut text = String::with_capacity(encoded.len());
    let mut escape = 0;
    for c in encoded.chars() {
        text.push(if escape > 0 { c.to_ascii_lowercase() } else { c });
        escape = if c == '%' { 2 } else { usize::saturating_sub(escape, 1) };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "p@ss w0rd/+\"é\\";

    fn redactor() -> Redactor {
        let mut redactor = Redactor::default();
        redactor.add(SECRET);
        redactor
    }

    #[test]
    fn it_is_found_as_it_is() {
        assert_eq!(redactor().redact(&format!("a {SECRET} b{SECRET}")), "a [secret] b[secret]");
        assert_eq!(redactor().redact("nothing here"), "nothing here");
    }

    #[test]
    fn it_is_found_in_base64_wherever_it_begins() {
        for before in ["", "u", "us", "user:", "user"] {
            for after in ["", "x", "xy", "xyz"] {
                let text = format!("{before}{SECRET}{after}");
                for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                    let clean = redactor().redact(&encoded).into_owned();
                    assert!(clean.contains(MARK), "{before:?} {after:?}: {clean}");
                    // Of the secret's own characters at most those are left that it shares with a neighbour.
                    assert!(clean.len() <= MARK.len() + 2 + (before.len() + after.len()) * 4 / 3 + 2, "{clean}");
                }
            }
        }
    }

    #[test]
    fn it_is_found_in_hexadecimal_urls_and_json() {
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        for text in [
            hex.clone(),
            hex.to_uppercase(),
            "p%40ss%20w0rd%2F%2B%22%C3%A9%5C".to_owned(),
            "p%40ss%20w0rd%2f%2b%22%c3%a9%5c".to_owned(),
            "p%40ss+w0rd%2F%2B%22%C3%A9%5C".to_owned(),
            SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            "p@ss w0rd/+\\\"é\\\\".to_owned(),
            "p@ss w0rd/+\\\\\\\"é\\\\\\\\".to_owned(),
            "p@ss w0rd/+\"é\\\\".to_owned(),
        ] {
            assert_eq!(redactor().redact(&format!("<{text}>")), "<[secret]>", "{text}");
        }
    }

    #[test]
    fn each_line_of_a_long_one_is_a_secret() {
        let mut redactor = Redactor::default();
        redactor.add("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w\nshort\n-----END KEY-----");
        assert_eq!(redactor.redact("at MIIEvQIBADANBgkqhkiG9w: short"), "at [secret]: short");
    }

    #[test]
    fn secrets_that_overlap_are_both_gone() {
        let mut redactor = Redactor::default();
        redactor.add("abcdef");
        redactor.add("defghi");
        redactor.add("abcdef");
        assert_eq!(redactor.redact("xabcdefghix abcdefx"), "x[secret]x [secret]x");
    }

    #[test]
    fn what_is_too_short_is_not_looked_for() {
        let mut redactor = Redactor::default();
        redactor.add("abc");
        assert_eq!(redactor.redact("abc"), "abc");
    }
}
