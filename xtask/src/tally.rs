//! Reads the output of `cargo test`: how many tests passed and failed, and what the failed ones said.

/// Counts over all test binaries of one `cargo test`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that passed.
    pub(crate) passed: usize,
    /// Tests that failed.
    pub(crate) failed: usize,
    /// Tests marked `#[ignore]`.
    pub(crate) ignored: usize,
    /// Output of the failed tests, as cargo printed it.
    pub(crate) failures: String,
}

impl Tally {
    /// Sums the `test result:` lines and collects the blocks below each `failures:`.
    pub(crate) fn of(output: &str) -> Self {
        let mut tally = Self::default();
        let mut in_failures = false;
        for line in output.lines() {
            if line == "failures:" {
                in_failures = true;
            } else if let Some(counts) = line.strip_prefix("test result: ") {
                in_failures = false;
                tally.passed += count(counts, "passed");
                tally.failed += count(counts, "failed");
                tally.ignored += count(counts, "ignored");
            } else if in_failures {
                tally.failures.push_str(line);
                tally.failures.push('\n');
            }
        }
        tally
    }
}

/// The number before `word` in "ok. 12 passed; 0 failed; …"; 0 when it is not there.
fn count(counts: &str, word: &str) -> usize {
    let mut before = "";
    for part in counts.split([' ', ';']).filter(|part| !part.is_empty()) {
        if part == word {
            return before.parse().unwrap_or(0);
        }
        before = part;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 2 tests
test good ... ok
test bad ... FAILED

failures:

---- bad stdout ----
assertion failed

failures:
    bad

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running unittests
test result: ok. 7 passed; 0 failed; 2 ignored; 0 measured; 3 filtered out; finished in 1.20s
";

    #[test]
    fn sums_all_binaries() {
        let tally = Tally::of(OUTPUT);
        assert_eq!((tally.passed, tally.failed, tally.ignored), (8, 1, 2));
        assert!(tally.failures.contains("assertion failed"));
        assert!(!tally.failures.contains("Running unittests"));
    }

    #[test]
    fn no_output_is_no_test() {
        assert_eq!(Tally::of("error: could not compile"), Tally::default());
    }
}
