//! SQLSTATE → HTTP status, by one table, which docs/http.md prints (a test compares them). PostgREST's, where it has one.

/// One line: the codes that begin so, the status, and what it is about.
pub type Line = (&'static str, u16, &'static str);

/// The first line whose letters a code begins with decides.
pub const STATUSES: &[Line] = &[
    ("08", 503, "a connection could not be made, or was lost"),
    ("0A", 501, "not supported"),
    ("21", 400, "too many rows for one value"),
    ("22", 400, "wrong values: input that the schema refuses, invalid manifest or module"),
    ("23503", 409, "a foreign key is missing or still used"),
    ("23505", 409, "a unique value is there already"),
    ("23", 400, "a constraint is not met"),
    ("25006", 405, "a write in GET or HEAD, or on a standby"),
    ("28", 403, "the database refuses the role"),
    ("40", 503, "conflict with another transaction: try again"),
    ("42501", 403, "not allowed; 401 for a caller without a token"),
    ("42704", 404, "no such object"),
    ("42710", 409, "exists already"),
    ("42723", 409, "exists already"),
    ("42883", 404, "no such function or version"),
    ("44", 400, "a view's check is not met"),
    ("53", 503, "a resource has run out: memory, connections, disk"),
    ("54", 413, "larger than a limit allows"),
    ("55006", 409, "in use"),
    ("55P03", 503, "a lock was not to be had"),
    ("57014", 504, "a time limit has passed"),
    ("57", 503, "the server is starting, stopping or ends the session"),
    ("P0001", 400, "raised by a function without a code"),
    ("P0002", 404, "no row found"),
];

/// The status that a reply with this SQLSTATE has: `PT` and three digits say it themselves, what no line names is 500.
#[must_use]
pub fn status_of(sqlstate: &str) -> u16 {
    if let Some(status) = sqlstate.strip_prefix("PT").and_then(|digits| digits.parse().ok()) {
        return if (400..=599).contains(&status) { status } else { 500 };
    }
    STATUSES.iter().find(|(code, ..)| sqlstate.starts_with(code)).map_or(500, |(_, status, _)| *status)
}

#[cfg(test)]
mod tests {
    use super::{STATUSES, status_of};

    #[test]
    fn longer_codes_stand_before_the_classes_that_they_belong_to() {
        for (at, (code, ..)) in STATUSES.iter().enumerate() {
            assert!(STATUSES[..at].iter().all(|(earlier, ..)| !code.starts_with(earlier)), "{code} is never reached");
        }
    }

    #[test]
    fn the_documents_print_the_table() {
        let wanted: String =
            STATUSES.iter().map(|(code, status, about)| format!("| `{code}` | {status} | {about} |\n")).collect();
        let text = include_str!("../../../docs/http.md");
        assert!(text.contains(&wanted), "docs/http.md should have\n{wanted}");
    }

    #[test]
    fn postgrests_codes_mean_what_they_mean_there() {
        let wanted = [
            ("42501", 403),
            ("42883", 404),
            ("23503", 409),
            ("23505", 409),
            ("25006", 405),
            ("P0001", 400),
            ("53300", 503),
            ("08006", 503),
            ("PT402", 402),
            ("PT200", 500),
            ("PT999", 500),
            ("PTabc", 500),
            ("XX000", 500),
            ("38000", 500),
            ("", 500),
            ("57014", 504),
            ("57P01", 503),
            ("22023", 400),
            ("54000", 413),
        ];
        for (code, status) in wanted {
            assert_eq!(status_of(code), status, "{code}");
        }
    }
}
