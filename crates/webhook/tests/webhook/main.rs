//! The crate from outside: each scheme by known answers, and what no honest sender delivers.
//!
//! All signatures here were made by other programs: the schemes' own documents, Python's `hmac` and `cryptography`.
#![expect(clippy::unwrap_used, reason = "clippy exempts tests, but not the functions that they share")]

mod generic;
mod github;
mod hostile;
mod limits;
mod standard;
mod stripe;

use alyx_webhook::{Delivery, Refused, Scheme, TOLERANCE_S, Verified, verify};

/// A delivery that a test changes before it is verified.
#[derive(Clone)]
struct Sent {
    scheme: Scheme,
    secrets: Vec<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    now_s: i64,
    tolerance_s: u32,
}

impl Sent {
    fn new(scheme: Scheme, secret: &str, headers: &[(&str, &str)], body: &[u8], now_s: i64) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let secrets = vec![secret.to_owned()];
        Self { scheme, secrets, headers, body: body.to_vec(), now_s, tolerance_s: TOLERANCE_S }
    }

    /// With this value in place of the header's.
    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.iter_mut().find(|(its, _)| its == name).unwrap().1 = value.to_owned();
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(its, _)| its != name);
        self
    }

    fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn secrets(mut self, secrets: &[&str]) -> Self {
        self.secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        self
    }

    fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    fn at(mut self, now_s: i64) -> Self {
        self.now_s = now_s;
        self
    }

    fn value(&self, name: &str) -> String {
        self.headers.iter().find(|(its, _)| its == name).unwrap().1.clone()
    }

    fn verify(&self) -> Result<Verified, Refused> {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let secrets: Vec<&str> = self.secrets.iter().map(String::as_str).collect();
        let (now_s, tolerance_s) = (self.now_s, self.tolerance_s);
        verify(&self.scheme, &secrets, &Delivery { headers: &headers, body: &self.body, now_s, tolerance_s })
    }

    fn refusal(&self) -> Refused {
        self.verify().unwrap_err()
    }
}

fn verified(id: &str, timestamp_s: Option<i64>) -> Result<Verified, Refused> {
    Ok(Verified { id: id.to_owned(), timestamp_s })
}

fn missing(name: &str) -> Refused {
    Refused::Missing(name.to_owned())
}

fn repeated(name: &str) -> Refused {
    Refused::Repeated(name.to_owned())
}

fn malformed(name: &str) -> Refused {
    Refused::Malformed(name.to_owned())
}
