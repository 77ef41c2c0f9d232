//! The YAML crate's errors in our words: its messages speak to Rust programmers, ours to authors of manifests.
//! It must not know what a manifest means.

use serde_yaml::budget::BudgetBreach;
use serde_yaml::{DefaultMessageFormatter, Error, MessageFormatter};

use super::placeholder::Mask;
use super::tree::at;
use crate::ManifestError;
use crate::error::{At, quoted};

/// What the parser found, where it found it.
pub(super) fn explain(error: &Error, mask: &Mask<'_>) -> ManifestError {
    let place = error.location().map_or(At::START, at);
    let cause = root(error);
    let problem = place.error(mask.reveal(&message(cause)));
    match suggestion(cause) {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// The error under the wrappers that say how an alias led to it.
fn root(mut error: &Error) -> &Error {
    loop {
        error = match error.without_snippet() {
            Error::AliasError { error, .. } => error,
            found => return found,
        };
    }
}

fn message(error: &Error) -> String {
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("duplicate key {}", quoted(key)),
        Error::DuplicateMappingKey { key: None, .. } => "duplicate key".to_owned(),
        Error::MultipleDocuments { .. } => "manifest must be a single YAML document".to_owned(),
        Error::MergeKeyNotAllowed { .. } => "merge keys (\"<<\") are not supported".to_owned(),
        Error::UnsupportedTag { tag, .. } => format!("YAML tag {} is not supported", quoted(tag)),
        Error::NonFiniteFloat { value, .. } => format!("{} is not a finite number", quoted(value)),
        Error::UnknownAnchor { .. } => "alias refers to an unknown anchor".to_owned(),
        Error::RecursiveReferencesRequireWeakTypes { .. } => "alias refers to itself".to_owned(),
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => "manifest is nested too deeply".to_owned(),
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => "manifest has too many values".to_owned(),
        other => syntax(&DefaultMessageFormatter.format_message(other)),
    }
}

/// The scanner's own sentence, made one line of bounded length.
fn syntax(sentence: &str) -> String {
    let line: String = sentence.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("invalid YAML: {}", line.trim_end_matches('.'))
}

fn suggestion(error: &Error) -> Option<&'static str> {
    match error {
        Error::MultipleDocuments { .. } => Some("Remove the line \"---\" and what follows it."),
        Error::MergeKeyNotAllowed { .. } => Some("Write the keys out."),
        Error::UnsupportedTag { .. } => Some("Write the value without a tag; put it in quotes to keep it text."),
        Error::NonFiniteFloat { .. } => Some("Put it in quotes if it is meant as text."),
        _ => None,
    }
}
