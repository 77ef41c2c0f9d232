//! Settings that are wrong are refused with advice, and never with the secret.

use std::path::PathBuf;

use jsonwebtoken::Algorithm;
use serde_json::json;

use super::fixtures::{
    CERTIFICATE, ED_PRIVATE, ED_PUBLIC, K256_PUBLIC, P521_PUBLIC, RSA_PRIVATE, RSA_PUBLIC, RSA_SMALL_PUBLIC,
};
use super::signer::{NOW_S, SECRET, Scratch, payload, sign, verifier, with_secret};
use crate::token::settings::ConfigError;
use crate::token::{Refused, TokenSettings, Verifier};

async fn wrong(settings: TokenSettings) -> String {
    match Verifier::new(settings).await {
        Ok(_) => panic!("the settings are accepted"),
        Err(error) => error.to_string(),
    }
}

fn secret(text: &str, is_base64: bool) -> TokenSettings {
    TokenSettings { secret: Some(text.to_owned()), secret_is_base64: is_base64, ..TokenSettings::default() }
}

#[tokio::test]
async fn secrets() {
    assert!(wrong(secret(&SECRET[..31], false)).await.contains("has 31 bytes, and 32 are needed"));
    assert!(wrong(secret("", false)).await.contains("has 0 bytes"));
    assert!(wrong(secret("QUJD", true)).await.contains("has 3 bytes"));
    assert!(wrong(secret("not base64!", true)).await.contains("not base64"));
    for key in [RSA_PUBLIC, RSA_PRIVATE, &json!({ "kty": "oct", "k": SECRET }).to_string()] {
        assert_eq!(wrong(secret(key, false)).await, ConfigError::SecretIsKey.to_string());
    }
    assert!(!format!("{:?}", secret(SECRET, false)).contains(SECRET));
    for error in [wrong(secret(&SECRET[..31], false)).await, wrong(secret("not base64!", true)).await] {
        assert!(!error.contains(&SECRET[..31]) && !error.contains("base64!"));
    }
}

#[tokio::test]
async fn secrets_in_base64() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    let bytes: Vec<u8> = (0..64).map(|byte| 255 - byte).collect();
    let key = jsonwebtoken::EncodingKey::from_secret(&bytes).unwrap();
    let token = super::signer::sign_text(r#"{"alg":"HS256"}"#, "{}", &key, Algorithm::HS256);
    for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
        let settings = secret(&format!("{}\n", engine.encode(&bytes)), true);
        assert!(verifier(settings).await.verify(&token).await.is_ok());
    }
}

#[tokio::test]
async fn secrets_are_as_long_as_their_hash() {
    let short = verifier(secret(&SECRET[..32], false)).await;
    assert_eq!(short.verify(&sign(Algorithm::HS256, &payload())).await, Err(Refused::Signature));
    assert_eq!(short.verify(&sign(Algorithm::HS512, &payload())).await, Err(Refused::Algorithm));
    let settings = TokenSettings { algorithms: vec!["HS512".to_owned()], ..secret(&SECRET[..32], false) };
    assert!(wrong(settings).await.contains("HS512 of 64"));
}

#[tokio::test]
async fn key_files() {
    let two = format!("{RSA_PUBLIC}{ED_PUBLIC}");
    for (text, reason) in [
        (RSA_PRIVATE, "private key"),
        (ED_PRIVATE, "private key"),
        (CERTIFICATE, "certificate"),
        ("", "no public key"),
        (RSA_SMALL_PUBLIC, "none of RSA with 2048"),
        (K256_PUBLIC, "none of RSA"),
        (P521_PUBLIC, "none of RSA"),
        (&two, "several keys"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "neither RSA nor EC"),
        ("-----BEGIN PUBLIC KEY-----", "neither RSA nor EC"),
    ] {
        let file = Scratch::new(text);
        let settings = TokenSettings { public_keys: vec![file.path().to_owned()], ..TokenSettings::default() };
        let error = wrong(settings).await;
        assert!(error.contains(reason) && error.contains(file.path().to_str().unwrap()), "{error}");
    }
    let missing = TokenSettings { public_keys: vec![PathBuf::from("/nowhere/key.pem")], ..TokenSettings::default() };
    assert!(wrong(missing).await.contains("/nowhere/key.pem"));
    let file = Scratch::new(RSA_PUBLIC);
    let settings = TokenSettings {
        public_keys: vec![file.path().to_owned()],
        algorithms: vec!["ES256".to_owned(), "HS256".to_owned()],
        ..TokenSettings::default()
    };
    assert!(wrong(settings).await.contains("none of the accepted JWT algorithms fits"));
}

#[tokio::test]
async fn algorithms_paths_and_urls() {
    for name in ["none", "NoNe", "hs256", "", "ES512"] {
        let settings = TokenSettings { algorithms: vec![name.to_owned()], ..with_secret() };
        assert!(wrong(settings).await.contains("is not supported"), "{name}");
    }
    for path in ["", ".", "..role", ".a.", ".a[", ".a[x]", ".a[]", ".a[-1]", ".a b", ".\"a", ".a[99999999999999999999]"]
    {
        let settings = TokenSettings { role_claim: path.to_owned(), ..with_secret() };
        assert!(wrong(settings).await.contains("no path"), "{path}");
    }
    for (url, reason) in [
        ("http://example.com/jwks", "use https"),
        ("http://127.0.0.1.example.com/", "use https"),
        ("ftp://x/", "use https"),
        ("http://localhost.example.com/", "use https"),
        ("https://u:p@example.com/", "password"),
        ("https://", "URL"),
        ("http://127.0.0.1@example.com/", "use https"),
    ] {
        let settings = TokenSettings { jwks: Some(url.to_owned()), ..TokenSettings::default() };
        assert!(wrong(settings).await.contains(reason), "{url}");
    }
}

#[tokio::test]
async fn without_keys_nothing_is_believed() {
    let verifier = verifier(TokenSettings::default()).await;
    assert!(!verifier.has_keys());
    assert_eq!(verifier.verify_at(&sign(Algorithm::HS256, &payload()), NOW_S).await, Err(Refused::NoKeys));
    assert!(super::signer::verifier(with_secret()).await.has_keys());
}
