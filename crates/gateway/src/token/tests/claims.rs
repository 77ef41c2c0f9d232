//! What claims must say, and when.

use serde_json::{Value, json};

use super::signer::{NOW_S, sign_payload, verifier, with_secret};
use crate::token::{Claims, Refused, TokenSettings};

async fn read(settings: TokenSettings, payload: &str) -> Result<Claims, Refused> {
    verifier(settings).await.verify_at(&sign_payload(payload), NOW_S).await
}

async fn outcome(settings: TokenSettings, payload: Value) -> Result<Option<String>, Refused> {
    read(settings, &payload.to_string()).await.map(|claims| claims.role)
}

fn within(leeway_s: u64) -> TokenSettings {
    TokenSettings { leeway_s, ..with_secret() }
}

#[tokio::test]
async fn hours_with_leeway() {
    for (leeway_s, leeway) in [(30, 30), (0, 0), (7, 7)] {
        for (claim, good, bad, refused) in [
            ("exp", NOW_S - leeway, NOW_S - leeway - 1, Refused::Expired),
            ("nbf", NOW_S + leeway, NOW_S + leeway + 1, Refused::NotYetValid),
            ("iat", NOW_S + leeway, NOW_S + leeway + 1, Refused::IssuedInFuture),
        ] {
            assert_eq!(outcome(within(leeway_s), json!({ claim: good })).await, Ok(None), "{claim}");
            assert_eq!(outcome(within(leeway_s), json!({ claim: bad })).await, Err(refused), "{claim}");
        }
    }
    let all = json!({ "exp": NOW_S + 1, "nbf": NOW_S - 1, "iat": NOW_S - 1 });
    assert_eq!(outcome(with_secret(), all).await, Ok(None));
    assert_eq!(outcome(with_secret(), json!({})).await, Ok(None), "all of them are optional");
    // Neither end of the clock overflows.
    assert_eq!(outcome(within(u64::MAX), json!({ "exp": 0, "nbf": i64::MAX })).await, Ok(None));
}

#[tokio::test]
async fn odd_hours() {
    let expires = async |text: &str| {
        let claims = read(with_secret(), &format!("{{\"exp\":{text}}}")).await;
        claims.map(|claims| claims.expires_s.unwrap())
    };
    assert_eq!(expires("1800000000.9").await, Ok(1_800_000_000));
    assert_eq!(expires("1.8e9").await, Ok(1_800_000_000));
    assert_eq!(expires("9223372036854775807").await, Ok(i64::MAX));
    for expired in ["0", "-0", "0.5", "1e-300", "1799999969.99"] {
        assert_eq!(expires(expired).await, Err(Refused::Expired), "{expired}");
    }
    for wrong in [
        "-1",
        "-0.5",
        "9223372036854775808",
        "18446744073709551616",
        "1e300",
        "-1e300",
        "\"1800000000\"",
        "null",
        "true",
        "[1800000000]",
        "{}",
    ] {
        assert_eq!(expires(wrong).await, Err(Refused::Claim), "{wrong}");
    }
    for unreadable in ["1e999", "NaN", "Infinity", "0x7f", "01"] {
        assert_eq!(expires(unreadable).await, Err(Refused::Malformed), "{unreadable}");
    }
    assert_eq!(outcome(with_secret(), json!({ "nbf": "soon" })).await, Err(Refused::Claim));
    assert_eq!(outcome(with_secret(), json!({ "iat": null })).await, Err(Refused::Claim));
}

#[tokio::test]
async fn audience() {
    let ours = || TokenSettings { audience: vec!["api".to_owned(), "admin".to_owned()], ..with_secret() };
    for good in [json!("api"), json!("admin"), json!(["x", "api"]), json!(["admin"])] {
        assert_eq!(outcome(ours(), json!({ "aud": good })).await, Ok(None));
    }
    for bad in [json!("API"), json!("ap"), json!(""), json!([]), json!(["x", "y"])] {
        assert_eq!(outcome(ours(), json!({ "aud": bad })).await, Err(Refused::Audience));
        assert_eq!(outcome(with_secret(), json!({ "aud": bad })).await, Ok(None), "none is configured");
    }
    assert_eq!(outcome(ours(), json!({})).await, Err(Refused::Audience));
    for wrong in [json!(1), json!(null), json!({}), json!(["api", 1])] {
        assert_eq!(outcome(ours(), json!({ "aud": wrong })).await, Err(Refused::Claim));
        assert_eq!(outcome(with_secret(), json!({ "aud": wrong })).await, Err(Refused::Claim));
    }
}

