//! The host that guests meet here: it answers at once, remembers, and interrupts.

use std::time::Duration;

use alyx_runtime::{Host, HttpReply, Interrupt, Limits, LogLevel, Runtime, Settings};

/// Time between two questions whether a guest may go on.
const TICK: Duration = Duration::from_millis(1);

/// A host in memory.
#[derive(Debug, Default)]
pub(crate) struct Double {
    /// Log lines, oldest first.
    pub(crate) log: Vec<(LogLevel, String)>,
    /// How many ticks a guest may see before it is stopped.
    pub(crate) patience: u32,
}

/// What `config_get` knows.
pub(crate) const CONFIG: [(&str, &str); 2] = [("key", "value"), ("", "nameless")];
/// What `http_request` answers.
pub(crate) const HTTP_STATUS: u16 = 404;
pub(crate) const HTTP_HEADERS: &[u8] = b"{\"a\":\"b\"}";
pub(crate) const HTTP_BODY: &[u8] = b"not found";

impl Host for Double {
    type Error = String;

    /// Gives the request back.
    fn call(&mut self, _: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        Ok(request.to_vec())
    }

    fn http_request(&mut self, _: &[u8], _: &[u8]) -> Result<HttpReply, String> {
        Ok(HttpReply { status: HTTP_STATUS, headers_json: Some(HTTP_HEADERS.to_vec()), body: HTTP_BODY.to_vec() })
    }

    fn config(&mut self, key: &str) -> Option<String> {
        CONFIG.iter().find(|(known, _)| *known == key).map(|(_, value)| (*value).to_owned())
    }

    fn environment(&mut self) -> Vec<(String, String)> {
        CONFIG.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        self.log.push((level, message.to_owned()));
    }

    fn log_level(&self) -> LogLevel {
        LogLevel::Debug
    }

    fn interrupt(&mut self) -> Option<Interrupt> {
        match self.patience.checked_sub(1) {
            Some(left) => {
                self.patience = left;
                None
            }
            None => Some(Interrupt::TimedOut),
        }
    }
}

/// A runtime whose guests are asked every [`TICK`] whether they may go on; one for each target.
pub(crate) fn runtime() -> Runtime<Double> {
    // A guest of the fuzzer that grows to its limit should cost no more than it must.
    let settings = Settings { max_memory_bytes: 64 << 20, instance_slots: 4, ..Settings::default() };
    let runtime = Runtime::new(&settings).expect("address space for four guests");
    let ticker = runtime.ticker();
    #[allow(clippy::disallowed_methods, reason = "no backend and no Postgres in this process")]
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TICK);
            ticker.tick();
        }
    });
    runtime
}

/// Small limits, so that guests reach them.
pub(crate) fn limits() -> Limits {
    Limits {
        memory_bytes: 4 << 20,
        table_elements: 2_000,
        output_bytes: 4 << 10,
        host_call_bytes: 4 << 10,
        log_bytes: 1 << 20,
        var_bytes: 1 << 10,
    }
}
