//! Outbound HTTP up to the moment before a name is resolved: URL, method, headers, and the list of allowed origins.
//!
//! The input is lines: allowed origins, networks, method, URL, then headers. The client is interrupted before it does
//! anything, so nothing is ever sent, and being interrupted means: it would have gone. What must hold: it goes only
//! where the list says, never with credentials in the URL, and what it refuses it refuses in words that fit a line.

use std::cell::RefCell;

use alyx_fetch::{AllowList, Client, Config, Kind, Limits, Networks, Redirect, Request};
use url::Url;

thread_local! {
    static CLIENT: RefCell<Client> = RefCell::new(client());
}

fn client() -> Client {
    // Should anything be asked after all, it is nobody.
    let resolver = Some(([127, 0, 0, 1], 9).into());
    let config = Config { networks: Networks::default(), resolver, ca_file: None, header_bytes: 4 << 10 };
    Client::new(config).expect("no file is read")
}

/// Takes the input as a request and what is allowed.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let entries: Vec<&str> = line().split(' ').collect();
    let networks = line();
    if let Err(entry) = Networks::parse(networks) {
        assert!(networks.contains(&entry), "{entry} is no part of {networks}");
    }
    let (method, url) = (line(), line());
    let headers = lines.filter_map(|header| header.split_once(": ")).collect();
    let request = Request { method, url, headers, body: Vec::new(), redirect: Redirect::Follow };
    let allowed = AllowList::new(entries.iter().copied());
    let limits = Limits { header_bytes: 4 << 10, ..Limits::default() };
    let ended = CLIENT.with_borrow_mut(|client| client.fetch(request, &allowed, &limits, || true));
    let error = ended.expect_err("it was interrupted");
    assert!(!error.message.is_empty() && !error.message.contains(['\n', '\r', '\0']), "{error:?}");
    match error.kind {
        Kind::Interrupted => may_go(url, &entries),
        Kind::Malformed | Kind::Denied | Kind::TooLarge => {}
        other => panic!("{other:?} before anything was done: {error:?}"),
    }
}

/// Fails unless the list allows the URL.
fn may_go(text: &str, entries: &[&str]) {
    let url = Url::parse(text).expect("a request is sent to a URL");
    assert!(url.username().is_empty() && url.password().is_none(), "{text}");
    assert!(["http", "https"].contains(&url.scheme()), "{text}");
    let host = url.host_str().expect("a request has a host");
    let listed = entries.iter().any(|entry| {
        let (parent, entry) = match entry.split_once("://*.") {
            Some((scheme, rest)) => (true, format!("{scheme}://{rest}")),
            None => (false, (*entry).to_owned()),
        };
        let Ok(origin) = Url::parse(&entry) else { return false };
        let Some(name) = origin.host_str() else { return false };
        let same =
            if parent { host.ends_with(&format!(".{name}")) && host.len() > name.len() + 1 } else { host == name };
        same && origin.scheme() == url.scheme() && origin.port_or_known_default() == url.port_or_known_default()
    });
    assert!(listed, "{text} would be fetched, and {entries:?} does not say so");
}
