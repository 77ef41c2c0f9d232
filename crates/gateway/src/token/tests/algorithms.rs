//! Signatures: each algorithm with its key, and the ways to have one taken for another.

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::json;

use super::fixtures::{ED_PUBLIC, P256_PUBLIC, P384_PUBLIC, RSA_PUBLIC, RSA_PUBLIC_PKCS1};
use super::signer::{NOW_S, SECRET, Scratch, encode, key, payload, sign, sign_payload, sign_text, with_pem};
use super::signer::{verifier, with_secret};
use crate::token::{Refused, TokenSettings, Verifier};

/// The good token is accepted; with another payload, another signature or none it is not.
async fn good_and_tampered(verifier: &Verifier, algorithm: Algorithm) {
    let token = sign(algorithm, &payload());
    let claims = verifier.verify_at(&token, NOW_S).await.unwrap();
    assert_eq!(claims.json, payload().to_string());
    assert_eq!(claims.role.as_deref(), Some("web_user"));
    assert_eq!(claims.subject.as_deref(), Some("42"));
    assert_eq!(claims.expires_s, Some(NOW_S + 3600));
    // Once more, now from memory where there is one.
    assert_eq!(verifier.verify_at(&token, NOW_S).await, Ok(claims));

    let mut parts = token.split('.');
    let (header, body, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let other = encode(json!({ "role": "postgres" }).to_string());
    let elsewhere = sign(algorithm, &json!({ "role": "other" }));
    let elsewhere = elsewhere.rsplit('.').next().unwrap();
    for forged in [
        format!("{header}.{other}.{signature}"),
        format!("{header}.{body}.{elsewhere}"),
        format!("{header}.{body}."),
        format!("{header}.{body}.{}", encode([0; 64])),
        format!("{header}.{body}.{}", encode([0; 256])),
    ] {
        assert_eq!(verifier.verify_at(&forged, NOW_S).await, Err(Refused::Signature), "{forged}");
    }
    assert_eq!(verifier.verify_at(&token, NOW_S + 3631).await, Err(Refused::Expired), "also when it is remembered");
}

#[tokio::test]
async fn secrets() {
    let verifier = verifier(with_secret()).await;
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        good_and_tampered(&verifier, algorithm).await;
    }
}

#[tokio::test]
async fn rsa() {
    for pem in [RSA_PUBLIC, RSA_PUBLIC_PKCS1] {
        let verifier = with_pem(pem).await;
        for algorithm in [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS512] {
            good_and_tampered(&verifier, algorithm).await;
        }
    }
}

#[tokio::test]
async fn elliptic_curves() {
    good_and_tampered(&*with_pem(P256_PUBLIC).await, Algorithm::ES256).await;
    good_and_tampered(&*with_pem(P384_PUBLIC).await, Algorithm::ES384).await;
    good_and_tampered(&*with_pem(ED_PUBLIC).await, Algorithm::EdDSA).await;
    // RFC 9864's name for the same.
    let named = sign_text(r#"{"alg":"Ed25519"}"#, "{}", &key(Algorithm::EdDSA), Algorithm::EdDSA);
    assert!(with_pem(ED_PUBLIC).await.verify(&named).await.is_ok());
}

#[tokio::test]
async fn public_keys_are_no_secrets() {
    let der = RSA_PUBLIC_PKCS1.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, der).unwrap();
    let secrets = [RSA_PUBLIC.as_bytes(), RSA_PUBLIC.trim_end().as_bytes(), RSA_PUBLIC_PKCS1.as_bytes(), &der];
    let rsa = with_pem(RSA_PUBLIC).await;
    let file = Scratch::new(RSA_PUBLIC);
    let beside_secret = TokenSettings { public_keys: vec![file.path().to_owned()], ..with_secret() };
    let beside_secret = verifier(beside_secret).await;
    for secret in secrets {
        let secret = EncodingKey::from_secret(secret).unwrap();
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let header = json!({ "alg": format!("{algorithm:?}") }).to_string();
            let token = sign_text(&header, payload().to_string(), &secret, algorithm);
            assert_eq!(rsa.verify(&token).await, Err(Refused::Algorithm));
            assert_eq!(beside_secret.verify(&token).await, Err(Refused::Signature));
        }
        // The header says RSA, the signature is an HMAC.
        let token = sign_text(r#"{"alg":"RS256"}"#, payload().to_string(), &secret, Algorithm::HS256);
        assert_eq!(rsa.verify(&token).await, Err(Refused::Signature));
    }
}

