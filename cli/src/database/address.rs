//! Connection strings as libpq takes them: what the driver does not know is taken out and kept here.

use std::path::PathBuf;

use tokio_postgres::config::{Config, Host, SslMode};

use crate::problem::{Problem, Result};

/// How much TLS must prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Encrypt, whoever it is (`prefer`, `require`; libpq does the same).
    Anyone,
    /// The certificate comes from an authority that is trusted (`verify-ca`).
    Authority,
    /// And it is this host's (`verify-full`).
    Host,
}

/// A database's address.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) trust: Trust,
    /// PEM file of authorities; the system's when there is none.
    pub(crate) root_cert: Option<PathBuf>,
}

const EXAMPLE: &str = "Write it as in postgres://user:password@localhost:5432/app or \"host=localhost dbname=app\".";

impl Address {
    /// Reads a URL or `key=value` text.
    ///
    /// # Errors
    /// It is neither, or asks for what this client cannot do.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut options = Vec::new();
        let rest = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            from_url(text, &mut options)
        } else {
            from_pairs(text, &mut options)
        };
        let mut config: Config = rest.parse().map_err(|error: tokio_postgres::Error| {
            let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Problem::usage("the database's address cannot be read").why(reason).next(EXAMPLE)
        })?;
        let mut trust = Trust::Anyone;
        let mut root_cert = std::env::var_os("PGSSLROOTCERT").map(PathBuf::from);
        for (key, value) in options {
            match (key.as_str(), value.as_str()) {
                ("sslmode", "disable") => drop(config.ssl_mode(SslMode::Disable)),
                ("sslmode", "allow" | "prefer") => drop(config.ssl_mode(SslMode::Prefer)),
                ("sslmode", "require") => drop(config.ssl_mode(SslMode::Require)),
                ("sslmode", "verify-ca") => {
                    config.ssl_mode(SslMode::Require);
                    trust = Trust::Authority;
                }
                ("sslmode", "verify-full") => {
                    config.ssl_mode(SslMode::Require);
                    trust = Trust::Host;
                }
                ("sslmode", other) => {
                    return Err(Problem::usage(format!("sslmode \"{other}\" is not known"))
                        .next("Use disable, prefer, require, verify-ca or verify-full."));
                }
                ("sslrootcert", "system") => {
                    config.ssl_mode(SslMode::Require);
                    (root_cert, trust) = (None, Trust::Host);
                }
                ("sslrootcert", path) => root_cert = Some(PathBuf::from(path)),
                (other, _) => {
                    return Err(Problem::usage(format!(
                        "option \"{other}\" of the database's address is not supported"
                    ))
                    .next("Leave it out. Passwords, hosts, ports, sslmode and sslrootcert are."));
                }
            }
        }
        // libpq checks the authority as soon as it is told of one.
        if root_cert.is_some() && trust == Trust::Anyone && config.get_ssl_mode() == SslMode::Require {
            trust = Trust::Authority;
        }
        complete(&mut config);
        Ok(Self { config, trust, root_cert })
    }

    /// `app on localhost:5432 as me`, without the password.
    pub(crate) fn describe(&self) -> String {
        let hosts: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .enumerate()
            .map(|(at, host)| {
                let ports = self.config.get_ports();
                let port = ports.get(at).or_else(|| ports.first()).copied().unwrap_or(5432);
                match host {
                    Host::Tcp(name) => format!("{name}:{port}"),
                    Host::Unix(path) => format!("{}/.s.PGSQL.{port}", path.display()),
                }
            })
            .collect();
        let user = self.config.get_user().unwrap_or_default();
        let database = self.config.get_dbname().unwrap_or(user);
        format!("database \"{database}\" at {} as \"{user}\"", hosts.join(","))
    }
}

/// What libpq would take from elsewhere.
fn complete(config: &mut Config) {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let folder = ["/var/run/postgresql", "/tmp"]
            .into_iter()
            .find(|dir| std::path::Path::new(dir).join(format!(".s.PGSQL.{port}")).exists());
        match folder {
            Some(folder) => config.host_path(folder),
            None => config.host("localhost"),
        };
    }
    if config.get_user().is_none() {
        let user = std::env::var("PGUSER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "postgres".to_owned());
        config.user(&user);
    }
    if config.get_password().is_none()
        && let Ok(password) = std::env::var("PGPASSWORD")
    {
        config.password(password);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(std::time::Duration::from_secs(10));
    }
    if config.get_application_name().is_none() {
        config.application_name("alyx");
    }
}

fn is_ours(key: &str) -> bool {
    key.starts_with("ssl") && key != "sslnegotiation"
        || matches!(key, "passfile" | "service" | "gssencmode" | "krbsrvname")
}

fn from_url(text: &str, options: &mut Vec<(String, String)>) -> String {
    let Some((base, query)) = text.split_once('?') else { return text.to_owned() };
    let mut kept = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some((key, value)) if is_ours(key) => options.push((key.to_owned(), decoded(value))),
            _ => kept.push(pair),
        }
    }
    if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
}

/// `key = 'va\'lue'` pairs.
fn from_pairs(text: &str, options: &mut Vec<(String, String)>) -> String {
    let mut kept = String::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((key, after)) = rest.split_once('=') else { return text.to_owned() };
        let after = after.trim_start();
        let (value, length) = pair_value(after);
        if is_ours(key.trim()) {
            options.push((key.trim().to_owned(), value));
        } else {
            let written = after.get(..length).unwrap_or(after);
            kept.push_str(&format!("{}={written} ", key.trim()));
        }
        rest = after.get(length..).unwrap_or_default().trim_start();
    }
    kept
}

fn pair_value(text: &str) -> (String, usize) {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut letters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => value.extend(letters.next().map(|(_, next)| next)),
            '\'' if quoted => return (value, at + 1),
            c if c.is_whitespace() && !quoted => return (value, at),
            c => value.push(c),
        }
    }
    (value, text.len())
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = (*first == b'%').then(|| tail.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_libpq() {
        let url = Address::parse(
            "postgres://me:s%20cret@db:6543/app?sslmode=verify-full&sslrootcert=%2Fca.pem&options=-cx%3D1",
        )
        .unwrap();
        assert_eq!((url.trust, url.root_cert.as_deref()), (Trust::Host, Some(std::path::Path::new("/ca.pem"))));
        assert_eq!(url.config.get_password(), Some(&b"s cret"[..]));
        assert_eq!(url.config.get_options(), Some("-cx=1"));
        assert_eq!(url.describe(), "database \"app\" at db:6543 as \"me\"");
        let pairs =
            Address::parse(r"host = /tmp port=5433 dbname='a b' user=me sslmode='require' password='it\'s'").unwrap();
        assert_eq!((pairs.trust, pairs.config.get_ssl_mode()), (Trust::Anyone, SslMode::Require));
        assert_eq!(pairs.config.get_password(), Some(&b"it's"[..]));
        assert_eq!(pairs.config.get_dbname(), Some("a b"));
    }

    #[test]
    fn what_is_no_address() {
        for text in ["mysql://x", "app", "host=a sslmode=maybe", "postgres://u@h/d?sslcert=x", "host=a port=x"] {
            let problem = Address::parse(text).unwrap_err();
            assert_eq!(problem.exit, crate::problem::Exit::Usage, "{text}");
            assert!(!problem.next.is_empty(), "{text}");
        }
    }
}
