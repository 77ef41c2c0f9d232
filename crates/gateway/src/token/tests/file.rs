//! Key sets in a file.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::fixtures::RSA_OTHER_PRIVATE;
use super::signer::{NOW_S, SECRET, Scratch, encode, jwk, key, payload, sign, sign_as, verifier};
use crate::token::jwks::Pace;
use crate::token::{Refused, TokenSettings, Verifier};

const ALL: [Algorithm; 5] = [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn mixed() -> Vec<Value> {
    ALL.iter().map(|algorithm| jwk(&format!("{algorithm:?}"), &key(*algorithm), *algorithm)).collect()
}

#[tokio::test]
async fn keys_by_name() {
    let file = Scratch::new(&set(&mixed()));
    let verifier = verifier(file.jwks()).await;
    for algorithm in ALL {
        let by_name = sign_as(&format!("{algorithm:?}"), &key(algorithm), algorithm);
        assert!(verifier.verify_at(&by_name, NOW_S).await.is_ok(), "{algorithm:?}");
        assert!(verifier.verify_at(&sign(algorithm, &payload()), NOW_S).await.is_ok(), "{algorithm:?} without a name");
        let unknown = sign_as("other", &key(algorithm), algorithm);
        assert_eq!(verifier.verify_at(&unknown, NOW_S).await, Err(Refused::UnknownKey));
    }
    // Signed rightly, under the name of another key.
    let swapped = sign_as("ES256", &key(Algorithm::RS256), Algorithm::RS256);
    assert_eq!(verifier.verify_at(&swapped, NOW_S).await, Err(Refused::Algorithm));
    let other_hash = sign_as("RS256", &key(Algorithm::RS512), Algorithm::RS512);
    assert_eq!(verifier.verify_at(&other_hash, NOW_S).await, Err(Refused::Algorithm), "the key's alg is RS256");
}

#[tokio::test]
async fn one_key_alone() {
    let file = Scratch::new(&jwk("only", &key(Algorithm::EdDSA), Algorithm::EdDSA).to_string());
    let token = sign_as("only", &key(Algorithm::EdDSA), Algorithm::EdDSA);
    assert!(verifier(file.jwks()).await.verify_at(&token, NOW_S).await.is_ok());
}

/// Entries that are for something else are left out; the good one beside them still works.
#[tokio::test]
async fn entries_left_out() {
    let good = jwk("good", &key(Algorithm::ES256), Algorithm::ES256);
    let change = |member: &str, value: Value| {
        let mut bad = jwk("bad", &key(Algorithm::RS256), Algorithm::RS256);
        bad[member] = value;
        bad
    };
    let oct = |bytes: usize| json!({ "kty": "oct", "kid": "bad", "k": encode(&SECRET[..bytes]) });
    let ec = jwk("bad", &key(Algorithm::ES256), Algorithm::ES256);
    let with = |key: &Value, member: &str, value: Value| {
        let mut key = key.clone();
        key[member] = value;
        key
    };
    let ed = jwk("bad", &key(Algorithm::EdDSA), Algorithm::EdDSA);
    for bad in [
        change("use", json!("enc")),
        change("key_ops", json!(["sign"])),
        change("key_ops", json!([])),
        change("alg", json!("RSA-OAEP")),
        change("alg", json!("HS256")),
        change("alg", json!("none")),
        change("alg", json!("ES256")),
        change("kty", json!("rsa")),
        change("n", json!("AQAB")),
        change("n", json!("!")),
        change("n", json!("")),
        change("kid", json!(7)),
        with(&ec, "crv", json!("P-384")),
        with(&ec, "crv", json!("P-521")),
        with(&ec, "x", json!(encode([1; 32]))),
        with(&ec, "y", json!("")),
        with(&ec, "alg", json!("ES384")),
        with(&ed, "x", json!(encode([1; 31]))),
        with(&ed, "x", json!("")),
        with(&ed, "crv", json!("Ed448")),
        oct(31),
        oct(0),
        json!({}),
        json!(null),
        json!("key"),
        json!([]),
    ] {
        let file = Scratch::new(&set(&[bad.clone(), good.clone()]));
        let verifier = verifier(file.jwks()).await;
        let token = sign_as("good", &key(Algorithm::ES256), Algorithm::ES256);
        assert!(verifier.verify_at(&token, NOW_S).await.is_ok(), "{bad}");
        for algorithm in ALL {
            let token = sign_as("bad", &key(algorithm), algorithm);
            assert_eq!(verifier.verify_at(&token, NOW_S).await, Err(Refused::UnknownKey), "{bad}");
        }
        let alone = Scratch::new(&set(&[bad]));
        assert!(Verifier::new(alone.jwks()).await.is_err());
    }
}

#[tokio::test]
async fn documents_that_are_no_key_sets() {
    let many: Vec<Value> = (0..65).map(|_| jwk("k", &key(Algorithm::EdDSA), Algorithm::EdDSA)).collect();
    let large = format!("{}{}", set(&mixed()), " ".repeat(256 * 1024));
    for text in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[],\"keys\":[]}", &set(&many), &large] {
        assert!(Verifier::new(Scratch::new(text).jwks()).await.is_err(), "{:.60}", text);
    }
    assert!(Verifier::new(Scratch::new(&set(&many[..64])).jwks()).await.is_ok());
    for path in ["/nowhere/jwks.json", "/tmp", "/dev/zero"] {
        let settings = TokenSettings { jwks: Some(path.to_owned()), ..TokenSettings::default() };
        assert!(Verifier::new(settings).await.is_err(), "{path}");
    }
}

#[tokio::test]
async fn changes_are_seen() {
    let (first, second) = (key(Algorithm::RS256), EncodingKey::from_rsa_pem(RSA_OTHER_PRIVATE.as_bytes()).unwrap());
    let file = Scratch::new(&set(&[jwk("first", &first, Algorithm::RS256)]));
    let pace = Pace { file: Duration::from_millis(40), ..Pace::default() };
    let verifier = Verifier::with_pace(file.jwks(), pace).await.unwrap();
    let (old, new) = (sign_as("first", &first, Algorithm::RS256), sign_as("second", &second, Algorithm::RS256));
    assert!(verifier.verify_at(&old, NOW_S).await.is_ok());
    assert!(verifier.verify_at(&new, NOW_S).await.is_err());

    file.write(&set(&[jwk("second", &second, Algorithm::RS256)]));
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(verifier.verify_at(&old, NOW_S).await, Err(Refused::UnknownKey), "its key has gone, and so its memory");
    assert!(verifier.verify_at(&new, NOW_S).await.is_ok());

    file.write("{");
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(verifier.verify_at(&new, NOW_S).await.is_ok(), "what cannot be read changes nothing");
    std::fs::remove_file(file.path()).unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(verifier.verify_at(&new, NOW_S).await.is_ok());
}
