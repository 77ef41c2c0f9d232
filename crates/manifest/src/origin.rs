//! Entries of `allowed_hosts`: `scheme://host[:port]`, nothing more.
//! It must not know how requests are made; it only keeps out what could be read in two ways.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Why an entry is not an origin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// There is no `scheme://`.
    NoScheme,
    /// The scheme is neither `http` nor `https`.
    Scheme,
    /// There is a user, a path, a query or a fragment.
    Extra,
    /// The host is not a name, an IPv4 address or a bracketed IPv6 address.
    Host,
    /// The port is not 1 to 65535.
    Port,
}

/// The entry in lower case, its port as a plain number.
pub(crate) fn canonical(text: &str) -> Result<String, Wrong> {
    let lower = text.to_ascii_lowercase();
    let (scheme, rest) = lower.split_once("://").ok_or(Wrong::NoScheme)?;
    if !matches!(scheme, "http" | "https") {
        return Err(Wrong::Scheme);
    }
    if rest.contains(['/', '?', '#', '@', '\\']) {
        return Err(Wrong::Extra);
    }
    let (host, port) = split(rest)?;
    if !is_host(host) {
        return Err(Wrong::Host);
    }
    Ok(match port {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// Host, brackets kept, and port.
fn split(authority: &str) -> Result<(&str, Option<u16>), Wrong> {
    let host_end = if authority.starts_with('[') { authority.find(']').ok_or(Wrong::Host)? } else { 0 };
    // Colons inside the brackets belong to the address.
    let Some(colon) = authority.rfind(':').filter(|colon| *colon > host_end) else {
        return if authority.starts_with(':') { Err(Wrong::Host) } else { Ok((authority, None)) };
    };
    let (host, port) = authority.split_at_checked(colon).ok_or(Wrong::Host)?;
    let digits = port.strip_prefix(':').filter(|port| port.bytes().all(|b| b.is_ascii_digit())).ok_or(Wrong::Port)?;
    let number: u16 = digits.parse().ok().filter(|number| *number > 0).ok_or(Wrong::Port)?;
    Ok((host, Some(number)))
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    match host.strip_prefix("*.") {
        Some(parent) => is_name(parent),
        None => is_name(host) || host.parse::<Ipv4Addr>().is_ok(),
    }
}

/// A DNS name. URL parsers take a name that ends in a number for an IPv4 address (`0x7f.1`, `2130706433`), so none may.
fn is_name(name: &str) -> bool {
    const LONGEST_NAME: usize = 253;
    const LONGEST_LABEL: usize = 63;
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let ends_in_number = name.rsplit('.').next().is_some_and(|last| {
        let digits = last.strip_prefix("0x").unwrap_or(last);
        let radix_ok = |b: u8| if digits.len() == last.len() { b.is_ascii_digit() } else { b.is_ascii_hexdigit() };
        digits.bytes().all(radix_ok)
    });
    name.len() <= LONGEST_NAME && name.split('.').all(is_label) && !ends_in_number
}

#[cfg(test)]
mod tests {
    use super::{Wrong, canonical};

    #[test]
    fn origins_are_kept_in_lower_case() {
        for (text, kept) in [
            ("https://warehouse.example.com", "https://warehouse.example.com"),
            ("HTTPS://API.Example.COM:0443", "https://api.example.com:443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("https://*.example.com", "https://*.example.com"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1"),
            ("http://[::1]", "http://[::1]"),
            ("http://[2001:DB8::1]:65535", "http://[2001:db8::1]:65535"),
            ("https://my_host-1.internal", "https://my_host-1.internal"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(kept), "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (text, wrong) in [
            ("example.com", Wrong::NoScheme),
            ("*", Wrong::NoScheme),
            ("", Wrong::NoScheme),
            ("ftp://example.com", Wrong::Scheme),
            ("://example.com", Wrong::Scheme),
            ("https://example.com/", Wrong::Extra),
            ("https://example.com/v1", Wrong::Extra),
            ("https://user@example.com", Wrong::Extra),
            ("https://a.com\\@b.com", Wrong::Extra),
            ("https://example.com?x", Wrong::Extra),
            ("https://", Wrong::Host),
            ("https://:443", Wrong::Host),
            ("https://*", Wrong::Host),
            ("https://*.*.com", Wrong::Host),
            ("https://a*.example.com", Wrong::Host),
            ("https://*.1.2.3.4", Wrong::Host),
            ("https://a..b", Wrong::Host),
            ("https://example.com.", Wrong::Host),
            ("https://-a.com", Wrong::Host),
            ("https://müller.de", Wrong::Host),
            ("https://exa mple.com", Wrong::Host),
            ("http://2130706433", Wrong::Host),
            ("http://0x7f.1", Wrong::Host),
            ("http://0x7f000001", Wrong::Host),
            ("http://127.0.0.256", Wrong::Host),
            ("http://::1", Wrong::Host),
            ("http://[::1", Wrong::Host),
            ("http://[::1]x", Wrong::Host),
            ("https://example.com:", Wrong::Port),
            ("https://example.com:0", Wrong::Port),
            ("https://example.com:65536", Wrong::Port),
            ("https://example.com:+80", Wrong::Port),
        ] {
            assert_eq!(canonical(text), Err(wrong), "{text}");
        }
    }
}
