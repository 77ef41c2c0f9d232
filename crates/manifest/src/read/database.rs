//! Hooks of `type: database`, with PostgreSQL's rules on which triggers there can be (`CreateTriggerFiringOn` in
//! `src/backend/commands/trigger.c`), told at the line that breaks them instead of at deploy.

use super::function::texts;
use super::hook;
use crate::error::At;
use crate::field::Field;
use crate::fields::Fields;
use crate::{Action, DatabaseHook, Level, ManifestError, Mode, Timing, names};

const KEYS: &[&str] = &["source", "action", "timing", "for_each", "mode", "when", "columns", "args", "name"];
const ACTIONS: &[(&str, Action)] = &[
    ("insert", Action::Insert),
    ("update", Action::Update),
    ("delete", Action::Delete),
    ("truncate", Action::Truncate),
];
const TIMINGS: &[(&str, Timing)] =
    &[("before", Timing::Before), ("after", Timing::After), ("instead_of", Timing::InsteadOf)];
const LEVELS: &[(&str, Level)] = &[("row", Level::Row), ("statement", Level::Statement)];
const MODES: &[(&str, Mode)] = &[("sync", Mode::Sync), ("async", Mode::Async)];

/// Where the parts of a hook stand; parts that were left out stand at the hook.
struct Places {
    action: At,
    for_each: At,
    mode: At,
    when: At,
    columns: At,
}

/// Reads one database hook, whose `type` was taken already.
pub(super) fn hook(mut fields: Fields) -> Result<DatabaseHook, ManifestError> {
    fields.rename("database hook");
    fields.check_keys(KEYS, |_| None)?;
    let places = Places {
        action: fields.place("action"),
        for_each: fields.place("for_each"),
        mode: fields.place("mode"),
        when: fields.place("when"),
        columns: fields.place("columns"),
    };
    let hook = DatabaseHook {
        source: fields.need("source")?.text_like(is_relation, "must be a table or view, as in public.orders")?,
        action: Field::distinct(fields.need("action")?.one_or_more()?, |field| field.choice(ACTIONS))?,
        timing: fields.take("timing").map_or(Ok(Timing::After), |field| field.choice(TIMINGS))?,
        for_each: fields.take("for_each").map_or(Ok(Level::Row), |field| field.choice(LEVELS))?,
        mode: fields.take("mode").map_or(Ok(Mode::Sync), |field| field.choice(MODES))?,
        when: fields.take("when").map(Field::filled_text).transpose()?,
        columns: columns(fields.take("columns"))?,
        args: texts(fields.take("args"), Field::list)?,
        name: hook::name(&mut fields)?,
        line: fields.at.line,
        column: fields.at.column,
    };
    check(&hook, &places)?;
    Ok(hook)
}

fn columns(field: Option<Field>) -> Result<Vec<String>, ManifestError> {
    let fields = field.map(Field::one_or_more).transpose()?.unwrap_or_default();
    Field::distinct(fields, |field| field.text_like(names::is_identifier, "must be a column of 1 to 63 bytes"))
}

/// One or two identifiers with a dot between them; a quoted one may hold anything, `""` stands for a quote.
fn is_relation(text: &str) -> bool {
    let Some(rest) = identifier(text) else { return false };
    rest.is_empty() || rest.strip_prefix('.').and_then(identifier).is_some_and(str::is_empty)
}

/// What follows the identifier that the text begins with.
fn identifier(text: &str) -> Option<&str> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$'))).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end)?;
        let starts_well = !name.starts_with(|c: char| c.is_ascii_digit() || c == '$');
        return (names::is_identifier(name) && starts_well).then_some(rest);
    };
    let whole = rest;
    loop {
        let (_, after) = rest.split_once('"')?;
        match after.strip_prefix('"') {
            Some(more) => rest = more,
            None => {
                let name = whole.get(..whole.len() - after.len() - 1)?;
                return names::is_identifier(&name.replace("\"\"", "\"")).then_some(after);
            }
        }
    }
}

/// PostgreSQL's rules, and ours for jobs.
fn check(hook: &DatabaseHook, places: &Places) -> Result<(), ManifestError> {
    let truncate = hook.action.contains(&Action::Truncate);
    let instead = hook.timing == Timing::InsteadOf;
    if hook.action.is_empty() {
        return Err(places.action.error("\"action\" must name at least one operation"));
    }
    if hook.mode == Mode::Async && hook.timing != Timing::After {
        let timing = if instead { "instead_of" } else { "before" };
        return Err(places
            .mode
            .error(format!("mode async cannot be used with timing {timing}"))
            .hint("A job runs after commit: write \"timing: after\", or \"mode: sync\"."));
    }
    if instead && truncate {
        return Err(places.action.error("action truncate cannot be used with timing instead_of"));
    }
    if instead && hook.for_each == Level::Statement {
        return Err(places.for_each.error("timing instead_of must be for each row"));
    }
    if truncate && hook.for_each == Level::Row {
        return Err(places
            .action
            .error("action truncate must be for each statement")
            .hint("Write \"for_each: statement\", or make a hook of its own for truncate."));
    }
    if !hook.columns.is_empty() && !hook.action.contains(&Action::Update) {
        return Err(places.columns.error("\"columns\" can be used with action update only"));
    }
    if !hook.columns.is_empty() && instead {
        return Err(places.columns.error("\"columns\" cannot be used with timing instead_of"));
    }
    if hook.when.is_some() && instead {
        return Err(places.when.error("\"when\" cannot be used with timing instead_of"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_relation;

    #[test]
    fn relations_are_one_or_two_identifiers() {
        for text in ["orders", "public.orders", "\"Odd.name\"", "a.\"b\"\"c\"", "\"x\".y", "täg", "_a$1"] {
            assert!(is_relation(text), "{text}");
        }
        for text in [
            "",
            ".",
            "a.",
            ".a",
            "a.b.c",
            "a b",
            "a;drop table b",
            "\"",
            "\"\"",
            "\"a",
            "\"a\"b",
            "1a",
            "a.\"\"",
            "a-b",
        ] {
            assert!(!is_relation(text), "{text}");
        }
        assert!(!is_relation(&"a".repeat(64)));
    }
}
