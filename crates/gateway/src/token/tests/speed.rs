//! How long a verification takes: `cargo test --release token::tests::speed -- --ignored --nocapture`.

use std::time::Instant;

use jsonwebtoken::Algorithm;

use super::fixtures::{ED_PUBLIC, P256_PUBLIC, RSA_PUBLIC};
use super::signer::{NOW_S, payload, sign, verifier, with_pem, with_secret};

#[tokio::test]
#[ignore = "a measurement"]
async fn speed() {
    let verifiers = [
        (Algorithm::HS256, verifier(with_secret()).await),
        (Algorithm::RS256, with_pem(RSA_PUBLIC).await),
        (Algorithm::ES256, with_pem(P256_PUBLIC).await),
        (Algorithm::EdDSA, with_pem(ED_PUBLIC).await),
    ];
    for (algorithm, verifier) in verifiers {
        let tokens: Vec<_> = (0..500)
            .map(|n| {
                let mut payload = payload();
                payload["n"] = n.into();
                sign(algorithm, &payload)
            })
            .collect();
        for round in ["new", "seen"] {
            let started = Instant::now();
            for token in &tokens {
                assert!(verifier.verify_at(token, NOW_S).await.is_ok());
            }
            let each = started.elapsed() / u32::try_from(tokens.len()).unwrap();
            println!("{algorithm:?} {round}: {each:?}");
        }
    }
}
