//! What the embedder lends to a guest.
//!
//! One trait, so that the runtime is tested, fuzzed and measured against an in-memory double. It must not name a
//! database: requests and responses are bytes.

use crate::failure::Interrupt;

/// The world outside one instance.
///
/// The runtime calls it on the thread that called the guest, with guest frames on the stack: an implementation must
/// return (never unwind or jump) and may run other functions of the same [`Runtime`](crate::Runtime).
pub trait Host: 'static {
    /// A failure that stops the guest; it comes out as [`Failure::Host`](crate::Failure::Host).
    type Error: std::fmt::Debug + 'static;

    /// Answers a call of `extism:host/user`: `name` as imported, request block in, response block out.
    ///
    /// # Errors
    /// Stops the guest. What the guest may handle belongs into the response.
    fn call(&mut self, name: &str, request: &[u8]) -> Result<Vec<u8>, Self::Error>;

    /// Answers Extism's `http_request`: `request` is its JSON (`url`, `method`, `headers`), `body` may be empty.
    ///
    /// # Errors
    /// Stops the guest, as in Extism: a URL that is not allowed, no connection.
    fn http_request(&mut self, request: &[u8], body: &[u8]) -> Result<HttpReply, Self::Error>;

    /// The value of a configuration key (Extism `config_get`).
    fn config(&mut self, key: &str) -> Option<String>;

    /// The environment that WASI shows; asked once per instance.
    fn environment(&mut self) -> Vec<(String, String)>;

    /// Takes one log message, already cut to the budget of [`Limits::log_bytes`](crate::Limits::log_bytes).
    fn log(&mut self, level: LogLevel, message: &str);

    /// The least severe level that is kept; [`LogLevel::Off`] keeps nothing.
    fn log_level(&self) -> LogLevel;

    /// Asked at every [`Ticker::tick`](crate::Ticker::tick) that reaches running guest code.
    fn interrupt(&mut self) -> Option<Interrupt>;
}

/// The reply to [`Host::http_request`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpReply {
    /// HTTP status code.
    pub status: u16,
    /// JSON object of the reply's headers; `None` hides them from the guest.
    pub headers_json: Option<Vec<u8>>,
    /// The body, decoded from any transfer encoding.
    pub body: Vec<u8>,
}

/// Severity of a log message, least severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Extism `log_trace`.
    Trace,
    /// Extism `log_debug`.
    Debug,
    /// Extism `log_info`; WASI standard output.
    Info,
    /// Extism `log_warn`; WASI standard error.
    Warn,
    /// Extism `log_error`.
    Error,
    /// No message has this level: as a threshold it keeps nothing.
    Off,
}

impl LogLevel {
    /// The number that Extism's `get_log_level` returns.
    pub(crate) const fn extism(self) -> i32 {
        match self {
            Self::Trace => 0,
            Self::Debug => 1,
            Self::Info => 2,
            Self::Warn => 3,
            Self::Error => 4,
            Self::Off => i32::MAX,
        }
    }
}
