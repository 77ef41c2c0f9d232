//! The double of the host, and short ways to run a guest.

use alyx_runtime::{
    Error, Failure, Host, HttpReply, Instance, Interrupt, Limits, LogLevel, Module, Runtime, Settings, Sha256,
};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A host in memory. User functions answer by name: `echo` kinds give the request back.
#[derive(Debug)]
pub struct Double {
    pub calls: Vec<(String, Vec<u8>)>,
    pub response: Result<Vec<u8>, String>,
    pub http: Vec<(Vec<u8>, Vec<u8>)>,
    pub reply: Result<HttpReply, String>,
    pub config: BTreeMap<&'static str, &'static str>,
    pub environment: Vec<(String, String)>,
    pub log: Vec<(LogLevel, String)>,
    pub level: LogLevel,
    pub interrupt: Rc<Cell<Option<Interrupt>>>,
    pub asked: Rc<Cell<u32>>,
}

impl Default for Double {
    fn default() -> Self {
        Self {
            calls: Vec::new(),
            response: Ok(b"response".to_vec()),
            http: Vec::new(),
            reply: Ok(HttpReply { status: 404, headers_json: Some(b"{\"a\":\"b\"}".to_vec()), body: b"body".to_vec() }),
            config: BTreeMap::from([("key", "value"), ("empty", "")]),
            environment: vec![("A".into(), "1".into()), ("LONG".into(), "two words".into())],
            log: Vec::new(),
            level: LogLevel::Debug,
            interrupt: Rc::default(),
            asked: Rc::default(),
        }
    }
}

impl Host for Double {
    type Error = String;

    fn call(&mut self, name: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        self.calls.push((name.to_owned(), request.to_vec()));
        self.response.clone()
    }

    fn http_request(&mut self, request: &[u8], body: &[u8]) -> Result<HttpReply, String> {
        self.http.push((request.to_vec(), body.to_vec()));
        self.reply.clone()
    }

    fn config(&mut self, key: &str) -> Option<String> {
        self.config.get(key).map(ToString::to_string)
    }

    fn environment(&mut self) -> Vec<(String, String)> {
        self.environment.clone()
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        self.log.push((level, message.to_owned()));
    }

    fn log_level(&self) -> LogLevel {
        self.level
    }

    fn interrupt(&mut self) -> Option<Interrupt> {
        self.asked.set(self.asked.get() + 1);
        self.interrupt.get()
    }
}

pub type Outcome = Result<Option<Vec<u8>>, Failure<String>>;

pub fn runtime() -> Runtime<Double> {
    Runtime::new(&Settings { max_memory_bytes: 64 << 20, instance_slots: 8, ..Settings::default() }).unwrap()
}

/// The wasm of a module given as text, `(module …)` or its inside.
pub fn wasm(text: &str) -> Vec<u8> {
    if text.trim_start().starts_with("(module") {
        wat::parse_str(text)
    } else {
        wat::parse_str(format!("(module {text})"))
    }
    .unwrap()
}

/// Text of an Extism guest with the prelude before it.
pub fn extism(text: &str) -> String {
    format!("{}\n{text}", include_str!("../guests/prelude.wat"))
}

pub fn load(runtime: &Runtime<Double>, text: &str) -> Rc<Module<Double>> {
    let wasm = wasm(text);
    runtime.load(&Sha256::of(&wasm), || Ok::<_, Error>(wasm)).unwrap()
}

/// One instance and its runtime.
pub struct Guest {
    pub runtime: Runtime<Double>,
    pub instance: Instance<Double>,
}

impl Guest {
    pub fn new(text: &str) -> Self {
        Self::with(text, Double::default(), &limits())
    }

    pub fn with(text: &str, host: Double, limits: &Limits) -> Self {
        let runtime = runtime();
        let instance = load(&runtime, text).instantiate(host, limits).unwrap();
        Self { runtime, instance }
    }

    pub fn call(&mut self, export: &str, input: &[u8]) -> Outcome {
        let function = self.instance.function(export).unwrap();
        self.instance.call(function, input).map(|output| output.map(<[u8]>::to_vec))
    }

    pub fn number(&mut self, export: &str, input: &[u8]) -> u64 {
        let output = self.call(export, input).unwrap().unwrap();
        u64::from_le_bytes(output.try_into().unwrap())
    }

    pub fn scalar(&mut self, export: &str, args: &[u64]) -> Result<u64, Failure<String>> {
        let function = self.instance.function(export).unwrap();
        self.instance.call_scalar(function, args)
    }
}

pub fn limits() -> Limits {
    Limits { memory_bytes: 16 << 20, table_elements: 1000, ..Limits::default() }
}

/// Runs `export` of an Extism guest once.
pub fn run(text: &str, export: &str, input: &[u8]) -> Outcome {
    Guest::new(&extism(text)).call(export, input)
}

/// Runs the body of an Extism handler once.
pub fn body(text: &str, input: &[u8]) -> Outcome {
    run(&format!("(func (export \"f\") {text})"), "f", input)
}

pub fn trap_message(outcome: Outcome) -> String {
    match outcome {
        Err(Failure::Trap { message, .. }) => message,
        other => panic!("no trap: {other:?}"),
    }
}

/// A folder that is removed at the end.
pub struct Folder(pub std::path::PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("alyx-runtime-test-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
