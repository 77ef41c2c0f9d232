//! What a value looks like when it leaves in disguise, and a look through text for any of these looks.

/// Characters of a disguise that may not be seen together. Shorter pieces are met by chance.
const PIECE: usize = 8;

/// Base64 without padding, in the plain or the URL's alphabet.
pub fn base64(bytes: &[u8], for_urls: bool) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').collect();
    let digit = |six: u32| match six {
        62 if for_urls => '-',
        63 if for_urls => '_',
        62 => '+',
        63 => '/',
        other => alphabet[other as usize],
    };
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| (bits << 8) | u32::from(*chunk.get(at).unwrap_or(&0)));
        (0..=chunk.len()).for_each(|at| out.push(digit((bits >> (18 - 6 * at)) & 63)));
    }
    out
}

/// Hexadecimal, in lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Percent-encoding that leaves the URL's unreserved characters.
pub fn percent(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    bytes.iter().map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A JSON string's inside.
pub fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// All disguises, each under its name. Of base64 what the value alone decides, for each place it may begin at.
pub fn disguises(value: &str) -> Vec<(String, String)> {
    let bytes = value.as_bytes();
    let mut all = vec![
        ("plain".to_owned(), value.to_owned()),
        ("hex".to_owned(), hex(bytes)),
        ("HEX".to_owned(), hex(bytes).to_uppercase()),
        ("percent".to_owned(), percent(bytes)),
        ("percent in lower case".to_owned(), percent(bytes).replace("%2F", "%2f").replace("%2B", "%2b")),
        ("JSON".to_owned(), json(value)),
    ];
    for lead in 0..3 {
        let with_lead = [&b"ab"[..lead], bytes].concat();
        let (first, last) = ((lead * 8).div_ceil(6), with_lead.len() * 8 / 6);
        for for_urls in [false, true] {
            let core = base64(&with_lead, for_urls)[first..last].to_owned();
            all.push((format!("base64 after {lead} bytes, for URLs: {for_urls}"), core));
        }
    }
    all
}

/// Panics when `text` shows a piece of `value` in any disguise. `what` names the text.
#[track_caller]
pub fn assert_hidden(what: &str, text: &str, value: &str) {
    for (name, disguise) in disguises(value) {
        let letters: Vec<char> = disguise.chars().collect();
        for piece in letters.windows(PIECE.min(letters.len())) {
            let piece: String = piece.iter().collect();
            if let Some(line) = text.lines().find(|line| line.contains(&piece)) {
                panic!("{what} shows {piece:?} of the secret ({name}): {line}");
            }
        }
    }
}

#[test]
fn disguises_are_what_they_should_be() {
    assert_eq!(base64(b"Man", false), "TWFu");
    assert_eq!(base64(b"Ma", false), "TWE");
    assert_eq!(base64(&[0xfb, 0xff], false), "+/8");
    assert_eq!(base64(&[0xfb, 0xff], true), "-_8");
    assert_eq!(hex(b"\x0a\xff"), "0aff");
    assert_eq!(percent("a/ü".as_bytes()), "a%2F%C3%BC");
    for lead in ["", "u", "us", "user:"] {
        let shown = base64(format!("{lead}open sesame!").as_bytes(), false);
        assert!(std::panic::catch_unwind(|| assert_hidden("a test", &shown, "open sesame!")).is_err(), "{shown}");
    }
}
