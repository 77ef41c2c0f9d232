//! Guests that mean harm: time and memory stay in proportion, and the next call works.

use crate::support::{Double, Guest, extism, limits, load, runtime};
use alyx_runtime::{Error, Failure, Host, HttpReply, Interrupt, Limits, LogLevel, Module, Runtime, Sha256};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn many_blocks_stay_cheap() {
    // 100 000 blocks, each looked up again; half of them freed and allocated in another size.
    let text = r#"(func (export "f") (local $i i64) (local $a i64)
        (loop $next
          (local.set $a (call $alloc (i64.add (i64.const 1) (i64.rem_u (local.get $i) (i64.const 60)))))
          (call $assert (i64.ne (call $length (local.get $a)) (i64.const 0)))
          (if (i64.eqz (i64.rem_u (local.get $i) (i64.const 2))) (then (call $free (local.get $a))))
          (local.set $i (i64.add (local.get $i) (i64.const 1)))
          (br_if $next (i64.lt_u (local.get $i) (i64.const 100000)))))"#;
    let started = Instant::now();
    assert_eq!(Guest::new(&extism(text)).call("f", b""), Ok(None));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[test]
fn freeing_and_allocating_for_ever_takes_no_memory() {
    let text = r#"(func (export "f") (local $i i64) (loop $next
          (call $free (call $alloc (i64.add (i64.const 1000) (i64.rem_u (local.get $i) (i64.const 1000)))))
          (local.set $i (i64.add (local.get $i) (i64.const 1)))
          (br_if $next (i64.lt_u (local.get $i) (i64.const 100000)))))"#;
    let mut guest = Guest::with(&extism(text), Double::default(), &Limits { memory_bytes: 1 << 17, ..limits() });
    assert_eq!(guest.call("f", b""), Ok(None));
}

#[test]
fn long_names_in_a_trap_are_cut() {
    let name = "n".repeat(10_000);
    let mut guest = Guest::new(&format!("(func ${name} (export \"f\") unreachable)"));
    let Err(Failure::Trap { frames, .. }) = guest.call("f", b"") else { panic!("no trap") };
    assert!(frames[0].function.len() <= 256);
}

#[test]
fn long_error_messages_are_cut() {
    let text = r#"(func (export "f") (call $error_set (call $input_offset)))"#;
    let Err(Failure::Guest { message, .. }) = crate::support::run(text, "f", &[b'x'; 100_000]) else {
        panic!("no error")
    };
    assert_eq!(message.len(), 64 << 10);
}

#[test]
fn data_out_of_bounds_fails_the_instantiation() {
    let module = load(&runtime(), r#"(memory 1) (data (i32.const 65535) "xx")"#);
    assert!(matches!(module.instantiate(Double::default(), &limits()), Err(Failure::Trap { .. })));
}

#[test]
fn mutated_modules_are_refused_or_run_but_never_break_the_host() {
    let runtime = runtime();
    let text = r#"(table 2 funcref) (elem (i32.const 0) $work) (type $t (func)) (data (i32.const 0) "key")
        (func $work (call $say (call $db_query (call $put (i32.const 0) (i32.const 3)))))
        (func (export "f") (local $i i32)
          (loop $next (call_indirect (type $t) (i32.const 0))
            (i64.store (local.get $i) (call $input_load_u64 (i64.const 0)))
            (local.set $i (i32.add (local.get $i) (i32.const 8)))
            (br_if $next (i32.lt_u (local.get $i) (i32.const 64)))))"#;
    let original = crate::support::wasm(&extism(text));
    let (ticker, done) = (runtime.ticker(), AtomicBool::new(false));
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 33).unwrap()
    };
    let mut ran = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
                ticker.tick();
            }
        });
        for _ in 0..1500 {
            let mut wasm = original.clone();
            for _ in 0..=next() % 3 {
                let at = next() % wasm.len();
                wasm[at] ^= 1 << (next() % 8);
            }
            let Ok(module) = runtime.load(&Sha256::of(&wasm), || Ok::<_, Error>(wasm)) else { continue };
            let host = Double { interrupt: Rc::new(Some(Interrupt::TimedOut).into()), ..Double::default() };
            let Ok(mut instance) = module.instantiate(host, &limits()) else { continue };
            let Some(function) = instance.function("f") else { continue };
            let _ = instance.call(function, b"some input");
            ran += 1;
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(ran > 50, "{ran}");
}

