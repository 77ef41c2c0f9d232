//! Reads the output of `cargo test` and of `node --test`: how many tests passed and failed, and what the failed ones said.

/// Counts over all test programs of one run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that passed.
    pub(crate) passed: usize,
    /// Tests that failed.
    pub(crate) failed: usize,
    /// Tests marked `#[ignore]`, or skipped.
    pub(crate) ignored: usize,
    /// Output of the failed tests, as it was printed.
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

    /// Sums the counts at the ends of all runs of `node --test`, which writes TAP (`# pass 3`, `not ok 2 - name` and a block
    /// that `...` ends) or, as its version and the place of its output will have it, a list (`ℹ pass 3`, `✖ failing tests:`).
    pub(crate) fn of_node(output: &str) -> Self {
        let mut tally = Self::default();
        let mut end_of_failure: Option<fn(&str) -> bool> = None;
        for line in output.lines() {
            let trimmed = line.trim_start();
            if let Some((what, number)) = trimmed.strip_prefix("# ").or(trimmed.strip_prefix("ℹ ")).and_then(|counts| {
                let (what, number) = counts.split_once(' ')?;
                Some((what, number.parse::<usize>().ok()?))
            }) {
                end_of_failure = None;
                match what {
                    "pass" => tally.passed += number,
                    "fail" | "cancelled" => tally.failed += number,
                    "skipped" | "todo" => tally.ignored += number,
                    _ => {}
                }
            } else if line == "✖ failing tests:" {
                end_of_failure = Some(|line| line.starts_with(['✔', '▶', 'ℹ']));
            } else if trimmed.starts_with("not ok ") {
                end_of_failure = Some(|line| line.trim_start() == "...");
            }
            if let Some(is_end) = end_of_failure {
                tally.failures.push_str(line);
                tally.failures.push('\n');
                if is_end(line) {
                    end_of_failure = None;
                }
            }
        }
        tally
    }

    /// The same with those of another run.
    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.failures.push_str(&other.failures);
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
        assert_eq!(Tally::of_node("npm error Missing script: \"test\""), Tally::default());
    }

    #[test]
    fn both_ways_of_node_are_read() {
        let tap = "ok 1 - good\n  ---\n  ...\nnot ok 2 - bad\n  ---\n  error: 'one is not two'\n  ...\nok 3 - fine\n\
                   # tests 3\n# pass 2\n# fail 1\n# cancelled 0\n# skipped 0\n";
        let list = "✔ good (1.2ms)\n✖ bad (3ms)\nℹ tests 3\nℹ pass 1\nℹ fail 1\nℹ cancelled 1\nℹ skipped 0\n\n\
                    ✖ failing tests:\n\ntest at a.test.js:1:1\n✖ bad (3ms)\n  three is not four\n";
        let mut tally = Tally::of_node(tap);
        assert_eq!((tally.passed, tally.failed), (2, 1));
        assert!(tally.failures.contains("one is not two") && !tally.failures.contains("fine"), "{}", tally.failures);
        tally.add(&Tally::of_node(&format!("{list}{tap}")));
        assert_eq!((tally.passed, tally.failed, tally.ignored), (5, 4, 0));
        assert!(tally.failures.contains("three is not four"), "{}", tally.failures);
    }
}
