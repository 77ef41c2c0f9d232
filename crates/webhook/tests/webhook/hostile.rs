//! Deliveries that nobody honest sends: whatever is changed, nothing but what was signed gets through.

use super::{Sent, generic, github, standard, stripe};
use alyx_webhook::{Refused, Scheme};

/// Numbers that look random and are the same each time: Marsaglia's xorshift.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

fn all() -> [Sent; 4] {
    [standard::sent(), stripe::sent(), github::sent(), generic::sent()]
}

#[test]
fn no_bit_of_a_body_can_change() {
    for sent in all() {
        for at in 0..sent.body.len() * 8 {
            let mut changed = sent.clone();
            changed.body[at / 8] ^= 1 << (at % 8);
            assert_eq!(changed.refusal(), Refused::Mismatch, "bit {at}");
        }
        for body in [&sent.body[1..], &sent.body[..sent.body.len() - 1], b"", &[&sent.body[..], b"\n"].concat()] {
            assert_eq!(sent.clone().body(body).refusal(), Refused::Mismatch);
        }
    }
}

/// But for the case of hexadecimal digits, and ids that are not signed.
#[test]
fn no_character_of_a_header_can_change() {
    for sent in all() {
        for (name, value) in &sent.headers {
            if ["x-github-delivery", "x-id"].contains(&name.as_str()) {
                continue;
            }
            for at in 0..value.len() {
                for to in [b'0', b'1', b'A', b'z', b' ', b',', b'=', b'.', b'\n', 0, 0x7f] {
                    let mut changed = value.clone().into_bytes();
                    changed[at] = to;
                    let changed = String::from_utf8(changed).unwrap();
                    let got = sent.clone().with(name, &changed).verify();
                    let may_pass = match sent.scheme {
                        Scheme::Standard => changed == *value,
                        _ => changed.eq_ignore_ascii_case(value),
                    };
                    assert!(may_pass || got.is_err(), "{name}: {changed}");
                }
            }
        }
    }
}

#[test]
fn signed_parts_cannot_be_moved() {
    // What is signed stays the same text, cut at other dots.
    let time = "1649367553";
    let moved = standard::sent().with("webhook-id", &format!("{}.{time}", standard::sent().value("webhook-id")));
    assert!(moved.verify().is_err());
    let sent = standard::sent();
    let body = [time.as_bytes(), b".", &sent.body].concat();
    assert_eq!(sent.body(&body).refusal(), Refused::Mismatch);
    // A signature over the body alone is none over a time and a body.
    let sent = generic::sent();
    let body = [b"1717000000.", &sent.body[..]].concat();
    assert_eq!(sent.body(&body).refusal(), Refused::Mismatch);
}

#[test]
fn a_secret_cannot_change() {
    for sent in all() {
        let secret = sent.secrets[0].clone();
        for at in 0..secret.len() {
            let mut changed = secret.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(sent.clone().secrets(&[&changed]).verify().is_err(), "{changed}");
        }
    }
}

/// Headers put together from what the readers split at. None may panic, and none may get
/// through but the right one, which chance puts together, too.
#[test]
fn headers_at_random() {
    const PARTS: &[&str] = &[
        "v1",
        "v1a",
        "v1,",
        "v1a,",
        "v1=",
        "t=",
        "t",
        "sha256=",
        ",",
        "=",
        " ",
        ".",
        "0",
        "1717000000",
        "1649367553",
        "-",
        "AAAA",
        "ab",
        "\u{e9}",
        "\u{1f980}",
        "\0",
        "\t",
        "whsec_",
        "A=",
        "==",
        "9223372036854775807",
        "\u{202e}",
    ];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut found = 0;
    let mut refusals = std::collections::BTreeSet::new();
    for _ in 0..40_000 {
        let mut sent = all()[numbers.below(4)].clone();
        let at = numbers.below(sent.headers.len());
        let (name, right) = sent.headers[at].clone();
        let text: String = (0..numbers.below(12)).map(|_| PARTS[numbers.below(PARTS.len())]).collect();
        sent = match numbers.below(4) {
            0 => sent.without(&name),
            1 => sent.and(&name, &text),
            _ => sent.with(&name, &text),
        };
        match sent.verify() {
            Ok(_) if text == right => found += 1,
            Ok(verified) => {
                assert!(["x-github-delivery", "x-id"].contains(&&*name) && verified.id == text, "{name}: {text}");
            }
            Err(refused) => drop(refusals.insert(refused.to_string())),
        }
    }
    assert!(found > 0);
    // Missing, repeated and malformed headers of all schemes, and signatures that do not match.
    assert!(refusals.len() > 20, "{refusals:#?}");
}

#[test]
fn a_refusal_tells_no_secret() {
    let all = [
        (Refused::Missing("webhook-id".to_owned()), "header \"webhook-id\" is missing"),
        (Refused::Repeated("webhook-id".to_owned()), "header \"webhook-id\" is there more than once"),
        (Refused::Malformed("webhook-id".to_owned()), "header \"webhook-id\" is malformed"),
        (Refused::Stale, "delivery is too old"),
        (Refused::Future, "delivery is from the future"),
        (Refused::Mismatch, "signature does not match"),
        (Refused::NoId, "signed body has no id"),
        (Refused::NoSecret, "there is no secret to verify with"),
        (Refused::BadSecret(0), "secret 1 is not one of the scheme"),
    ];
    for (refused, text) in all {
        assert_eq!(refused.to_string(), text);
    }
    let bad = standard::sent().secrets(&["whsec_hunter2!"]).with("webhook-signature", "v1,hunter2").refusal();
    assert!(!format!("{bad} {bad:?}").contains("hunter2"));
}