#[tokio::test]
async fn none_is_no_algorithm() {
    let verifier = verifier(with_secret()).await;
    let body = encode(payload().to_string());
    for name in ["none", "None", "NONE", "NoNe", "nOnE", "", " ", "hs256", "HS256 ", "HS1", "ES512", "RSA-OAEP", "dir"]
    {
        let header = encode(json!({ "alg": name }).to_string());
        for signature in ["", "AA", sign_payload("{}").rsplit('.').next().unwrap()] {
            let token = format!("{header}.{body}.{signature}");
            assert_eq!(verifier.verify(&token).await, Err(Refused::Algorithm), "{name}");
        }
    }
}

#[tokio::test]
async fn each_key_keeps_to_its_algorithms() {
    let all = [RSA_PUBLIC, P256_PUBLIC, P384_PUBLIC, ED_PUBLIC];
    let fits = [
        vec![Algorithm::RS256, Algorithm::RS384, Algorithm::PS256],
        vec![Algorithm::ES256],
        vec![Algorithm::ES384],
        vec![Algorithm::EdDSA],
    ];
    for (pem, fits) in all.iter().zip(&fits) {
        let verifier = with_pem(pem).await;
        for algorithm in fits.iter().copied().chain(fits.iter().copied()) {
            assert!(verifier.verify_at(&sign(algorithm, &payload()), NOW_S).await.is_ok(), "{algorithm:?}");
        }
        for algorithm in [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
            if !fits.contains(&algorithm) {
                assert_eq!(verifier.verify(&sign(algorithm, &payload())).await, Err(Refused::Algorithm));
            }
        }
    }
    // The right algorithm in the header, the signature of another of the same key.
    let token = sign_text(r#"{"alg":"RS256"}"#, payload().to_string(), &key(Algorithm::PS256), Algorithm::PS256);
    assert_eq!(with_pem(RSA_PUBLIC).await.verify(&token).await, Err(Refused::Signature));
}

#[tokio::test]
async fn settings_narrow_the_algorithms() {
    let only = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let verifier = verifier(TokenSettings { algorithms: only(&["HS512"]), ..with_secret() }).await;
    assert!(verifier.verify_at(&sign(Algorithm::HS512, &payload()), NOW_S).await.is_ok());
    assert_eq!(verifier.verify(&sign(Algorithm::HS256, &payload())).await, Err(Refused::Algorithm));
}

#[tokio::test]
async fn several_keys_without_names_are_all_tried() {
    let files = [RSA_PUBLIC, P256_PUBLIC, ED_PUBLIC].map(Scratch::new);
    let public_keys = files.iter().map(|file| file.path().to_owned()).collect();
    let verifier = verifier(TokenSettings { public_keys, ..with_secret() }).await;
    for algorithm in [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        assert!(verifier.verify_at(&sign(algorithm, &payload()), NOW_S).await.is_ok(), "{algorithm:?}");
    }
    assert_eq!(verifier.verify(&sign(Algorithm::ES384, &payload())).await, Err(Refused::Algorithm));
    // A token may name a key; keys without a name cannot contradict it.
    let named = super::signer::sign_as("k1", &key(Algorithm::RS256), Algorithm::RS256);
    assert!(verifier.verify_at(&named, NOW_S).await.is_ok());
    let forged = sign_text(
        r#"{"alg":"HS256"}"#,
        "{}",
        &EncodingKey::from_secret(&SECRET.as_bytes()[1..]).unwrap(),
        Algorithm::HS256,
    );
    assert_eq!(verifier.verify(&forged).await, Err(Refused::Signature));
}

/// RFC 7515, appendix A.1: signed rightly, and expired in 2011.
#[tokio::test]
async fn known_answer() {
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let settings =
        TokenSettings { secret: Some(secret.to_owned()), secret_is_base64: true, ..TokenSettings::default() };
    let verifier = verifier(settings).await;
    assert_eq!(verifier.verify(token).await, Err(Refused::Expired));
    let claims = verifier.verify_at(token, 1_300_819_380).await.unwrap();
    assert_eq!(claims.json, "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}");
    assert_eq!(verifier.verify(&token.replace("EjXk", "EjXg")).await, Err(Refused::Signature));
}
