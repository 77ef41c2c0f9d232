//! Replays what the reference Extism host answered (tests/conformance/golden.json) on this runtime: plugins that others
//! published, taken unchanged from the registry, and hand-made modules at the edges of the ABI.
//!
//! The plugins lie in `ALYX_CONFORMANCE_PLUGINS`, else in target/conformance, where fetch.sh puts them when they are missing.

#![allow(clippy::expect_used, reason = "helpers of a test may give up, as the test itself may")]

use alyx_runtime::{
    Failure, Host, HttpReply, Instance, Interrupt, Limits, LogLevel, Policy, Runtime, Settings, Sha256,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Deserialize)]
struct Golden {
    reference: String,
    cases: Vec<Case>,
}

/// One instance and the calls made on it, in order.
#[derive(Deserialize)]
struct Case {
    name: String,
    file: String,
    calls: Vec<Call>,
    #[serde(default)]
    config: BTreeMap<String, String>,
    host_function: Option<HostFunction>,
}

#[derive(Deserialize)]
struct HostFunction {
    name: String,
}

#[derive(Deserialize)]
struct Call {
    export: String,
    input: Input,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Hex { hex: String },
    Repeat { repeat: String, times: usize },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expect {
    Output(String),
    OutputHex(String),
    OutputIsInput(bool),
    Error(String),
    Exit(i32),
    Trap(bool),
    Refused(String),
}

impl Input {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Hex { hex } => unhex(hex),
            Self::Repeat { repeat, times } => repeat.repeat(*times).into_bytes(),
        }
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits")).collect()
}

/// A host without a world: user functions echo their request, every URL is refused.
struct Echo {
    config: BTreeMap<String, String>,
}

impl Host for Echo {
    type Error = String;

    fn call(&mut self, _name: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        Ok(request.to_vec())
    }

    fn http_request(&mut self, _request: &[u8], _body: &[u8]) -> Result<HttpReply, String> {
        Err("host not allowed".to_owned())
    }

    fn config(&mut self, key: &str) -> Option<String> {
        self.config.get(key).cloned()
    }

    fn environment(&mut self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn log(&mut self, _level: LogLevel, _message: &str) {}

    fn log_level(&self) -> LogLevel {
        LogLevel::Off
    }

    fn interrupt(&mut self) -> Option<Interrupt> {
        None
    }
}

#[test]
fn answers_as_the_reference_host_does() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance");
    let golden: Golden = serde_json::from_slice(&std::fs::read(here.join("golden.json")).expect("golden.json"))
        .expect("golden.json is well-formed");
    let plugins = plugins(&here);
    // Kept between runs: the largest plugins take a second each to compile.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance-cache");
    let runtime = Runtime::new(&Settings { cache_dir: Some(cache), ..Settings::default() }).expect("a runtime");

    let differences: Vec<String> =
        golden.cases.iter().filter_map(|case| replay(&runtime, case, &here, &plugins).err()).collect();
    assert!(
        differences.is_empty(),
        "{} of {} cases differ from {}:\n{}",
        differences.len(),
        golden.cases.len(),
        golden.reference,
        differences.join("\n")
    );
}

/// The folder of the published plugins, filled.
fn plugins(here: &Path) -> PathBuf {
    if let Some(given) = std::env::var_os("ALYX_CONFORMANCE_PLUGINS") {
        return given.into();
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
    let plugins = target.join("conformance");
    let fetched = Command::new("bash").arg(here.join("fetch.sh")).arg(&plugins).status().expect("bash");
    assert!(fetched.success(), "fetch.sh could not get the published plugins");
    plugins
}

fn replay(runtime: &Runtime<Echo>, case: &Case, here: &Path, plugins: &Path) -> Result<(), String> {
    let mut instance = instantiate(runtime, case, here, plugins).map_err(|error| format!("{}: {error}", case.name))?;
    for (index, call) in case.calls.iter().enumerate() {
        let input = call.input.bytes();
        let got = answer(&mut instance, &call.export, &input);
        if !agrees(&call.expect, &got, &input) {
            return Err(format!(
                "{}: call {} of {}: expected {:?}, got {}",
                case.name,
                index + 1,
                call.export,
                call.expect,
                describe(&got)
            ));
        }
    }
    Ok(())
}

fn instantiate(runtime: &Runtime<Echo>, case: &Case, here: &Path, plugins: &Path) -> Result<Instance<Echo>, String> {
    let folder = if case.file.starts_with("edge/") { here } else { plugins };
    let wasm = wat::parse_file(folder.join(&case.file)).map_err(|error| error.to_string())?;
    let host_functions: BTreeSet<String> = case.host_function.iter().map(|function| function.name.clone()).collect();
    let checked = runtime.check(&wasm, &Policy { host_functions }).map_err(|error| format!("check: {error}"))?;
    runtime.build(&checked).map_err(|error| format!("build: {error}"))?;
    let module = runtime
        .load::<alyx_runtime::Error>(&Sha256::of(&wasm), || Ok(wasm))
        .map_err(|error| format!("load: {error}"))?;
    module
        .instantiate(Echo { config: case.config.clone() }, &Limits::default())
        .map_err(|failure| format!("instantiate: {failure}"))
}

/// What a call gave; `None` in place of a result when the export is not callable.
type Answer = Option<Result<Vec<u8>, Failure<String>>>;

fn answer(instance: &mut Instance<Echo>, export: &str, input: &[u8]) -> Answer {
    let function = instance.function(export)?;
    Some(instance.call(function, input).map(|output| output.unwrap_or_default().to_vec()))
}

fn agrees(expect: &Expect, got: &Answer, input: &[u8]) -> bool {
    match (expect, got) {
        (Expect::Refused(_), None) => true,
        (Expect::Refused(_), Some(result)) => matches!(result, Err(Failure::Internal(_))),
        (_, None) => false,
        (Expect::Output(text), Some(Ok(output))) => output == text.as_bytes(),
        (Expect::OutputHex(hex), Some(Ok(output))) => *output == unhex(hex),
        (Expect::OutputIsInput(_), Some(Ok(output))) => output == input,
        (Expect::Error(text), Some(Err(Failure::Guest { message, .. }))) => message == text,
        (Expect::Exit(code), Some(Err(Failure::Guest { exit_code, .. }))) => exit_code == code,
        // Where Extism traps, we trap, run into a limit, hand over the host's refusal, or exit by the guest's own proc_exit.
        (Expect::Trap(_), Some(Err(Failure::Trap { .. } | Failure::Limit { .. } | Failure::Host(_)))) => true,
        (Expect::Trap(_), Some(Err(Failure::Guest { exit_code, .. }))) => *exit_code == 3,
        _ => false,
    }
}

fn describe(got: &Answer) -> String {
    match got {
        None => "no such callable export".to_owned(),
        Some(Ok(output)) => format!("{:?}", String::from_utf8_lossy(&output[..output.len().min(200)])),
        Some(Err(failure)) => format!("{failure:?}"),
    }
}
