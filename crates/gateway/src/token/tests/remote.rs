//! Key sets behind a URL, from a server on this host.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::fixtures::RSA_OTHER_PRIVATE;
use super::signer::{NOW_S, jwk, key, payload, sign, sign_as, with_secret};
use crate::token::jwks::Pace;
use crate::token::{Refused, TokenSettings, Verifier};

/// What the server says: the answer, and after how long.
#[derive(Clone, Default)]
struct Answer {
    head: &'static str,
    body: String,
    after: Duration,
}

#[derive(Default)]
struct Server {
    answer: Mutex<Answer>,
    asked: AtomicUsize,
}

impl Server {
    async fn start(body: String) -> (Arc<Self>, TokenSettings) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let server = Arc::new(Self::default());
        server.says(body);
        let serving = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                serving.asked.fetch_add(1, Ordering::SeqCst);
                let Answer { head, body, after } = serving.answer.lock().unwrap().clone();
                tokio::spawn(async move {
                    let _ = stream.read(&mut [0; 4096]).await;
                    tokio::time::sleep(after).await;
                    let reply = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    let _ = stream.write_all(reply.as_bytes()).await;
                });
            }
        });
        (server, TokenSettings { jwks: Some(url), ..TokenSettings::default() })
    }

    fn says(&self, body: String) {
        *self.answer.lock().unwrap() = Answer { head: "200 OK", body, after: Duration::ZERO };
    }

    fn fails(&self, head: &'static str) {
        self.answer.lock().unwrap().head = head;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn first() -> (String, String) {
    let key = key(Algorithm::RS256);
    (set(&[jwk("first", &key, Algorithm::RS256)]), sign_as("first", &key, Algorithm::RS256))
}

fn second() -> (String, String) {
    let key = EncodingKey::from_rsa_pem(RSA_OTHER_PRIVATE.as_bytes()).unwrap();
    (set(&[jwk("second", &key, Algorithm::RS256)]), sign_as("second", &key, Algorithm::RS256))
}

fn pace(pause_ms: u64) -> Pace {
    Pace { pause: Duration::from_millis(pause_ms), retry: Duration::from_millis(50), ..Pace::default() }
}

async fn wait(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test]
async fn rotation() {
    let ((old_set, old), (new_set, new)) = (first(), second());
    let (server, settings) = Server::start(old_set).await;
    let verifier = Verifier::with_pace(settings, pace(100)).await.unwrap();
    assert!(verifier.has_keys());
    for _ in 0..10 {
        assert!(verifier.verify_at(&old, NOW_S).await.is_ok());
    }
    assert_eq!(server.asked(), 1);

    server.says(new_set);
    wait(120).await;
    assert!(verifier.verify_at(&new, NOW_S).await.is_ok(), "an unknown key has the set fetched again");
    assert_eq!(server.asked(), 2);
    for _ in 0..10 {
        assert_eq!(verifier.verify_at(&old, NOW_S).await, Err(Refused::UnknownKey));
    }
    assert_eq!(server.asked(), 2, "not again within the pause");
    wait(120).await;
    assert_eq!(verifier.verify_at(&old, NOW_S).await, Err(Refused::UnknownKey));
    assert_eq!(server.asked(), 3);
    assert!(verifier.verify_at(&new, NOW_S).await.is_ok(), "the same set again changes nothing");
}

#[tokio::test]
async fn unknown_keys_are_fetched_once_by_many() {
    let ((old_set, _), (new_set, new)) = (first(), second());
    let (server, settings) = Server::start(old_set).await;
    let verifier = Verifier::with_pace(settings, pace(20)).await.unwrap();
    wait(30).await;
    *server.answer.lock().unwrap() = Answer { head: "200 OK", body: new_set, after: Duration::from_millis(10) };
    let requests: Vec<_> = (0..50)
        .map(|_| {
            let (verifier, token) = (Arc::clone(&verifier), new.clone());
            tokio::spawn(async move { verifier.verify_at(&token, NOW_S).await.is_ok() })
        })
        .collect();
    for request in requests {
        assert!(request.await.unwrap());
    }
    assert_eq!(server.asked(), 2);
}

/// A client that asks and hangs up does not keep the new keys away.
#[tokio::test]
async fn fetches_outlive_their_request() {
    let ((old_set, _), (new_set, new)) = (first(), second());
    let (server, settings) = Server::start(old_set).await;
    let verifier = Verifier::with_pace(settings, pace(50)).await.unwrap();
    wait(60).await;
    *server.answer.lock().unwrap() = Answer { head: "200 OK", body: new_set, after: Duration::from_millis(30) };
    let given_up = tokio::time::timeout(Duration::from_millis(5), verifier.verify_at(&new, NOW_S)).await;
    assert!(given_up.is_err());
    wait(40).await;
    assert!(verifier.verify_at(&new, NOW_S).await.is_ok());
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn stale_sets_are_fetched_again_on_use() {
    let ((old_set, old), (new_set, new)) = (first(), second());
    let (server, settings) = Server::start(old_set).await;
    let verifier =
        Verifier::with_pace(settings, Pace { stale: Duration::from_millis(60), ..pace(30_000) }).await.unwrap();
    server.says(new_set);
    wait(80).await;
    assert!(verifier.verify_at(&old, NOW_S).await.is_ok(), "the one that notices does not wait");
    wait(30).await;
    assert_eq!(verifier.verify_at(&old, NOW_S).await, Err(Refused::UnknownKey));
    assert!(verifier.verify_at(&new, NOW_S).await.is_ok());
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn keys_are_kept_when_a_fetch_fails() {
    let ((old_set, old), (_, new)) = (first(), second());
    let (server, settings) = Server::start(old_set.clone()).await;
    let verifier = Verifier::with_pace(settings, pace(20)).await.unwrap();
    let many: Vec<Value> = (0..65).map(|_| json!({ "kty": "oct" })).collect();
    let large = format!("{old_set}{}", " ".repeat(256 * 1024));
    for body in ["", "{", "{\"keys\":[]}", &set(&many), &large] {
        server.says(body.to_owned());
        wait(30).await;
        assert_eq!(verifier.verify_at(&new, NOW_S).await, Err(Refused::UnknownKey));
        assert!(verifier.verify_at(&old, NOW_S).await.is_ok());
    }
    for head in
        ["500 Internal Server Error", "404 Not Found", "302 Found\r\nlocation: /other", "204 No Content", "garbage"]
    {
        server.says(second().0);
        server.fails(head);
        wait(30).await;
        assert_eq!(verifier.verify_at(&new, NOW_S).await, Err(Refused::UnknownKey), "{head}");
        assert!(verifier.verify_at(&old, NOW_S).await.is_ok());
    }
    assert_eq!(server.asked(), 11, "each was asked for, and no redirect followed");
}

#[tokio::test]
async fn a_server_that_comes_up_later() {
    let (old_set, old) = first();
    let (server, settings) = Server::start(old_set).await;
    server.fails("503 Service Unavailable");
    let settings = TokenSettings { secret: with_secret().secret, ..settings };
    let verifier = Verifier::with_pace(settings, pace(30_000)).await.unwrap();
    assert!(verifier.has_keys());
    for _ in 0..5 {
        assert_eq!(verifier.verify_at(&old, NOW_S).await, Err(Refused::Unavailable));
    }
    assert_eq!(server.asked(), 1);
    assert!(verifier.verify_at(&sign(Algorithm::HS256, &payload()), NOW_S).await.is_ok(), "the secret is there");
    server.fails("200 OK");
    wait(60).await;
    assert!(verifier.verify_at(&old, NOW_S).await.is_ok());
    assert!(verifier.verify_at(&sign(Algorithm::HS256, &payload()), NOW_S).await.is_ok());
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn servers_that_do_not_answer() {
    let (old_set, old) = first();
    let (server, settings) = Server::start(old_set).await;
    let settings_url = settings.jwks.clone().unwrap();
    server.answer.lock().unwrap().after = Duration::from_secs(60);
    let pace = Pace { timeout: Duration::from_millis(50), ..pace(0) };
    let verifier = Verifier::with_pace(settings, pace).await.unwrap();
    assert_eq!(verifier.verify_at(&old, NOW_S).await, Err(Refused::Unavailable));
    // A server that speaks no TLS.
    let url = "https://".to_owned() + settings_url.trim_start_matches("http://");
    let tls = TokenSettings { jwks: Some(url), ..TokenSettings::default() };
    match Verifier::with_pace(tls, pace).await {
        Ok(verifier) => assert_eq!(verifier.verify_at(&old, NOW_S).await, Err(Refused::Unavailable)),
        // Where the system has no certificates.
        Err(error) => assert!(error.to_string().contains("certificates"), "{error}"),
    }
    let nobody = TokenSettings { jwks: Some("http://127.0.0.1:1/".to_owned()), ..TokenSettings::default() };
    assert_eq!(Verifier::new(nobody).await.unwrap().verify(&old).await, Err(Refused::Unavailable));
}

#[tokio::test]
async fn secrets_do_not_come_from_a_url() {
    let secret = jwk("shared", &key(Algorithm::HS256), Algorithm::HS256);
    let good = jwk("first", &key(Algorithm::RS256), Algorithm::RS256);
    let (_server, settings) = Server::start(set(&[secret, good])).await;
    let verifier = Verifier::with_pace(settings, pace(0)).await.unwrap();
    let token = sign_as("shared", &key(Algorithm::HS256), Algorithm::HS256);
    assert_eq!(verifier.verify_at(&token, NOW_S).await, Err(Refused::UnknownKey));
    assert!(verifier.verify_at(&first().1, NOW_S).await.is_ok());
}
