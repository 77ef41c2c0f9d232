//! A request as a guest words it, a reply as it gets it.

use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

use crate::client::Limits;
use crate::error::{FetchError, Kind};
use crate::headers;
use crate::redirect::Redirect;

/// What a guest asks for.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// The method; empty for GET.
    pub method: &'a str,
    /// An absolute URL.
    pub url: &'a str,
    /// Names and values, in order.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The body, empty for none.
    pub body: Vec<u8>,
    /// What to do with a redirect.
    pub redirect: Redirect,
}

/// What the server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Names in lower case and values, in order; bytes that are no UTF-8 are read as Latin-1.
    pub headers: Vec<(String, String)>,
    /// The body as it was sent, without its transfer coding.
    pub body: Vec<u8>,
    /// Where it came from in the end.
    pub url: String,
    /// How many redirects led there.
    pub redirects: u32,
}

/// A request that may be sent, as far as it can be known without asking where to.
pub(crate) struct Checked {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Checked {
    pub(crate) fn read(request: Request<'_>, limits: &Limits) -> Result<Self, FetchError> {
        if request.body.len() > limits.request_bytes {
            let message = format!("body of the HTTP request exceeds {} bytes", limits.request_bytes);
            return Err(FetchError::new(Kind::TooLarge, message).hint("The limit is alyx_functions.max_http_request."));
        }
        // A URL is sent along with the headers.
        if request.url.len() > limits.header_bytes {
            return Err(headers::too_large("request", limits.header_bytes));
        }
        Ok(Self {
            method: method(request.method)?,
            url: url(None, request.url)?,
            headers: headers::read(request.headers, limits.header_bytes - request.url.len())?,
            body: request.body.into(),
        })
    }
}

fn method(name: &str) -> Result<Method, FetchError> {
    let name = if name.is_empty() { "GET" } else { name };
    // As in browsers: the usual methods in any case, others as they are written.
    let upper = name.to_ascii_uppercase();
    let usual = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"].contains(&upper.as_str());
    let refused = ["CONNECT", "TRACE", "TRACK"].contains(&upper.as_str());
    match Method::from_bytes(if usual { upper.as_bytes() } else { name.as_bytes() }) {
        Ok(method) if !refused && name.len() <= 32 => Ok(method),
        _ => {
            let name: String = name.chars().take(32).collect();
            Err(FetchError::new(
                Kind::Malformed,
                format!("\"{}\" is no HTTP method that can be used", name.escape_debug()),
            ))
        }
    }
}

/// Reads a URL: an absolute one, or one relative to `base`. What parsers disagree on is refused, not repaired.
pub(crate) fn url(base: Option<&Url>, text: &str) -> Result<Url, FetchError> {
    let malformed = |message: &str| FetchError::new(Kind::Malformed, message);
    if text.bytes().any(|byte| byte <= b' ' || byte == b'\\' || byte == 0x7f) {
        return Err(
            malformed("the URL holds a space, a control character or a backslash").hint("Write it percent-encoded.")
        );
    }
    Url::options().base_url(base).parse(text).map_err(|error| malformed(&format!("the URL cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read_as_browsers_do() {
        for (name, read) in
            [("", "GET"), ("get", "GET"), ("Patch", "PATCH"), ("purge", "purge"), ("PROPFIND", "PROPFIND")]
        {
            assert_eq!(method(name).unwrap().as_str(), read);
        }
        for name in ["CONNECT", "trace", "GET /", "a\r\nb", "é", &"A".repeat(33)] {
            assert_eq!(method(name).unwrap_err().kind, Kind::Malformed, "{name}");
        }
    }

    #[test]
    fn urls_that_parsers_disagree_on_are_refused() {
        for text in [
            "http://a\\@b",
            "http://a\tb/",
            "http://a/\nb",
            " http://a",
            "http://a b",
            "//a",
            "/x",
            "",
            "http://",
            "http://[::1%25eth0]/",
            "http://a:99999",
            "http://a%00b/",
            "http://1.2.3.4.5.0x/",
        ] {
            assert_eq!(url(None, text).unwrap_err().kind, Kind::Malformed, "{text:?}");
        }
    }

    #[test]
    fn numbers_in_disguise_become_the_address_they_mean() {
        for text in
            ["http://2130706433/", "http://0177.0.0.1/", "http://0x7f.1/", "http://127.1/", "http://%31%32%37.0.0.1/"]
        {
            assert_eq!(url(None, text).unwrap().host_str(), Some("127.0.0.1"), "{text}");
        }
    }
}
