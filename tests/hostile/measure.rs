//! What a backend has used, seen from outside.

use alyx_tests::Session;

/// The most memory that the session's backend has had so far, in bytes.
pub fn peak_bytes(session: &mut Session) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", session.pid())).expect("the backend runs here");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux counts VmHWM");
    line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).expect("VmHWM in kB") * 1024
}