#[tokio::test]
async fn issuer() {
    let joe = || TokenSettings { issuer: Some("https://joe".to_owned()), ..with_secret() };
    assert_eq!(outcome(joe(), json!({ "iss": "https://joe" })).await, Ok(None));
    assert_eq!(outcome(joe(), json!({ "iss": "https://joe/" })).await, Err(Refused::Issuer));
    assert_eq!(outcome(joe(), json!({})).await, Err(Refused::Issuer));
    assert_eq!(outcome(joe(), json!({ "iss": ["https://joe"] })).await, Err(Refused::Claim));
    assert_eq!(outcome(with_secret(), json!({ "iss": "anyone" })).await, Ok(None));
}

#[tokio::test]
async fn role_by_path() {
    let claims = json!({
        "role": "plain", "roles": ["first", ["nested"]], "realm_access": { "role": "realm" },
        "https://x.test/role": "url", "a b": { "c.d": "quoted" }, "$x@y_1": "odd", "n": 5, "none": null, "": "empty",
    });
    for (path, role) in [
        ("role", "plain"),
        (".role", "plain"),
        (".roles[0]", "first"),
        (".roles[1][0]", "nested"),
        (".realm_access.role", "realm"),
        ("https://x.test/role", "url"),
        (".\"https://x.test/role\"", "url"),
        (".\"a b\".\"c.d\"", "quoted"),
        (".$x@y_1", "odd"),
        (".\"\"", "empty"),
    ] {
        let settings = TokenSettings { role_claim: path.to_owned(), ..with_secret() };
        assert_eq!(outcome(settings, claims.clone()).await, Ok(Some(role.to_owned())), "{path}");
    }
    for (path, outcome_) in [
        ("missing", Ok(None)),
        (".roles[7]", Ok(None)),
        (".role.deeper", Ok(None)),
        (".role[0]", Ok(None)),
        ("realm_access.role", Ok(None)),
        (".n", Err(Refused::RoleClaim)),
        (".none", Err(Refused::RoleClaim)),
        (".realm_access", Err(Refused::RoleClaim)),
        (".roles", Err(Refused::RoleClaim)),
    ] {
        let settings = TokenSettings { role_claim: path.to_owned(), ..with_secret() };
        assert_eq!(outcome(settings, claims.clone()).await, outcome_, "{path}");
    }
    for role in ["".to_owned(), "r".repeat(64), "a\0b".to_owned()] {
        assert_eq!(outcome(with_secret(), json!({ "role": role })).await, Err(Refused::RoleClaim));
    }
    assert!(outcome(with_secret(), json!({ "role": "r".repeat(63) })).await.is_ok());
}

#[tokio::test]
async fn duplicate_keys() {
    for payload in [
        r#"{"role":"a","role":"b"}"#,
        r#"{"role":"a","exp":1900000000,"exp":1}"#,
        r#"{"role":"a","r\u006fle":"b"}"#,
        r#"{"app":{"x":1,"x":2}}"#,
        r#"{"app":[{"x":1,"x":1}]}"#,
        r#"{"nbf":1,"iat":1,"nbf":1}"#,
    ] {
        assert_eq!(read(with_secret(), payload).await, Err(Refused::Malformed), "{payload}");
    }
    assert!(read(with_secret(), r#"{"a":{"x":1},"b":{"x":1},"Role":"a","role":"b"}"#).await.is_ok());
}

#[tokio::test]
async fn payload_is_kept_to_the_letter() {
    let text =
        "  {\"role\" : \"r\u{f6}le\",\n \"n\": 1.50, \"big\": 123456789012345678901234567890, \"u\": \"\\u00e9\"} ";
    let claims = read(with_secret(), text).await.unwrap();
    assert_eq!(claims.json, text);
    assert_eq!(claims.role.as_deref(), Some("r\u{f6}le"));
    assert_eq!((claims.subject, claims.expires_s), (None, None));
    assert_eq!(read(with_secret(), r#"{"sub":7}"#).await.unwrap().subject, None);
}
