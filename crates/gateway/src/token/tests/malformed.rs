//! Texts that are no tokens, and tokens that were touched.

use jsonwebtoken::Algorithm;
use serde_json::json;

use super::fixtures::P256_PUBLIC;
use super::signer::{NOW_S, encode, key, payload, sign, sign_payload, sign_text, verifier, with_pem, with_secret};
use crate::token::Refused;

#[tokio::test]
async fn no_tokens() {
    let verifier = verifier(with_secret()).await;
    let good = sign(Algorithm::HS256, &payload());
    assert!(verifier.verify_at(&good, NOW_S).await.is_ok());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, body) = signed.split_once('.').unwrap();
    let long = sign_payload(json!({ "x": "y".repeat(9 * 1024) }).to_string());
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "....".to_owned(),
        "a.b".to_owned(),
        signed.to_owned(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{good}.{body}.{signature}"),
        format!("{header}.{body}.{body}.{signature}"),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}\0"),
        format!("\0{good}"),
        format!("{good}="),
        format!("{good}=="),
        format!("{good}\u{e9}"),
        format!("Bearer {good}"),
        format!("{header}=.{body}.{signature}"),
        format!("{header}!.{body}.{signature}"),
        format!("\u{ff}.{body}.{signature}"),
        format!("{}.{body}.{signature}", encode("HS256")),
        format!("{}.{body}.{signature}", encode([0xff, 0xfe])),
        format!("{}.{body}.{signature}", encode("[\"HS256\"]")),
        format!("{}.{body}.{signature}", encode("\"HS256\"")),
        format!("{}.{body}.{signature}", encode("{\"alg\":\"HS256\",\"alg\":\"none\"}")),
        format!("{}.{body}.{signature}", encode("{\"alg\":\"HS256\"} x")),
        format!("{}.{body}.{signature}", encode("{}")),
        format!("{}.{body}.{signature}", encode("{\"alg\":null}")),
        format!("{}.{body}.{signature}", encode("null")),
        format!("{}.{body}.{signature}", encode("{\"alg\":\"HS256\",\"kid\":1}")),
        format!("{}.{body}.{signature}", encode("{\"alg\":\"HS256\",\"kid\":null}")),
        long,
        "x".repeat(8 * 1024 + 1),
        ".".repeat(9 * 1024),
    ] {
        assert_eq!(verifier.verify_at(&text, NOW_S).await, Err(Refused::Malformed), "{text:?}");
    }
    // Padding inside of what is signed, and garbage that is base64.
    for text in [format!("{good}x"), format!("{header}.{body}=.{signature}"), format!("{header}.{body}\0.{signature}")]
    {
        assert_eq!(verifier.verify_at(&text, NOW_S).await, Err(Refused::Signature));
    }
}

#[tokio::test]
async fn signed_payloads_that_are_no_claims() {
    let verifier = verifier(with_secret()).await;
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    for payload in [
        "",
        "[]",
        "[{\"role\":\"a\"}]",
        "\"role\"",
        "1",
        "null",
        "true",
        "{",
        "{}{}",
        "{} x",
        "{\"role\":\"a\",}",
        "{'role':'a'}",
        "{\"role\":\"\0\"}",
        "{}\0",
        "\u{feff}{}",
        "{\"role\":\"\\ud800\"}",
        &deep,
        "eyJhbGciOiJub25lIn0.e30.",
    ] {
        assert_eq!(verifier.verify(&sign_payload(payload)).await, Err(Refused::Malformed), "{payload:?}");
    }
    for payload in
        [&b"\xff\xfe"[..], b"{\"role\":\"\xff\"}", b"{\"role\":\"\xc0\x80\"}", b"{\"role\":\"\xed\xa0\x80\"}"]
    {
        assert_eq!(verifier.verify(&sign_payload(payload)).await, Err(Refused::Malformed));
    }
}

#[tokio::test]
async fn headers() {
    let verifier = verifier(with_secret()).await;
    let read = async |header: &str| {
        let token = sign_text(header, "{}", &key(Algorithm::HS256), Algorithm::HS256);
        verifier.verify(&token).await.map(|claims| claims.json)
    };
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"] {
        assert!(read(&json!({ "alg": "HS256", "typ": typ }).to_string()).await.is_ok(), "{typ}");
    }
    for typ in [
        "",
        "JWE",
        "JWS",
        "dpop+jwt",
        "logout+jwt",
        "application/",
        "text/jwt",
        "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}jwt",
    ] {
        assert_eq!(read(&json!({ "alg": "HS256", "typ": typ }).to_string()).await, Err(Refused::Type), "{typ}");
    }
    for crit in [json!(["b64"]), json!([]), json!(null), json!("exp"), json!({})] {
        let header = json!({ "alg": "HS256", "crit": crit, "b64": false }).to_string();
        assert_eq!(read(&header).await, Err(Refused::Extension));
    }
    // A key that a token brings along is not looked at.
    let brought = json!({ "alg": "HS256", "jwk": { "kty": "oct", "k": "AA" }, "jku": "https://evil.test/", "x5c": [] });
    assert!(read(&brought.to_string()).await.is_ok());
}

/// Every byte of a token, replaced, dropped or doubled: nothing of it verifies.
#[tokio::test]
async fn no_byte_can_change() {
    let secret = verifier(with_secret()).await;
    let token = sign(Algorithm::HS256, &payload());
    for mutant in mutants(&token, b"Ab0_-.=9\0 ") {
        assert!(secret.verify_at(&mutant, NOW_S).await.is_err(), "{mutant}");
    }
    let curve = with_pem(P256_PUBLIC).await;
    let token = sign(Algorithm::ES256, &payload());
    assert!(curve.verify_at(&token, NOW_S).await.is_ok());
    for mutant in mutants(&token, b"B-") {
        assert!(curve.verify_at(&mutant, NOW_S).await.is_err(), "{mutant}");
    }
}

fn mutants(token: &str, replacements: &[u8]) -> Vec<String> {
    let mut mutants = Vec::new();
    for at in 0..token.len() {
        let (before, after) = (&token[..at], &token[at + 1..]);
        let byte = token.as_bytes()[at];
        let near = [byte ^ 1, byte ^ 2, byte ^ 4];
        let others = replacements.iter().copied().chain(near).filter(|other| *other != byte);
        mutants.extend(others.map(|other| format!("{before}{}{after}", char::from(other))));
        mutants.push(format!("{before}{after}"));
        mutants.push(format!("{before}{0}{0}{after}", char::from(byte)));
        mutants.push(before.to_owned());
    }
    mutants.retain(|mutant| mutant != token);
    mutants
}

#[test]
fn reasons_can_be_sent() {
    use Refused::*;
    for refused in [
        Malformed,
        Type,
        Extension,
        Algorithm,
        UnknownKey,
        Signature,
        Expired,
        NotYetValid,
        IssuedInFuture,
        Audience,
        Issuer,
        Claim,
        RoleClaim,
        NoKeys,
        Unavailable,
    ] {
        let text = refused.to_string();
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\'), "{text}");
    }
}
