//! Spelling rules for names, and guesses at what a misspelled one was meant to be.
//! It must not know which key a name came from.

/// Longest identifier PostgreSQL keeps, in bytes (NAMEDATALEN - 1).
const MAX_IDENTIFIER_BYTES: usize = 63;

/// A function's name: `[a-z][a-z0-9_-]{0,62}`.
pub(crate) fn is_function(name: &str) -> bool {
    name.len() <= MAX_IDENTIFIER_BYTES
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
}

/// A name as environments have them: `[A-Za-z_][A-Za-z0-9_]*`.
pub(crate) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whatever PostgreSQL takes as a quoted identifier without cutting it short.
pub(crate) fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_IDENTIFIER_BYTES && !name.contains('\0')
}

/// A path below a route: segments of unreserved URL characters, none empty, `.` or `..`.
pub(crate) fn is_path(path: &str) -> bool {
    const LONGEST: usize = 200;
    path.len() <= LONGEST
        && path.split('/').all(|segment| {
            !matches!(segment, "" | "." | "..")
                && segment.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~'))
        })
}

/// A header's name: an RFC 9110 token of at most 64 characters.
pub(crate) fn is_header(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The candidate that `name` was probably meant to be: at most one edit per three characters away.
pub(crate) fn closest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    const LONGEST: usize = 32;
    let wanted: Vec<char> = name.chars().take(LONGEST + 1).map(normal).collect();
    if wanted.len() > LONGEST {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, &candidate.chars().collect::<Vec<_>>()), candidate))
        .filter(|(edits, candidate)| *edits <= (candidate.chars().count() / 3).clamp(1, 3))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// `allowedHosts` and `allowed-hosts` are both one small step from `allowed_hosts`.
fn normal(c: char) -> char {
    if c == '-' { '_' } else { c.to_ascii_lowercase() }
}

/// Edits (insert, delete, replace, swap neighbours) that turn one word into the other.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, &a) in from.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, &b) in to.iter().enumerate() {
            let cell = |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX / 2);
            let replaced = cell(&above, column) + usize::from(a != b);
            let mut best = replaced.min(cell(&above, column + 1) + 1).min(cell(&line, column) + 1);
            let swapped = row > 0 && column > 0 && from.get(row - 1) == Some(&b) && to.get(column - 1) == Some(&a);
            if swapped {
                best = best.min(cell(&before, column - 1) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or(from.len())
}

#[cfg(test)]
mod tests {
    use super::{closest, is_function, is_identifier, is_path, is_variable};

    #[test]
    fn names_follow_their_patterns() {
        assert!(is_function("a") && is_function("notify-warehouse_2") && is_function(&"a".repeat(63)));
        assert!(!["", "A", "1a", "-a", "a.b", "é", "a b"].into_iter().any(is_function));
        assert!(!is_function(&"a".repeat(64)));
        assert!(["A", "_", "a_1"].into_iter().all(is_variable));
        assert!(!["", "1A", "A-B", "É", "A "].into_iter().any(is_variable));
        assert!(is_identifier("Ünlü table") && !is_identifier("") && !is_identifier(&"é".repeat(32)));
        assert!(is_path("stripe") && is_path("v1/o.k~-_"));
        assert!(!["", "/a", "a/", "a//b", "..", "a/../b", "a b", "a?b", "{id}"].into_iter().any(is_path));
    }

    #[test]
    fn guesses_are_close_or_absent() {
        let keys = ["timeout", "memory", "env", "allowed_hosts", "hooks"];
        for (wrong, right) in [
            ("timout", Some("timeout")),
            ("tiemout", Some("timeout")),
            ("Memory", Some("memory")),
            ("allowed-hosts", Some("allowed_hosts")),
            ("allowedHosts", Some("allowed_hosts")),
            ("hook", Some("hooks")),
            ("enf", Some("env")),
            ("xyz", None),
            ("", None),
            ("e", None),
        ] {
            assert_eq!(closest(wrong, keys), right, "{wrong}");
        }
        assert_eq!(closest(&"t".repeat(100_000), keys), None);
    }
}
