//! The crate from outside: the dialect, instants in zones whose clocks change, what is fired, what is tried again.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of a test may give up, as the test itself may, and their numbers are small"
)]

mod clock_changes;
mod dialect;
mod firing;
mod oracle;
mod retries;
mod support;
mod virtual_clock;
