//! One connection, with answers in the form that reads best in an assertion: text, as psql shows it.

use crate::Refusal;
use postgres::{Client, SimpleQueryMessage};

/// A connection to the server under test.
pub struct Session {
    client: Client,
}

/// What `fn_deploy` answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// Version that is current now.
    pub version: i32,
    /// SHA-256 of the module, hexadecimal.
    pub sha256: String,
    /// Whether the call changed anything.
    pub changed: bool,
}

impl Session {
    /// A session on a connection that is there.
    pub fn new(client: Client) -> Session {
        Session { client }
    }

    /// Runs statements that must succeed.
    pub fn run(&mut self, sql: &str) {
        if let Err(refusal) = self.attempt(sql) {
            panic!("{sql}\nfailed: {refusal}");
        }
    }

    /// Runs statements that may fail.
    pub fn attempt(&mut self, sql: &str) -> Result<Vec<String>, Refusal> {
        let messages = self.client.simple_query(sql).map_err(|error| Refusal::of(&error))?;
        let mut rows = Vec::new();
        for message in messages {
            if let SimpleQueryMessage::Row(row) = message {
                let values = (0..row.len()).map(|at| row.get(at).unwrap_or("NULL"));
                rows.push(values.collect::<Vec<_>>().join("|"));
            }
        }
        Ok(rows)
    }

    /// The rows of a query: columns joined by `|`, SQL NULL as `NULL`.
    pub fn rows(&mut self, sql: &str) -> Vec<String> {
        self.attempt(sql).unwrap_or_else(|refusal| panic!("{sql}\nfailed: {refusal}"))
    }

    /// The only row of a query, in the same form.
    pub fn value(&mut self, sql: &str) -> String {
        let mut rows = self.rows(sql);
        assert_eq!(rows.len(), 1, "{sql}\nshould give one row but gave {rows:?}");
        rows.remove(0)
    }

    /// The only value of a query, read as JSON.
    pub fn json(&mut self, sql: &str) -> serde_json::Value {
        let text = self.value(sql);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{sql}\ngave {text:?}, which is not JSON: {error}"))
    }

    /// The error of statements that must fail.
    pub fn refusal(&mut self, sql: &str) -> Refusal {
        match self.attempt(sql) {
            Ok(rows) => panic!("{sql}\nshould fail but gave {rows:?}"),
            Err(refusal) => refusal,
        }
    }

    /// The error of statements that must fail with SQLSTATE `code`.
    pub fn refused(&mut self, sql: &str, code: &str) -> Refusal {
        let refusal = self.refusal(sql);
        assert_eq!(refusal.code, code, "{sql}\nshould fail with {code} but failed with {refusal}");
        refusal
    }

    /// Deploys a module that must be accepted. An empty manifest is no manifest.
    pub fn deploy(&mut self, name: &str, wasm: &[u8], manifest: &str) -> Deployed {
        self.try_deploy(name, wasm, manifest)
            .unwrap_or_else(|refusal| panic!("fn_deploy({name:?}) with manifest {manifest:?}\nfailed: {refusal}"))
    }

    /// Deploys a module that must be refused with SQLSTATE `code`.
    pub fn deploy_refused(&mut self, name: &str, wasm: &[u8], manifest: &str, code: &str) -> Refusal {
        match self.try_deploy(name, wasm, manifest) {
            Ok(deployed) => {
                panic!("fn_deploy({name:?}) with manifest {manifest:?}\nshould fail with {code} but gave {deployed:?}")
            }
            Err(refusal) => {
                assert_eq!(
                    refusal.code, code,
                    "fn_deploy({name:?}) with manifest {manifest:?}\nshould fail with {code} but failed with {refusal}"
                );
                refusal
            }
        }
    }

    /// Deploys a module.
    pub fn try_deploy(&mut self, name: &str, wasm: &[u8], manifest: &str) -> Result<Deployed, Refusal> {
        let manifest = (!manifest.is_empty()).then_some(manifest);
        let row = self
            .client
            .query_one(
                "SELECT version::int, sha256::text, changed FROM fn_deploy($1, $2, $3)",
                &[&name, &wasm, &manifest],
            )
            .map_err(|error| Refusal::of(&error))?;
        Ok(Deployed { version: row.get(0), sha256: row.get(1), changed: row.get(2) })
    }

    /// Process id of the backend.
    pub fn pid(&mut self) -> u32 {
        self.value("SELECT pg_backend_pid()").parse().expect("a process id")
    }

    /// A handle to cancel what this session runs, usable from another thread.
    pub fn cancel_token(&self) -> postgres::CancelToken {
        self.client.cancel_token()
    }

    /// Processor time the backend has used so far, in hundredths of a second: unlike a clock it does not count what others do.
    pub fn processor_time(&mut self) -> u64 {
        processor_time_of(self.pid())
    }

    /// Anonymous resident memory of the backend, in bytes.
    pub fn resident_bytes(&mut self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the backend runs on this machine");
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("Linux counts RssAnon");
        let kilobytes =
            line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).expect("RssAnon in kB");
        kilobytes * 1024
    }
}

/// Processor time that a process has used so far, in hundredths of a second.
pub fn processor_time_of(pid: impl std::fmt::Display) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs on this machine");
    let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    [11, 12].iter().map(|at| fields[*at].parse::<u64>().expect("clock ticks")).sum()
}

/// `text` as an SQL string constant.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
