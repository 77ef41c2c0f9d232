//! Standard Webhooks: the specification's own vector, and others over the same id, time and body.

use super::{Sent, malformed, missing, repeated, verified};
use alyx_webhook::{Refused, Scheme};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const TIME_S: i64 = 1649367553;
const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
/// Another key, and what it signs.
const NEWER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const BY_NEWER: &str = "v1,H+RYDKli6ntvOIETWqflVRK+UIsRWejzXbFSJBJuEmc=";
/// The public keys of the seeds 00 01 … 1f and 09 09 … 09, and what those sign.
const PUBLIC: &str = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
const BY_PUBLIC: &str = "v1a,CnkujwXFUOk59gNZFCCzmJ2MkkC0yKa+OmyYFXFtPnxkRhEkUBAd4PGNNNjLh4huOXNuqy+Eyxud5+wHP2ezBA==";
const OTHER_PUBLIC: &str = "whpk_/RckOFqgx1tk+3jNYC+h2ZH96/drE8WO1wLqyDXp9hg=";
const BY_OTHER: &str = "v1a,hDzIBXC2/tRF38Gw48G0LaBENo1K/GM2GZdzcvMd66flsGGzDqJNMGAAh8wDCXoK+ZTFZV723nAcrYenp8k9DQ==";
/// What is signed by PUBLIC and by SECRET over a body that is no text.
const NO_TEXT: &[u8] = b"\xff\x00\xfe";
const NO_TEXT_BY_PUBLIC: &str =
    "v1a,O+CGk5siCWTzxf/nuZxaUVr8mKIW0QMRMKwReEZVfYZsKLFKhnUJY0kZGtp608dESpM24XR0QSi9tWcdzqMhAg==";
const NO_TEXT_BY_SECRET: &str = "v1,WhAwcv0MtY/CVbsRDJrpYj00DHuZGUA3IwXgQddw2m4=";

pub(crate) fn sent() -> Sent {
    let headers = [("webhook-id", ID), ("webhook-timestamp", "1649367553"), ("webhook-signature", SIGNATURE)];
    Sent::new(Scheme::Standard, SECRET, &headers, BODY, TIME_S)
}

fn signed(signature: &str) -> Sent {
    sent().with("webhook-signature", signature)
}

/// The vector with the headers under other names.
fn renamed(rename: impl Fn(&str) -> String) -> Sent {
    let mut sent = sent();
    sent.headers.iter_mut().for_each(|(name, _)| *name = rename(name));
    sent
}

#[test]
fn the_vector_of_the_specification() {
    assert_eq!(sent().verify(), verified(ID, Some(TIME_S)));
    assert!(sent().secrets(&[SECRET.strip_prefix("whsec_").unwrap()]).verify().is_ok());
    assert!(renamed(str::to_uppercase).verify().is_ok());
}

#[test]
fn a_body_is_bytes() {
    assert!(signed(NO_TEXT_BY_SECRET).body(NO_TEXT).verify().is_ok());
    assert!(signed("v1,6cbczhS31q83Zdm/V683g4djRU169SlQvXyea0gV7vo=").body(b"").verify().is_ok());
    assert!(signed(NO_TEXT_BY_PUBLIC).secrets(&[PUBLIC]).body(NO_TEXT).verify().is_ok());
}

#[test]
fn an_asymmetric_signature() {
    assert_eq!(signed(BY_PUBLIC).secrets(&[PUBLIC]).verify(), verified(ID, Some(TIME_S)));
    assert_eq!(signed(BY_OTHER).secrets(&[PUBLIC]).refusal(), Refused::Mismatch);
    assert_eq!(signed(BY_PUBLIC).secrets(&[PUBLIC]).body(b"{}").refusal(), Refused::Mismatch);
    assert_eq!(signed(BY_PUBLIC).secrets(&[PUBLIC]).with("webhook-id", "msg_2").refusal(), Refused::Mismatch);
    // A signature of one kind is not tried with a key of the other.
    assert_eq!(signed(&BY_PUBLIC.replace("v1a,", "v1,")).secrets(&[PUBLIC]).refusal(), Refused::Mismatch);
    assert_eq!(signed(&SIGNATURE.replace("v1,", "v1a,")).refusal(), Refused::Mismatch);
}

#[test]
fn any_signature_of_any_secret() {
    let by = [(SECRET, SIGNATURE), (NEWER, BY_NEWER), (PUBLIC, BY_PUBLIC), (OTHER_PUBLIC, BY_OTHER)];
    for (secret, _) in by {
        for (signer, signature) in by {
            let matches = secret == signer;
            assert_eq!(signed(signature).secrets(&[secret]).verify().is_ok(), matches, "{signature} of {secret}");
        }
    }
    let all = by.map(|(_, signature)| signature).join(" ");
    let secrets = by.map(|(secret, _)| secret);
    for (secret, signature) in by {
        assert!(signed(&all).secrets(&[secret]).verify().is_ok(), "all signatures, {secret}");
        assert!(signed(signature).secrets(&secrets).verify().is_ok(), "all secrets, {signature}");
    }
    assert_eq!(signed(SIGNATURE).secrets(&[NEWER, PUBLIC]).refusal(), Refused::Mismatch);
}

