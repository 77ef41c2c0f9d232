//! The generic scheme: known answers by Python's `hmac`, and RFC 4231's.

use super::{Sent, malformed, missing, repeated, verified};
use alyx_webhook::{Algorithm, Encoding, Hmac, Refused, Scheme};

const SECRET: &str = "generic secret";
const BODY: &[u8] = b"a=1&b=\xff";
const SHA256: &str = "1ce4f3b11ee295bba2083ee6cbf93502cb292215aabe5f9d40f0ec1bdbf6c244";
const SHA256_BASE64: &str = "HOTzsR7ilbuiCD7my/k1AsspIhWqvl+dQPDsG9v2wkQ=";
const SHA512: &str = "8801af999b67ec8cfd8c319f2f4cf61fbe9115822dc25c6521f1994c149389121ca0998256cf762d37bbf9632f1674bc3b59d67b0a5e426bae8110ffdd0f6301";
const SHA512_BASE64: &str = "iAGvmZtn7Iz9jDGfL0z2H76RFYItwlxlIfGZTBSTiRIcoJmCVs92LTe7+WMvFnS8O1nWewpeQmuugRD/3Q9jAQ==";
/// SHA-256 of the body.
const BODY_ID: &str = "c3a4aeb61ef68c5edd884b0edaa4a491c6a7fc916110116a2fab7d0570fd85c7";
const TIME_S: i64 = 1717000000;
/// The signature of `<time>.<body>`, and its SHA-256.
const TIMED: &str = "de1e0b5c0e8748d06b850d20b08ec8a80eb35a1219cb20b62c6cbe0b4b7e7c8e";
const TIMED_ID: &str = "7a6f2af3db502d988dcdfe15f670cc0918abce3d312d9aa38714b4f2075aff8c";

fn with_form(form: Hmac, signature: &str) -> Sent {
    let header = form.header.clone();
    Sent::new(Scheme::Hmac(form), SECRET, &[(&header, signature)], BODY, TIME_S)
}

/// All that can be set, set.
pub(crate) fn sent() -> Sent {
    let form = Hmac {
        prefix: "sha256=".to_owned(),
        timestamp_header: Some("x-time".to_owned()),
        id_header: Some("x-id".to_owned()),
        ..Hmac::default()
    };
    with_form(form, &format!("sha256={TIMED}")).and("x-time", "1717000000").and("x-id", "order-7")
}

#[test]
fn every_hash_and_encoding() {
    use {Algorithm::*, Encoding::*};
    let all = [
        (Sha256, Hex, SHA256),
        (Sha256, Base64, SHA256_BASE64),
        (Sha512, Hex, SHA512),
        (Sha512, Base64, SHA512_BASE64),
    ];
    for (algorithm, encoding, _) in all {
        for (its_algorithm, its_encoding, signature) in all {
            let sent = with_form(Hmac { algorithm, encoding, ..Hmac::default() }, signature);
            let is_same = (algorithm, encoding) == (its_algorithm, its_encoding);
            assert_eq!(sent.verify().is_ok(), is_same, "{signature} as {algorithm:?} in {encoding:?}");
        }
    }
}

#[test]
fn a_vector_of_rfc_4231() {
    let sha512 = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";
    let sent = with_form(Hmac { algorithm: Algorithm::Sha512, ..Hmac::default() }, sha512);
    assert!(sent.secrets(&["Jefe"]).body(b"what do ya want for nothing?").verify().is_ok());
}

#[test]
fn the_defaults() {
    let sent = with_form(Hmac::default(), SHA256);
    assert_eq!(sent.value("x-signature"), SHA256);
    assert_eq!(sent.verify(), verified(BODY_ID, None));
    assert!(sent.clone().with("x-signature", &SHA256.to_uppercase()).verify().is_ok());
    assert_eq!(sent.clone().without("x-signature").refusal(), missing("x-signature"));
    assert_eq!(sent.clone().and("X-Signature", SHA256).refusal(), repeated("x-signature"));
    for header in ["x", "sha256=00", &format!("{SHA256},{SHA256}"), &format!("{SHA256} "), &SHA256[1..]] {
        assert_eq!(sent.clone().with("x-signature", header).refusal(), malformed("x-signature"), "{header}");
    }
    for header in ["", "00", &SHA256[2..], &format!("{SHA256}00")] {
        assert_eq!(sent.clone().with("x-signature", header).refusal(), Refused::Mismatch, "{header}");
    }
}

#[test]
fn a_prefix_must_be_there() {
    let form = || Hmac { prefix: "sha256=".to_owned(), header: "X-Sig".to_owned(), ..Hmac::default() };
    assert!(with_form(form(), &format!("sha256={SHA256}")).verify().is_ok());
    for prefix in ["", "SHA256=", "sha256", "sha256=sha256=", " sha256="] {
        assert_eq!(with_form(form(), &format!("{prefix}{SHA256}")).refusal(), malformed("X-Sig"), "{prefix}");
    }
}

#[test]
fn a_time_is_signed() {
    assert_eq!(sent().verify(), verified("order-7", Some(TIME_S)));
    // The time in the signature is the one in the header.
    assert_eq!(sent().with("x-time", "1717000001").refusal(), Refused::Mismatch);
    assert_eq!(sent().with("x-signature", &format!("sha256={SHA256}")).refusal(), Refused::Mismatch);
    for name in ["x-signature", "x-time", "x-id"] {
        assert_eq!(sent().without(name).refusal(), missing(name));
        assert_eq!(sent().and(name, "1").refusal(), repeated(name));
        assert_eq!(sent().with(name, "").refusal(), malformed(name));
    }
    let mut without_id = sent();
    let Scheme::Hmac(form) = &mut without_id.scheme else { unreachable!() };
    form.id_header = None;
    assert_eq!(without_id.verify(), verified(TIMED_ID, Some(TIME_S)));
}

#[test]
fn any_secret() {
    assert!(sent().secrets(&["older", SECRET]).verify().is_ok());
    assert_eq!(sent().secrets(&["older", "newer"]).refusal(), Refused::Mismatch);
    assert_eq!(sent().secrets(&[SECRET, "", ""]).refusal(), Refused::BadSecret(1));
}
