//! Where a reply leads, and what goes along.

use http::{HeaderMap, Method, StatusCode, header};

use crate::error::{FetchError, Kind};
use crate::headers;
use crate::origin::Origin;
use crate::request::{self, Checked};

/// What to do with a reply that names another place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirect {
    /// Go there.
    #[default]
    Follow,
    /// Hand the reply over as it is.
    Manual,
    /// Fail.
    Error,
}

impl Redirect {
    /// Reads the names that `fetch` has for them.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "follow" => Self::Follow,
            "manual" => Self::Manual,
            "error" => Self::Error,
            _ => return None,
        })
    }
}

/// The place that a reply leads to, as it is written; `None` when it leads nowhere.
pub(crate) fn location(status: StatusCode, headers: &HeaderMap) -> Result<Option<&str>, FetchError> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(value) = headers.get(header::LOCATION) else { return Ok(None) };
    value.to_str().map(Some).map_err(|_| FetchError::new(Kind::Broken, "the redirect's location cannot be read"))
}

impl Checked {
    /// The same request to where a redirect leads, as the Fetch standard has it: a POST becomes a GET where it always
    /// did, and what another origin may not see stays behind.
    pub(crate) fn redirected(mut self, from: &Origin, status: StatusCode, location: &str) -> Result<Self, FetchError> {
        self.url = request::url(Some(&self.url), location)
            .map_err(|error| FetchError { message: format!("redirect: {error}"), ..error })?;
        let becomes_get = match status.as_u16() {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = bytes::Bytes::new();
            self.headers.remove(header::CONTENT_TYPE);
            self.headers.remove(header::CONTENT_LANGUAGE);
            self.headers.remove(header::CONTENT_ENCODING);
        }
        let to = Origin::of(&self.url)?;
        if to != *from {
            headers::keep_impersonal(&mut self.headers);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Limits;
    use crate::request::Request;

    fn redirected(method: &str, status: u16, location: &str) -> Result<Checked, FetchError> {
        let headers = vec![("authorization", "x"), ("content-type", "a/b")];
        let body = b"body".to_vec();
        let request = Request { method, url: "https://a.example/x/y", headers, body, redirect: Redirect::Follow };
        let checked = Checked::read(request, &Limits::default())?;
        let from = Origin::of(&checked.url)?;
        checked.redirected(&from, StatusCode::from_u16(status).unwrap(), location)
    }

    #[test]
    fn a_post_becomes_a_get_where_it_always_did() {
        for (method, status, becomes) in [
            ("POST", 301, "GET"),
            ("POST", 302, "GET"),
            ("POST", 303, "GET"),
            ("PUT", 303, "GET"),
            ("PUT", 301, "PUT"),
            ("POST", 307, "POST"),
            ("POST", 308, "POST"),
            ("HEAD", 303, "HEAD"),
        ] {
            let request = redirected(method, status, "/z").unwrap();
            assert_eq!(request.method.as_str(), becomes, "{method} {status}");
            assert_eq!(request.body.is_empty(), becomes == "GET", "{method} {status}");
            assert_eq!(request.url.as_str(), "https://a.example/z");
        }
    }

    #[test]
    fn credentials_stay_within_their_origin() {
        for (location, stays) in [
            ("z", true),
            ("https://a.example:443/z", true),
            ("https://b.example/", false),
            ("http://a.example/", false),
            ("https://a.example:444/", false),
            ("//b.example/", false),
        ] {
            let request = redirected("GET", 307, location).unwrap();
            assert_eq!(request.headers.contains_key("authorization"), stays, "{location}");
            assert!(request.headers.contains_key("content-type"), "{location}");
        }
    }

    #[test]
    fn places_that_are_no_place_are_refused() {
        for location in [
            "file:///etc/passwd",
            "gopher://a/",
            "javascript:0",
            "http://u@b.example/",
            "http://b\\@c/",
            "http://[",
            "/a\tb",
        ] {
            assert_eq!(
                redirected("GET", 302, location).err().map(|error| error.kind),
                Some(Kind::Malformed),
                "{location}"
            );
        }
    }
}
