//! Rows of a view as a table for people, or as one JSON array.

use serde_json::Value;

use crate::terminal::{FAINT, Terminal, paint, table};

/// Prints rows; `columns` are pairs of a title and a key. `key:12` shows so many characters of it.
pub(crate) fn rows(terminal: &Terminal, columns: &[(&str, &str)], rows: &[Value], nothing: &str) {
    terminal.document(&Value::Array(rows.to_vec()));
    if rows.is_empty() {
        terminal.line(paint(FAINT, nothing));
        return;
    }
    let titles: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|(_, key)| shown(row, key)).collect()).collect();
    table(&titles, &cells).iter().for_each(|line| terminal.line(line));
}

fn shown(row: &Value, key: &str) -> String {
    match key.split_once(':') {
        Some((key, length)) => {
            let text = cell(row.get(key));
            // A time is cut, too, and reads better with a space in its middle.
            let text = if key.ends_with("_at") { text.replacen('T', " ", 1) } else { text };
            text.chars().take(length.parse().unwrap_or(usize::MAX)).collect()
        }
        None => cell(row.get(key)),
    }
}

/// A value as a person reads it.
pub(crate) fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or_default()),
        Some(other) => other.to_string(),
    }
}

/// Bytes in the unit that fits.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{}.{} kB", count >> 10, ((count & 1023) * 10) >> 10),
        _ => format!("{}.{} MB", count >> 20, ((count & 1_048_575) * 10) >> 20),
    }
}
