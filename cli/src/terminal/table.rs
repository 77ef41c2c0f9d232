//! Columns of text, as wide as their widest cell; numbers stand to the right.

use super::{STRONG, paint};

const GAP: &str = "  ";

/// Lines of a table with a heading; an empty one has only that.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let cell = |row: &[String], at: usize| row.get(at).map(|text| one_line(text)).unwrap_or_default();
    let width = |at: usize| {
        let widest = rows.iter().map(|row| cell(row, at).chars().count()).max().unwrap_or(0);
        widest.max(heading.get(at).map_or(0, |title| title.chars().count()))
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let right: Vec<bool> =
        (0..heading.len()).map(|at| !rows.is_empty() && rows.iter().all(|row| is_number(&cell(row, at)))).collect();
    let line = |cells: Vec<String>| {
        let padded = cells.iter().enumerate().map(|(at, text)| {
            let (width, right) = (widths.get(at).copied().unwrap_or(0), right.get(at).copied().unwrap_or(false));
            if right { format!("{text:>width$}") } else { format!("{text:<width$}") }
        });
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    let mut lines = vec![paint(STRONG, line(heading.iter().map(|title| (*title).to_owned()).collect()))];
    lines.extend(rows.iter().map(|row| line((0..heading.len()).map(|at| cell(row, at)).collect())));
    lines
}

/// A cell must not break the table, nor send codes of its own to the terminal.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 100;
    let shown: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() { shown + "…" } else { shown }
}

fn is_number(text: &str) -> bool {
    text.is_empty() || text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_align_and_cells_stay_in_their_line() {
        let rows = [vec!["a".to_owned(), "10".to_owned()], vec!["long\nname".to_owned(), "9".to_owned()]];
        let lines = table(&["name", "calls"], &rows);
        assert_eq!(lines[1..], ["a             10", "long name      9"]);
        assert_eq!(table(&["x"], &[]).len(), 1);
    }
}