/// A host whose function calls the same function again, in a new instance of the same runtime.
struct Nested {
    runtime: Rc<Runtime<Nested>>,
    module: Sha256,
    depth: u8,
}

impl Host for Nested {
    type Error = String;

    fn call(&mut self, _: &str, _: &[u8]) -> Result<Vec<u8>, String> {
        if self.depth == 0 {
            return Ok(b"bottom".to_vec());
        }
        let module: Rc<Module<Self>> =
            self.runtime.load(&self.module, || Err(Error::Internal("not loaded".into()))).map_err(|e| e.to_string())?;
        let host = Self { runtime: Rc::clone(&self.runtime), module: self.module, depth: self.depth - 1 };
        let mut instance = module.instantiate(host, &limits()).map_err(|e| e.to_string())?;
        let function = instance.function("f").unwrap();
        let output = instance.call(function, b"").map_err(|e| e.to_string())?;
        Ok([b"<", output.unwrap_or_default(), b">"].concat())
    }

    fn http_request(&mut self, _: &[u8], _: &[u8]) -> Result<HttpReply, String> {
        Err("no network".into())
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

#[test]
fn a_host_function_may_run_other_functions() {
    let runtime = Rc::new(Runtime::<Nested>::new(&alyx_runtime::Settings::default()).unwrap());
    let wasm = crate::support::wasm(&extism(r#"(func (export "f") (call $say (call $db_query (i64.const 0))))"#));
    let sha256 = Sha256::of(&wasm);
    let module = runtime.load(&sha256, || Ok::<_, Error>(wasm)).unwrap();
    let host = Nested { runtime: Rc::clone(&runtime), module: sha256, depth: 3 };
    let mut instance = module.instantiate(host, &limits()).unwrap();
    let function = instance.function("f").unwrap();
    assert_eq!(instance.call(function, b""), Ok(Some(&b"<<<bottom>>>"[..])));
}

#[test]
fn code_that_would_take_for_ever_to_compile_is_refused() {
    let nested = |open: &str, count: usize, close: &str| {
        let body = format!("{}{}", open.repeat(count), close.repeat(count));
        runtime().check(&wat::parse_str(format!("(module (func {body}))")).unwrap(), &Default::default())
    };
    assert!(nested("(block ", 3_000, ")").is_ok());
    for (open, count) in [("(loop ", 101), ("(block ", 4_001)] {
        let refused = nested(open, count, ")").unwrap_err();
        assert!(matches!(refused, Error::TooComplex { .. }), "{refused}");
    }
    let refused = nested("(block)", 10_001, "").unwrap_err();
    assert!(matches!(refused, Error::TooComplex { .. }), "{refused}");
}

#[test]
fn branches_functions_and_startup_entries_without_end_are_refused() {
    let check = |text: &str| runtime().check(&crate::support::wasm(text), &Default::default());
    let branches = |count: usize| format!("(func (block {}))", "(br_if 0 (i32.const 0))".repeat(count));
    let functions = |count: usize| "(func)".repeat(count);
    let entries = |table: usize, offset: &str, count: usize| {
        format!("(table {table} funcref) (func $f) (elem ({offset}) {})", "$f ".repeat(count))
    };
    let constant = "i32.const 0";
    let computed = "i32.add (i32.const 0) (i32.const 0)";
    for text in [branches(20_000), functions(50_000), entries(30_000, constant, 30_000), entries(1, constant, 1_000)] {
        assert!(check(&text).is_ok());
    }
    let after_another = format!("{} (elem (i32.const 0) {})", entries(2_000, computed, 1), "$f ".repeat(1_000));
    let expressions =
        format!("(table 2000 funcref) (func $f) (elem (i32.const 0) funcref {})", "(ref.func $f)".repeat(1_001));
    for text in [
        branches(20_001),
        functions(50_001),
        entries(1_000, constant, 1_001),
        entries(2_000, computed, 1_001),
        after_another,
        expressions,
    ] {
        let refused = check(&text).unwrap_err();
        assert!(matches!(refused, Error::TooComplex { .. }), "{refused}");
    }
}
