//! Settings of the gateway: from flags, else the environment, else a file, else defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::token::TokenSettings;
use crate::units::{Size, Span};

/// How the gateway writes its log.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// An object for each line.
    Json,
}

macro_rules! options {
    ($($(#[$attribute:meta])* $name:ident: $type:ty,)*) => {
        /// What can be set; every part may be left out.
        #[derive(Args, Clone, Debug, Default, Deserialize, PartialEq)]
        #[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
        pub struct Options {
            $($(#[$attribute])* pub $name: Option<$type>,)*
        }

        impl Options {
            /// These, and the other ones where these say nothing.
            #[must_use]
            pub fn or(self, other: Self) -> Self {
                Self { $($name: self.$name.or(other.$name),)* }
            }
        }
    };
}

options! {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "ALYX_LISTEN", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Database for GET and HEAD: one or more replicas, as DATABASE_URL [default: the same as for everything]
    #[arg(long, env = "ALYX_READ_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    read_database_url: String,
    /// Role of requests without a token [default: none, a token is needed]
    #[arg(long, env = "ALYX_ANONYMOUS_ROLE", value_name = "ROLE")]
    anonymous_role: String,
    /// Role that /metrics reads the functions' figures as [default: none, the gateway's figures only]
    #[arg(long, env = "ALYX_METRICS_ROLE", value_name = "ROLE")]
    metrics_role: String,

    /// Secret that signs tokens (HS256, HS384, HS512), 32 bytes or more
    #[arg(long, env = "ALYX_JWT_SECRET", value_name = "SECRET", hide_env_values = true, help_heading = "Tokens")]
    jwt_secret: String,
    /// The secret is written in base64
    #[arg(long, env = "ALYX_JWT_SECRET_IS_BASE64", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Tokens")]
    jwt_secret_is_base64: bool,
    /// PEM files with public keys that sign tokens (RSA, EC, Ed25519), by commas
    #[arg(long, env = "ALYX_JWT_PUBLIC_KEYS", value_name = "FILES", value_delimiter = ',', help_heading = "Tokens")]
    jwt_public_keys: Vec<PathBuf>,
    /// JSON Web Key Set: a file, or an https URL that is asked again as keys change
    #[arg(long, env = "ALYX_JWKS", value_name = "FILE|URL", help_heading = "Tokens")]
    jwks: String,
    /// Algorithms that are accepted, by commas [default: those of the keys]
    #[arg(long, env = "ALYX_JWT_ALGORITHMS", value_name = "NAMES", value_delimiter = ',', help_heading = "Tokens")]
    jwt_algorithms: Vec<String>,
    /// Audiences that tokens must name one of, by commas [default: not asked for]
    #[arg(long, env = "ALYX_JWT_AUDIENCE", value_name = "NAMES", value_delimiter = ',', help_heading = "Tokens")]
    jwt_audience: Vec<String>,
    /// Issuer that tokens must name [default: not asked for]
    #[arg(long, env = "ALYX_JWT_ISSUER", value_name = "NAME", help_heading = "Tokens")]
    jwt_issuer: String,
    /// How far clocks may differ [default: 30s]
    #[arg(long, env = "ALYX_JWT_LEEWAY", value_name = "DURATION", help_heading = "Tokens")]
    jwt_leeway: Span,
    /// Claim that names the role, or a path to it, as .realm.roles[0] [default: role]
    #[arg(long, env = "ALYX_JWT_ROLE_CLAIM", value_name = "CLAIM", help_heading = "Tokens")]
    jwt_role_claim: String,

    /// Connections to each database [default: 10]
    #[arg(long, env = "ALYX_POOL_SIZE", value_name = "COUNT", help_heading = "Limits")]
    pool_size: usize,
    /// Requests that may wait for a connection; more are refused with 503 [default: 2000]
    #[arg(long, env = "ALYX_MAX_WAITING", value_name = "COUNT", help_heading = "Limits")]
    max_waiting: usize,
    /// How long one may wait; then it is refused with 503 [default: 10s]
    #[arg(long, env = "ALYX_WAIT_TIMEOUT", value_name = "DURATION", help_heading = "Limits")]
    wait_timeout: Span,
    /// Age at which a connection is replaced by a new one: to whoever is a replica, or the primary, by then [default: 10m]
    #[arg(long, env = "ALYX_CONNECTION_LIFETIME", value_name = "DURATION", help_heading = "Limits")]
    connection_lifetime: Span,
    /// Requests that one client may have at a time; more are refused with 429 [default: no limit]
    #[arg(long, env = "ALYX_MAX_PER_CLIENT", value_name = "COUNT", help_heading = "Limits")]
    max_per_client: usize,
    /// Longest statement: then it is cancelled and answered with 504 [default: 60s]
    #[arg(long, env = "ALYX_REQUEST_TIMEOUT", value_name = "DURATION", help_heading = "Limits")]
    request_timeout: Span,
    /// Largest body of a request to a function or webhook [default: 8mb]
    #[arg(long, env = "ALYX_MAX_BODY", value_name = "SIZE", help_heading = "Limits")]
    max_body: Size,
    /// Largest deploy [default: 64mb]
    #[arg(long, env = "ALYX_MAX_DEPLOY", value_name = "SIZE", help_heading = "Limits")]
    max_deploy: Size,
    /// Bytes that all bodies, and all replies, may have at a time; more are refused with 503 [default: 256mb]
    #[arg(long, env = "ALYX_MAX_BODIES", value_name = "SIZE", help_heading = "Limits")]
    max_bodies: Size,
    /// How long a client may take for the headers [default: 10s]
    #[arg(long, env = "ALYX_HEADER_TIMEOUT", value_name = "DURATION", help_heading = "Limits")]
    header_timeout: Span,
    /// How long a client may take for the body, and between two reads of the reply [default: 60s]
    #[arg(long, env = "ALYX_BODY_TIMEOUT", value_name = "DURATION", help_heading = "Limits")]
    body_timeout: Span,
    /// Clients that may be connected at a time; more wait to be accepted [default: 8192]
    #[arg(long, env = "ALYX_MAX_CLIENTS", value_name = "COUNT", help_heading = "Limits")]
    max_clients: usize,
    /// How long requests may go on after the gateway was asked to end [default: 30s]
    #[arg(long, env = "ALYX_SHUTDOWN_TIMEOUT", value_name = "DURATION", help_heading = "Limits")]
    shutdown_timeout: Span,

    /// Origins that browsers may call from, by commas, or * [default: none]
    #[arg(long, env = "ALYX_CORS_ORIGINS", value_name = "ORIGINS", value_delimiter = ',', help_heading = "Web")]
    cors_origins: Vec<String>,
    /// PEM file with the certificate and its chain
    #[arg(long, env = "ALYX_TLS_CERT", value_name = "FILE", help_heading = "Web")]
    tls_cert: PathBuf,
    /// PEM file with its private key
    #[arg(long, env = "ALYX_TLS_KEY", value_name = "FILE", help_heading = "Web")]
    tls_key: PathBuf,
    /// Whether /_admin/functions is served [default: true]
    #[arg(long, env = "ALYX_PAGE", value_name = "BOOL", help_heading = "Web")]
    page: bool,

    /// Log lines for people or for machines; RUST_LOG says which [default: text]
    #[arg(long, env = "ALYX_LOG_FORMAT", value_name = "FORMAT", help_heading = "Watching")]
    log_format: LogFormat,
    /// OpenTelemetry collector that traces go to (OTLP over HTTP), as http://localhost:4318
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", help_heading = "Watching")]
    otlp_endpoint: String,
}

/// Settings with every default filled in.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) listen: SocketAddr,
    /// Address of replicas, when reads go elsewhere.
    pub read_database_url: Option<String>,
    pub(crate) anonymous_role: Option<String>,
    pub(crate) metrics_role: Option<String>,
    pub(crate) token: TokenSettings,
    pub(crate) pool_size: usize,
    pub(crate) max_waiting: usize,
    pub(crate) wait_timeout: Duration,
    pub(crate) connection_lifetime: Duration,
    pub(crate) max_per_client: Option<usize>,
    pub(crate) request_timeout: Duration,
    pub(crate) max_body: usize,
    pub(crate) max_deploy: usize,
    pub(crate) max_bodies: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) max_clients: usize,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) has_page: bool,
    pub(crate) log_format: LogFormat,
    pub(crate) otlp_endpoint: Option<String>,
}

fn span(given: Option<Span>, usual_s: u64) -> Duration {
    given.map_or(Duration::from_secs(usual_s), |span| span.0)
}

impl Options {
    /// Reads a TOML file: the names of the flags, without their dashes in front.
    ///
    /// # Errors
    /// It cannot be read, or has something else in it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        toml::from_str(&text).map_err(|error| error.to_string())
    }

    /// Fills in the defaults.
    ///
    /// # Errors
    /// Something is out of range, or half of a pair.
    pub fn settle(self) -> Result<Settings, String> {
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err("TLS needs both tls-cert and tls-key".to_owned()),
        };
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let at_least_one = |name: &str, count: usize| match count {
            0 => Err(format!("{name} must be 1 or more")),
            count => Ok(count),
        };
        Ok(Settings {
            listen: self.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            read_database_url: filled(self.read_database_url),
            anonymous_role: filled(self.anonymous_role),
            metrics_role: filled(self.metrics_role),
            token: TokenSettings {
                secret: filled(self.jwt_secret),
                secret_is_base64: self.jwt_secret_is_base64.unwrap_or(false),
                public_keys: self.jwt_public_keys.unwrap_or_default(),
                jwks: filled(self.jwks),
                algorithms: self.jwt_algorithms.unwrap_or_default(),
                audience: self.jwt_audience.unwrap_or_default(),
                issuer: filled(self.jwt_issuer),
                leeway_s: span(self.jwt_leeway, 30).as_secs(),
                role_claim: filled(self.jwt_role_claim).unwrap_or_else(|| "role".to_owned()),
            },
            pool_size: at_least_one("pool-size", self.pool_size.unwrap_or(10))?,
            max_waiting: self.max_waiting.unwrap_or(2000),
            wait_timeout: span(self.wait_timeout, 10),
            connection_lifetime: span(self.connection_lifetime, 600),
            max_per_client: self.max_per_client.map(|count| at_least_one("max-per-client", count)).transpose()?,
            request_timeout: span(self.request_timeout, 60),
            max_body: self.max_body.map_or(8 << 20, |size| size.0),
            max_deploy: self.max_deploy.map_or(64 << 20, |size| size.0),
            max_bodies: self.max_bodies.map_or(256 << 20, |size| size.0),
            header_timeout: span(self.header_timeout, 10),
            body_timeout: span(self.body_timeout, 60),
            max_clients: at_least_one("max-clients", self.max_clients.unwrap_or(8192))?,
            shutdown_timeout: span(self.shutdown_timeout, 30),
            cors_origins: self.cors_origins.unwrap_or_default(),
            tls,
            has_page: self.page.unwrap_or(true),
            log_format: self.log_format.unwrap_or_default(),
            otlp_endpoint: filled(self.otlp_endpoint),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{LogFormat, Options};

    #[test]
    fn flags_come_before_the_file_and_the_file_before_defaults() {
        let file: Options =
            toml::from_str("listen = \"127.0.0.1:9000\"\npool-size = 3\nlog-format = \"json\"\n").unwrap();
        let flags = Options { pool_size: Some(4), ..Options::default() };
        let settings = flags.or(file).settle().unwrap();
        assert_eq!((settings.listen.port(), settings.pool_size, settings.log_format), (9000, 4, LogFormat::Json));
        assert_eq!(settings.max_body, 8 << 20);
    }

    #[test]
    fn a_file_with_something_else_in_it_is_refused() {
        for wrong in ["pool_size = 3", "pool-size = \"many\"", "max-body = \"8\u{fc}\"", "request-timeout = \"10\""] {
            assert!(toml::from_str::<Options>(wrong).is_err(), "{wrong}");
        }
        let half = Options { tls_cert: Some("a.pem".into()), ..Options::default() };
        assert!(half.settle().is_err());
        assert!(Options { pool_size: Some(0), ..Options::default() }.settle().is_err());
    }
}