#[test]
fn what_is_not_known_is_passed_over() {
    for header in
        ["v2,AAAA {}", "{} v2,AAAA", "v1, {}", "v1,!!! v1a,AAAA {}", " {} ", "  {}", ", {} ,", "v1 {}", "x {}"]
    {
        assert!(signed(&header.replace("{}", SIGNATURE)).verify().is_ok(), "{header}");
    }
    let bare = SIGNATURE.strip_prefix("v1,").unwrap();
    let unpadded = SIGNATURE.trim_end_matches('=');
    // The last digit holds two bits that are not the signature's.
    let other_bits = SIGNATURE.replace("kw=", "kx=");
    for header in [
        "",
        " ",
        ",",
        "v1",
        "v1,",
        "v1,,",
        bare,
        unpadded,
        &other_bits,
        &format!("v0,{bare}"),
        &format!("V1,{bare}"),
        &format!("v1={bare}"),
        &format!("v1, {bare}"),
        &format!("{SIGNATURE},"),
        &format!("{SIGNATURE},{SIGNATURE}"),
    ] {
        assert_eq!(signed(header).refusal(), Refused::Mismatch, "{header}");
    }
}

#[test]
fn a_prefix_of_a_signature_is_none() {
    for header in ["v1,tZ1I", "v1,tZ1I4/hDygAJgO5TYxiSdw==", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3KkwA"] {
        assert_eq!(signed(header).refusal(), Refused::Mismatch, "{header}");
    }
}

#[test]
fn ids() {
    let long = "x".repeat(257);
    for id in ["", "a.b", ".", "a b", " a", "a\t", "a\n", "\u{7f}", "\u{e9}", &long] {
        assert_eq!(sent().with("webhook-id", id).refusal(), malformed("webhook-id"), "{id:?}");
    }
    // Well-formed, but not what was signed.
    for id in ["msg_27UH4WbU6Z5A5EzD8u03UvzRbpK", "x", &long[..256], "!~"] {
        assert_eq!(sent().with("webhook-id", id).refusal(), Refused::Mismatch, "{id:?}");
    }
}

#[test]
fn older_names_of_the_headers() {
    let svix = || renamed(|name| name.replace("webhook-", "svix-"));
    assert_eq!(svix().verify(), verified(ID, Some(TIME_S)));
    for name in ["svix-id", "svix-timestamp", "svix-signature"] {
        assert_eq!(svix().without(name).refusal(), missing(name));
        assert_eq!(svix().and(name, "x").refusal(), repeated(name));
    }
    // One header of the standard's, whatever it holds, and the older ones are not looked at.
    assert_eq!(svix().and("webhook-id", ID).refusal(), missing("webhook-timestamp"));
    assert_eq!(svix().and("webhook-timestamp", "1649367553").refusal(), missing("webhook-id"));
    assert_eq!(svix().and("webhook-signature", SIGNATURE).refusal(), missing("webhook-id"));
    assert!(sent().and("svix-id", "x").and("svix-signature", "x").verify().is_ok());
}

#[test]
fn secrets_that_are_none() {
    let zeros = "A".repeat(43);
    for secret in [
        "",
        "whsec_",
        "whpk_",
        "whsec_!",
        "not base64",
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\n",
        // A private key.
        "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        // 23 and 65 bytes.
        "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
        "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
        // 31 and 33 bytes; a point of small order; no point.
        "whpk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
        "whpk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
        &format!("whpk_{zeros}="),
        "whpk_AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ] {
        assert_eq!(sent().secrets(&[secret]).refusal(), Refused::BadSecret(0), "{secret}");
        assert_eq!(sent().secrets(&[SECRET, secret]).refusal(), Refused::BadSecret(1), "{secret}");
    }
}

#[test]
fn the_shortest_and_the_longest_key() {
    const SHORTEST: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
    const LONGEST: &str =
        "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw==";
    assert!(signed("v1,FOepUIJZHfhCBQhMyOL5VHO54JKksbtNYIRUNA08pQk=").secrets(&[SHORTEST]).verify().is_ok());
    for secret in [LONGEST, LONGEST.trim_end_matches('=')] {
        assert!(signed("v1,5k/zpxyQecVbAN6pxmRM3+jGr/CIVdJmFXVohOVOebk=").secrets(&[secret]).verify().is_ok());
    }
}
