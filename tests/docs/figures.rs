//! The measured rows of docs/comparison.md are those of the results that it names.

use crate::read;

/// File with the rows, as the page names it.
const RESULTS: &str = "bench/results/2026-11-28.md";

/// Columns of the page, as the file's rows begin.
const COLUMNS: [&str; 6] = [
    "alyx, instances: session",
    "alyx, instances: fresh",
    "JavaScript (LANGUAGE javascript), instances: session",
    "JavaScript (LANGUAGE javascript), instances: fresh",
    "plv8",
    "pljs",
];

/// Rows of the page, and which column of the file has them.
const ROWS: [(&str, usize); 6] = [
    ("scalar call", 1),
    ("JSON in, JSON out", 3),
    ("sieve of 100 000 (computing)", 4),
    ("trigger that does nothing", 5),
    ("trigger that sets a slug", 6),
    ("trigger with one UPDATE", 7),
];

fn cells(row: &str) -> Vec<&str> {
    row.trim_matches(['|', ' ']).split(" | ").map(str::trim).collect()
}

/// The row of a table whose first cell begins like this.
fn row<'a>(text: &'a str, first: &str) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.strip_prefix("| ").is_some_and(|rest| rest.starts_with(first)));
    cells(line.unwrap_or_else(|| panic!("no row {first:?}")))
}

#[test]
fn measured_rows_are_those_of_the_results() {
    let (page, results) = (read("docs/comparison.md"), read(RESULTS));
    let table = page.split("| × PL/pgSQL, lower is better |").nth(1).expect("the table of measured rows");
    for (label, at) in ROWS {
        let shown = row(table, label);
        for (column, name) in COLUMNS.iter().enumerate() {
            let measured = row(&results, name)[at];
            // `869 (5.70, ?)`: the time, times PL/pgSQL, times C; a dash where there is none.
            let ratio = measured
                .split_once('(')
                .and_then(|(_, rest)| rest.split_once(','))
                .map_or("failed", |(ratio, _)| ratio);
            let number = |text: &str| text.parse::<f64>().ok();
            let same = match (number(shown[column + 1]), number(ratio)) {
                (Some(shown), Some(ratio)) => (shown - ratio).abs() < 1e-9,
                _ => shown[column + 1] == ratio,
            };
            assert!(same, "{label}, {name}: the page has {}, {RESULTS} {ratio}", shown[column + 1]);
        }
    }
}
