//! `${NAME}` in places where YAML has no room for it.
//!
//! SPEC §4 writes `env: { TOKEN: ${TOKEN} }`, but inside `{…}` a brace ends a plain YAML value. So the braces of
//! placeholders are swapped for two private-use characters before parsing and swapped back in every scalar after it. One
//! character stands for one character: columns stay right. Filling placeholders in is the command line's job, never ours.

use std::borrow::Cow;

use crate::names::is_variable;

const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

/// Text that is safe to parse, and whether [`Mask::reveal`] has anything to undo.
pub(super) struct Mask<'t> {
    /// What to hand to the YAML parser.
    pub(super) text: Cow<'t, str>,
}

impl<'t> Mask<'t> {
    /// Hides the braces of every `${NAME}`. Text that holds the stand-ins already is left alone, so that `reveal` is exact.
    pub(super) fn hide(text: &'t str) -> Self {
        if !text.contains("${") || text.contains([OPEN, CLOSE]) {
            return Self { text: Cow::Borrowed(text) };
        }
        let mut masked = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            masked.push_str(before);
            rest = match variable(after) {
                Some((name, tail)) => {
                    masked.extend(['$', OPEN]);
                    masked.push_str(name);
                    masked.push(CLOSE);
                    tail
                }
                None => {
                    masked.push_str("${");
                    after
                }
            };
        }
        masked.push_str(rest);
        Self { text: Cow::Owned(masked) }
    }

    /// Undoes `hide` in a piece of the parsed text.
    pub(super) fn reveal(&self, piece: &str) -> String {
        match self.text {
            Cow::Borrowed(_) => piece.to_owned(),
            Cow::Owned(_) => piece.replace(OPEN, "{").replace(CLOSE, "}"),
        }
    }
}

/// `NAME}tail` as its two parts. Looks no further than the name, or a text full of `${` would take quadratic time.
fn variable(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let (name, tail) = text.split_at_checked(end)?;
    is_variable(name).then_some((name, tail.strip_prefix('}')?))
}

#[cfg(test)]
mod tests {
    use super::Mask;

    #[test]
    fn placeholders_survive_the_round_trip() {
        for text in ["${A}", "x: {a: ${A_1}, b: ${}}", "${", "${A", "${${A}}", "$${A}", "\u{E000}${A}", "é${É}${b}"] {
            let mask = Mask::hide(text);
            assert_eq!(mask.reveal(&mask.text), text);
            assert_eq!(mask.text.chars().count(), text.chars().count());
        }
    }

    #[test]
    fn only_whole_placeholders_are_hidden() {
        assert!(!Mask::hide("{a: ${A}").text.contains("${"));
        assert!(Mask::hide("{a: ${A B}}").text.contains("${"));
    }

    #[test]
    fn many_openings_take_linear_time() {
        let text = "${".repeat(128 << 10);
        assert_eq!(Mask::hide(&text).text, text);
    }
}
