//! A sign of life during long work: on stderr, and only where a terminal shows it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line that turns until it is dropped.
pub(crate) struct Spinner(ProgressBar);

impl Spinner {
    /// Starts to turn with a text such as `building hello`.
    pub(crate) fn start(text: impl Into<String>) -> Self {
        // indicatif draws to stderr, and not at all when that is no terminal.
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(text.into());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Changes the text.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.0.set_message(text.into());
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
