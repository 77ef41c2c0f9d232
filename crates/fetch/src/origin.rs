//! Where a request goes, as text: scheme, host and port, and the list of those a function may go to.

use std::fmt;

use url::{Host, Url};

use crate::error::{FetchError, Kind};

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    is_https: bool,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// The origin of a URL that a request may have.
    ///
    /// # Errors
    /// Another scheme than http and https, a user or password.
    pub(crate) fn of(url: &Url) -> Result<Self, FetchError> {
        let malformed = |message: String| FetchError::new(Kind::Malformed, message);
        let is_https = match url.scheme() {
            "https" => true,
            "http" => false,
            other => return Err(malformed(format!("a URL must begin with http:// or https://, not {other}:"))),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(malformed("a URL must not hold a user or a password".to_owned())
                .hint("Credentials belong into the header \"authorization\"."));
        }
        match (url.host(), url.port_or_known_default()) {
            (Some(host), Some(port)) => Ok(Self { is_https, host: host.to_owned(), port }),
            _ => Err(malformed("the URL names no host".to_owned())),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.is_https { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// One entry of the list: an origin, or all names below one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Exact(Origin),
    Below(Origin),
}

/// The origins that a function may reach; none unless it lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList(Vec<Entry>);

impl AllowList {
    /// Reads entries of the form `scheme://host[:port]` or `scheme://*.parent[:port]`, as the manifest has checked
    /// them. An entry that says more, or that is no URL, allows nothing.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        Self(entries.into_iter().filter_map(read).collect())
    }

    /// Whether requests to this origin are allowed.
    pub(crate) fn allows(&self, origin: &Origin) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::Exact(listed) => listed == origin,
            Entry::Below(listed) => {
                let (Host::Domain(parent), Host::Domain(name)) = (&listed.host, &origin.host) else { return false };
                let is_below =
                    name.strip_suffix(parent.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
                is_below && (listed.is_https, listed.port) == (origin.is_https, origin.port)
            }
        })
    }
}

fn read(entry: &str) -> Option<Entry> {
    let (scheme, rest) = entry.split_once("://")?;
    let (is_below, rest) = rest.strip_prefix("*.").map_or((false, rest), |rest| (true, rest));
    let url = Url::parse(&format!("{scheme}://{rest}")).ok()?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let origin = Origin::of(&url).ok().filter(|_| is_bare)?;
    Some(if is_below { Entry::Below(origin) } else { Entry::Exact(origin) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(list: &[&str], url: &str) -> bool {
        AllowList::new(list.iter().copied()).allows(&Origin::of(&Url::parse(url).unwrap()).unwrap())
    }

    #[test]
    fn scheme_host_and_port_must_all_be_listed() {
        let list = ["https://api.example.com", "http://localhost:8080", "http://[::1]"];
        for url in
            ["https://api.example.com/x?y", "https://API.example.com:443", "http://localhost:8080", "http://[::1]:80/"]
        {
            assert!(allows(&list, url), "{url}");
        }
        for url in [
            "http://api.example.com",
            "https://api.example.com:8443",
            "https://example.com",
            "https://api.example.com.evil.net",
            "https://api.example.com.",
            "https://xapi.example.com",
            "http://localhost",
            "http://127.0.0.1:8080",
        ] {
            assert!(!allows(&list, url), "{url}");
        }
        assert!(!allows(&[], "https://api.example.com"));
    }

    #[test]
    fn a_wildcard_stands_for_names_below_and_not_for_the_name_itself() {
        let list = ["https://*.example.com"];
        assert!(allows(&list, "https://a.example.com"));
        assert!(allows(&list, "https://a.b.example.com"));
        for url in ["https://example.com", "https://aexample.com", "http://a.example.com", "https://a.example.com:444"]
        {
            assert!(!allows(&list, url), "{url}");
        }
    }

    #[test]
    fn credentials_and_other_schemes_are_no_origin() {
        for url in ["https://user@example.com", "https://:x@example.com", "ftp://example.com", "file:///etc/passwd"] {
            assert_eq!(Origin::of(&Url::parse(url).unwrap()).unwrap_err().kind, Kind::Malformed, "{url}");
        }
    }

    #[test]
    fn an_entry_that_says_more_than_an_origin_allows_nothing() {
        assert_eq!(
            AllowList::new(["https://example.com/v1", "https://u@example.com", "example.com", "*"]),
            AllowList::default()
        );
    }
}
