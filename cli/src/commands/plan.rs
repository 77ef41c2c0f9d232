//! What a deploy would change, function by function, for people and as JSON.

use serde_json::{Value, json};

use super::show::bytes;
use crate::database::State;
use crate::project::{Change, Ready, changes};
use crate::terminal::{BAD, FAINT, GOOD, STRONG, Terminal, WARN, paint};

/// One function's part of a deploy.
pub(crate) struct Plan<'r> {
    pub(crate) ready: &'r Ready,
    pub(crate) old: Option<State>,
    pub(crate) changes: Vec<Change>,
}

impl<'r> Plan<'r> {
    /// Compares what is ready with what is deployed.
    pub(crate) fn new(ready: &'r Ready, old: Option<State>) -> Self {
        let before = old.as_ref().map(|state| state.manifest.clone()).unwrap_or_default();
        let mut changes = changes(&before, &ready.checked);
        changes.iter_mut().for_each(|change| hide(change, &ready.secrets));
        Self { ready, old, changes }
    }

    /// Whether a deploy would write anything.
    pub(crate) fn changes_anything(&self) -> bool {
        self.old.as_ref().is_none_or(|old| old.sha256 != self.ready.sha256 || old.text != self.ready.manifest)
    }

    /// `new`, `changed` or `unchanged`.
    pub(crate) fn word(&self) -> &'static str {
        match (&self.old, self.changes_anything()) {
            (None, _) => "new",
            (Some(_), true) => "changed",
            (Some(_), false) => "unchanged",
        }
    }

    /// Lines for people.
    pub(crate) fn show(&self, terminal: &Terminal) {
        let ready = self.ready;
        let (sign, style) = match self.word() {
            "new" => ("+", GOOD),
            "changed" => ("~", WARN),
            _ => ("=", FAINT),
        };
        let version = self.old.as_ref().map(|old| format!(" (version {})", old.version)).unwrap_or_default();
        terminal.line(format!(
            "{} {}{}",
            paint(style, format!("{sign} {}", self.word())),
            paint(STRONG, &ready.name),
            paint(FAINT, version)
        ));
        if !self.changes_anything() {
            return;
        }
        let module = format!("{} {}", short(&ready.sha256), bytes(ready.wasm.len() as u64));
        match &self.old {
            None => terminal.line(format!("    module  {}", paint(GOOD, module))),
            Some(old) if old.sha256 != ready.sha256 => {
                let before = format!("{} {}", short(&old.sha256), bytes(u64::try_from(old.bytes).unwrap_or(0)));
                terminal.line(format!("    module  {} → {}", paint(BAD, before), paint(GOOD, module)));
            }
            Some(_) => {}
        }
        for change in &self.changes {
            let line = match (&change.old, &change.new) {
                (old, new) if is_entry(&change.key) => {
                    let (sign, style) = if old.is_none() && new.is_some() { ("+", GOOD) } else { ("-", BAD) };
                    paint(style, format!("{sign} {}", change.key))
                }
                (None, Some(new)) => format!("{}: {}", change.key, paint(GOOD, new)),
                (Some(old), None) => format!("{}: {}", change.key, paint(BAD, format!("{old} (removed)"))),
                (old, new) => format!(
                    "{}: {} → {}",
                    change.key,
                    paint(BAD, old.as_deref().unwrap_or_default()),
                    paint(GOOD, new.as_deref().unwrap_or_default())
                ),
            };
            terminal.line(format!("    {line}"));
        }
        if self.changes.is_empty() && self.old.as_ref().is_some_and(|old| old.sha256 == ready.sha256) {
            terminal.line(paint(FAINT, "    the manifest says the same in other words"));
        }
    }

    /// The same as JSON.
    pub(crate) fn json(&self) -> Value {
        let changes: Vec<Value> = self
            .changes
            .iter()
            .map(|change| json!({"key": change.key, "old": change.old, "new": change.new}))
            .collect();
        json!({
            "name": self.ready.name, "state": self.word(), "changes": changes,
            "module": {"sha256": self.ready.sha256, "bytes": self.ready.wasm.len()},
            "old": self.old.as_ref().map(|old| json!({"version": old.version, "sha256": old.sha256, "bytes": old.bytes})),
        })
    }
}

fn is_entry(key: &str) -> bool {
    key.starts_with("hooks: ") || key.starts_with("sql: ")
}

fn short(sha256: &str) -> String {
    sha256.chars().take(12).collect()
}

/// Values of `${VAR}` are often secrets: their names are shown instead.
fn hide(change: &mut Change, secrets: &[(String, String)]) {
    let mut hidden = false;
    if let Some(new) = &mut change.new {
        for (name, value) in secrets.iter().filter(|(_, value)| !value.is_empty()) {
            if new.contains(value.as_str()) {
                *new = new.replace(value.as_str(), &format!("${{{name}}}"));
                hidden = true;
            }
        }
    }
    if hidden && change.old.is_some() {
        change.old = Some("(another value)".to_owned());
    }
}
