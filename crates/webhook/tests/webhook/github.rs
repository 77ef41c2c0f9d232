//! GitHub: the vector of its documentation.

use super::{Sent, malformed, missing, repeated, verified};
use alyx_webhook::{Refused, Scheme};

const SECRET: &str = "It's a Secret to Everybody";
const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
const ID: &str = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

pub(crate) fn sent() -> Sent {
    let headers = [("x-hub-signature-256", SIGNATURE), ("x-github-delivery", ID)];
    Sent::new(Scheme::Github, SECRET, &headers, b"Hello, World!", 0)
}

#[test]
fn the_vector_of_the_documentation() {
    assert_eq!(sent().verify(), verified(ID, None));
    // There is no time that could be too far away.
    assert!(sent().at(i64::MAX).verify().is_ok());
}

#[test]
fn any_secret() {
    assert!(sent().secrets(&["older", SECRET, "newer"]).verify().is_ok());
    assert_eq!(sent().secrets(&["older", "newer"]).refusal(), Refused::Mismatch);
    assert_eq!(sent().secrets(&[SECRET, ""]).refusal(), Refused::BadSecret(1));
}

#[test]
fn headers_that_are_none() {
    for name in ["x-hub-signature-256", "x-github-delivery"] {
        assert_eq!(sent().without(name).refusal(), missing(name));
        assert_eq!(sent().and(name, &sent().value(name)).refusal(), repeated(name));
    }
    let bare = SIGNATURE.strip_prefix("sha256=").unwrap();
    for header in [
        "",
        "sha256",
        bare,
        "sha256=x",
        "sha256=0",
        "SHA256=00",
        "sha256=sha256=00",
        &format!("sha1={bare}"),
        &format!("sha256= {bare}"),
        &format!(" {SIGNATURE}"),
        &format!("{SIGNATURE} "),
        &format!("{SIGNATURE},{SIGNATURE}"),
    ] {
        assert_eq!(sent().with("x-hub-signature-256", header).refusal(), malformed("x-hub-signature-256"), "{header}");
    }
    for header in ["sha256=", "sha256=00", &SIGNATURE[..SIGNATURE.len() - 2], &format!("{SIGNATURE}00")] {
        assert_eq!(sent().with("x-hub-signature-256", header).refusal(), Refused::Mismatch, "{header}");
    }
    for id in ["", " ", "a b", "a\r\nb", "\u{e9}", &"x".repeat(257)] {
        assert_eq!(sent().with("x-github-delivery", id).refusal(), malformed("x-github-delivery"), "{id:?}");
    }
}

#[test]
fn the_older_signature_is_not_looked_at() {
    let sent =
        sent().without("x-hub-signature-256").and("x-hub-signature", "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59");
    assert_eq!(sent.refusal(), missing("x-hub-signature-256"));
}
