//! `log` and everything else that ends as a log line. Lines wait here and go out when the guest has returned.

use std::borrow::Cow;

use alyx_abi::Log;
use alyx_manifest::LogPolicy;
use alyx_runtime::LogLevel;
use serde_json::value::RawValue;

use super::answer;
use super::guest::GuestHost;
use super::secrets::redact;

/// Bytes kept of one line.
const MAX_LINE: usize = 8192;

/// `{"level", "message", "fields"}` → `{}`.
pub(super) fn log(host: &mut GuestHost, request: &[u8]) -> Vec<u8> {
    let request: Log<'_> = match answer::request("log", request) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let level = match request.level.as_deref() {
        Some("trace" | "debug") => LogLevel::Debug,
        Some("warn" | "warning") => LogLevel::Warn,
        Some("error") => LogLevel::Error,
        _ => LogLevel::Info,
    };
    let message = request.message.get();
    // Secrets go before the text is cut: half of one would not be known again.
    let mut text = match serde_json::from_str::<Cow<'_, str>>(message) {
        Ok(text) => cut(&redact(&text)).to_owned(),
        Err(_) => cut(&redact(message)).to_owned(),
    };
    if let Some(fields) = request.fields.map(RawValue::get).filter(|fields| *fields != "null") {
        text.push(' ');
        text.push_str(cut(&redact(fields)));
    }
    line(host, level, &text);
    answer::empty()
}

/// Keeps one line, as loud as the manifest's `log` lets it be.
pub(super) fn line(host: &mut GuestHost, level: LogLevel, message: &str) {
    match (host.function.log, level) {
        (LogPolicy::Off, _) | (_, LogLevel::Off) => {}
        (LogPolicy::Errors, LogLevel::Trace | LogLevel::Debug | LogLevel::Info | LogLevel::Warn) => {}
        (_, level) => host.push_log(level, cut(&redact(message))),
    }
}

/// The beginning of a text that is too long for a line.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_LINE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
