//! `log` and everything else that ends as a log line. Lines wait here and go out when the guest has returned.

use alyx_manifest::LogPolicy;
use alyx_runtime::LogLevel;
use serde::Deserialize;
use serde_json::Value;

use super::answer;
use super::guest::GuestHost;
use crate::pg::backend::Level;

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    level: Option<String>,
    message: Value,
    #[serde(default)]
    fields: Option<Value>,
}

/// Bytes kept of one line.
const MAX_LINE: usize = 8192;

/// `{"level", "message", "fields"}` → `{}`.
pub(super) fn log(host: &mut GuestHost, request: &[u8]) -> Vec<u8> {
    let request: Request = match answer::request("log", request) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let level = match request.level.as_deref() {
        Some("trace" | "debug") => LogLevel::Debug,
        Some("warn" | "warning") => LogLevel::Warn,
        Some("error") => LogLevel::Error,
        _ => LogLevel::Info,
    };
    let mut text = match request.message {
        Value::String(text) => text,
        other => other.to_string(),
    };
    if let Some(fields) = request.fields.filter(|fields| !fields.is_null()) {
        text.push(' ');
        text.push_str(&fields.to_string());
    }
    line(host, level, &text);
    answer::empty()
}

/// Keeps one line, as loud as the manifest's `log` lets it be.
pub(super) fn line(host: &mut GuestHost, level: LogLevel, message: &str) {
    let level = match (host.function.log, level) {
        (LogPolicy::Off, _) | (_, LogLevel::Off) => return,
        (LogPolicy::Errors, LogLevel::Trace | LogLevel::Debug | LogLevel::Info | LogLevel::Warn) => return,
        (_, LogLevel::Trace | LogLevel::Debug) => Level::Debug,
        (_, LogLevel::Info) => Level::Log,
        (_, LogLevel::Warn | LogLevel::Error) => Level::Warning,
    };
    let mut end = message.len().min(MAX_LINE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let shown = message.get(..end).unwrap_or_default();
    let text = format!("function \"{}\": {shown}", host.function.name);
    host.push_log(level, text);
}
