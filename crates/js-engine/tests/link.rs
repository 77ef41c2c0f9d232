//! Programs that this crate links: the same bytes as those of the npm package, and what they do when they are called.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use alyx_js_engine::{Bundle, LinkError, bundle_of, engine_of, link, shared, source_map_of};
use alyx_runtime::{Host, HttpReply, Interrupt, LimitKind, Limits, LogLevel, Runtime, Settings, Sha256};

/// A host with one answer.
struct Answers;

impl Host for Answers {
    type Error = String;

    fn call(&mut self, name: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        Ok(format!("{{\"value\":\"{name} {}\"}}", String::from_utf8_lossy(request).replace('"', "'")).into_bytes())
    }
    fn http_request(&mut self, _: &[u8], _: &[u8]) -> Result<HttpReply, String> {
        Err("no web here".to_owned())
    }
    fn config(&mut self, _: &str) -> Option<String> {
        None
    }
    fn environment(&mut self) -> Vec<(String, String)> {
        Vec::new()
    }
    fn log(&mut self, _: LogLevel, _: &str) {}
    fn log_level(&self) -> LogLevel {
        LogLevel::Off
    }
    fn interrupt(&mut self) -> Option<Interrupt> {
        None
    }
}

const MODULE: &str = "
    export const config = { timeout: '2s' };
    let calls = 0;
    const table = Array.from({ length: 100 }, (_, i) => ({ i, square: i * i, at: Date.now(), drawn: Math.random() }));
    export default globalThis.__alyx.handler((ctx) => ({ n: ctx.input.n + 1, calls: ++calls, square: table[7].square, env: ctx.env.get('KEY') }));
    export function fails() { throw new Error('no way'); }
";

fn runtime() -> Runtime<Answers> {
    // The engine takes a second to compile, on a quiet machine.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("js-engine");
    Runtime::new(&Settings { cache_dir: Some(cache), shared: Some(shared()), instance_slots: 8, ..Settings::default() })
        .unwrap()
}

fn linked(runtime: &Runtime<Answers>, source: &str) -> Result<Vec<u8>, LinkError> {
    let map = Some(r#"{"version":3,"sources":["a.ts"],"mappings":"AAAA"}"#);
    let manifest = source.contains("config").then_some(r#"{"timeout":"2s"}"#);
    link(runtime, &Bundle { source, source_map: map, manifest }, &Limits::default(), || None)
}

/// A program that is linked again in the database must be the one that was deployed.
#[test]
fn both_linkers_write_the_same_bytes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::temp_dir().join(format!("alyx-link-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (engine, bundle, out) = (folder.join("engine.wasm"), folder.join("bundle.js"), folder.join("out.wasm"));
    std::fs::write(&engine, shared().wasm).unwrap();
    std::fs::write(&bundle, MODULE).unwrap();
    let status = Command::new(root.join("xtask/with-node"))
        .args(["node".as_ref(), root.join("crates/js-engine/tests/link.mjs").as_os_str()])
        .args([&engine, &bundle, &out])
        .status()
        .expect("bash and node run");
    assert!(status.success());
    let by_node = std::fs::read(&out).unwrap();
    let ours = linked(&runtime(), MODULE).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(by_node.len(), ours.len(), "other length");
    let first = by_node.iter().zip(&ours).position(|(one, other)| one != other);
    assert_eq!(first, None, "the first byte that differs");
}

#[test]
fn a_program_runs_and_its_instances_are_apart() {
    let runtime = runtime();
    let wasm = linked(&runtime, MODULE).unwrap();
    assert!(wasm.len() < 64 << 10, "{} bytes", wasm.len());
    assert_eq!(engine_of(&wasm), Some(shared().name.as_str()));
    assert_eq!(bundle_of(&wasm).map(|bundle| bundle.source), Some(MODULE));
    assert!(source_map_of(&wasm).is_some());
    let module = runtime.load(&Sha256::of(&wasm), || Ok::<_, alyx_runtime::Error>(wasm.clone())).unwrap();
    for _ in 0..2 {
        let mut instance = module.instantiate(Answers, &Limits::default()).unwrap();
        let handler = instance.function("handler").unwrap();
        for calls in 1..=2 {
            let output = instance.call(handler, br#"{"n": 41}"#).unwrap().map(<[u8]>::to_vec).unwrap_or_default();
            let expected = format!(r#"{{"n":42,"calls":{calls},"square":49,"env":"env {{'key':'KEY'}}"}}"#);
            assert_eq!(String::from_utf8_lossy(&output), expected);
        }
        let fails = instance.function("fails").unwrap();
        assert!(format!("{:?}", instance.call(fails, b"")).contains("context") || instance.is_usable());
    }
    assert_eq!(Rc::strong_count(&module), 2, "the runtime and this test hold it");
}

#[test]
fn what_is_wrong_with_the_source_is_said() {
    let runtime = runtime();
    match linked(&runtime, "export default () => {\n  return 1 +* 2;\n}") {
        Err(LinkError::Syntax(text)) => assert!(text.contains("bundle.js:2:"), "{text}"),
        other => panic!("{other:?}"),
    }
    match linked(&runtime, "const x = 1;\nnull.x;\nexport default () => x;") {
        Err(LinkError::Threw(text)) => assert!(text.contains("bundle.js:2:"), "{text}"),
        other => panic!("{other:?}"),
    }
    match linked(&runtime, "export default () => 1; crypto.getRandomValues(new Uint8Array(8));") {
        Err(LinkError::Threw(text)) => assert!(text.contains("initialised"), "{text}"),
        other => panic!("{other:?}"),
    }
    let small = Limits { memory_bytes: 4 << 20, ..Limits::default() };
    let hog = "const all = []; for (;;) all.push(new Uint8Array(1e6)); export default () => 1;";
    let ended = link(&runtime, &Bundle::of(hog), &small, || None);
    assert!(matches!(ended, Err(LinkError::Limit(LimitKind::Memory, _))), "{ended:?}");
}
