//! Headers of requests: which a guest may set, and which go along when a redirect leads elsewhere.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::error::{FetchError, Kind};

/// What belongs to the connection and not to the request: set by the client, and by it alone.
const OURS: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// What says nothing about who asks. Everything else may be a credential, whatever it is called.
const IMPERSONAL: [HeaderName; 6] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::USER_AGENT,
];

/// Reads what a guest set, with what it did not set but a server expects.
pub(crate) fn read<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    most_bytes: usize,
) -> Result<HeaderMap, FetchError> {
    let malformed = |message: String| FetchError::new(Kind::Malformed, message);
    let mut headers = HeaderMap::new();
    let mut bytes = 0_usize;
    for (name, value) in pairs {
        let known = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| malformed(format!("\"{}\" is no name of a header", name.escape_debug())))?;
        if OURS.contains(&known.as_str()) || known.as_str().starts_with("proxy-") {
            return Err(malformed(format!("the header \"{known}\" is set by the client")));
        }
        // The value is not quoted: it may be a credential.
        let value = HeaderValue::from_str(value)
            .map_err(|_| malformed(format!("the value of the header \"{known}\" holds a control character")))?;
        bytes = bytes.saturating_add(known.as_str().len()).saturating_add(value.len()).saturating_add(4);
        if bytes > most_bytes {
            return Err(too_large("request", most_bytes));
        }
        headers.try_append(known, value).map_err(|_| too_large("request", most_bytes))?;
    }
    let usual = |value| HeaderValue::from_static(value);
    headers.entry(header::ACCEPT).or_insert(usual("*/*"));
    headers.entry(header::USER_AGENT).or_insert(usual(concat!("alyx_functions/", env!("CARGO_PKG_VERSION"))));
    Ok(headers)
}

/// Leaves only what another origin may see.
pub(crate) fn keep_impersonal(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| !IMPERSONAL.contains(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Refuses headers of a reply that take more than they may.
pub(crate) fn check_size(headers: &HeaderMap, most_bytes: usize) -> Result<(), FetchError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > most_bytes { Err(too_large("response", most_bytes)) } else { Ok(()) }
}

pub(crate) fn too_large(what: &str, most_bytes: usize) -> FetchError {
    FetchError::new(Kind::TooLarge, format!("headers of the HTTP {what} exceed {most_bytes} bytes"))
        .hint("The limit is alyx_functions.max_http_headers.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_connection_are_not_the_guests() {
        for name in ["Host", "content-length", "Transfer-Encoding", "Connection", "proxy-authorization", "upgrade"] {
            assert_eq!(read([(name, "x")], 1000).unwrap_err().kind, Kind::Malformed, "{name}");
        }
    }

    #[test]
    fn nothing_can_be_smuggled_into_a_header() {
        for (name, value) in
            [("a b", "x"), ("", "x"), ("a:", "x"), ("a\r\nb", "x"), ("a", "x\r\nhost: y"), ("a", "x\0")]
        {
            assert_eq!(read([(name, value)], 1000).unwrap_err().kind, Kind::Malformed, "{name:?}: {value:?}");
        }
    }

    #[test]
    fn headers_are_counted() {
        assert!(read([("a", "1234")], 9).is_ok());
        assert_eq!(read([("a", "12345")], 9).unwrap_err().kind, Kind::TooLarge);
    }

    #[test]
    fn another_origin_sees_nothing_that_may_be_a_credential() {
        let pairs = [
            ("Authorization", "x"),
            ("Cookie", "x"),
            ("X-Api-Key", "x"),
            ("Accept", "text/html"),
            ("content-type", "a/b"),
        ];
        let mut headers = read(pairs, 1000).unwrap();
        keep_impersonal(&mut headers);
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "content-type", "user-agent"]);
    }
}
