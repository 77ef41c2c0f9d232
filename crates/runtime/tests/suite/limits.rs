//! Every limit ends the guest, and counts what the host holds for it.

use crate::support::{Double, Guest, extism, limits, load, run, runtime, trap_message};
use alyx_runtime::{Failure, LimitKind, Limits, LogLevel};

fn limited(text: &str, limits: &Limits) -> Guest {
    Guest::with(&extism(text), Double::default(), limits)
}

fn limit<T>(what: LimitKind, limit: u64) -> Result<T, Failure<String>> {
    Err(Failure::Limit { what, limit })
}

#[test]
fn growth_past_the_limit_ends_the_guest() {
    let text = r#"(func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))"#;
    let tight = Limits { memory_bytes: 4 << 16, ..limits() };
    let mut guest = limited(text, &tight);
    assert_eq!(guest.scalar("grow", &[3]), Ok(1));
    assert_eq!(guest.instance.usage().memory_peak_bytes, 4 << 16);
    assert_eq!(guest.scalar("grow", &[1]), limit(LimitKind::Memory, 4 << 16));
    assert!(!guest.instance.is_usable());
    // More than the pool could ever give is our limit too, not a failure of the guest.
    assert_eq!(limited(text, &limits()).scalar("grow", &[60_000]), limit(LimitKind::Memory, 16 << 20));
}

#[test]
fn growth_past_the_modules_own_maximum_is_the_guests_affair() {
    let text = r#"(memory 1 2) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))"#;
    let mut guest = Guest::with(text, Double::default(), &Limits { memory_bytes: 2 << 16, ..limits() });
    assert_eq!(guest.scalar("grow", &[5]), Ok(u64::from(u32::MAX)));
    assert_eq!(guest.scalar("grow", &[70_000]), Ok(u64::from(u32::MAX)));
    assert_eq!(guest.scalar("grow", &[1]), Ok(1));
}

#[test]
fn the_first_memory_counts() {
    let module = load(&runtime(), "(memory 3)");
    let outcome = module.instantiate(Double::default(), &Limits { memory_bytes: 2 << 16, ..limits() });
    assert_eq!(outcome.map(|_| ()), limit(LimitKind::Memory, 2 << 16));
}

#[test]
fn blocks_input_and_variables_count_as_memory() {
    let tight = Limits { memory_bytes: (1 << 16) + 10_000, ..limits() };
    let text = r#"(func (export "alloc") (param i64) (result i64) (call $alloc (local.get 0)))
        (func (export "many") (loop $next (drop (call $alloc (i64.const 1))) (br $next)))
        (func (export "keep") (call $var_set (i64.const 0) (call $alloc (i64.const 4000))))
        (func (export "nothing"))"#;
    let full = || limit::<u64>(LimitKind::Memory, (1 << 16) + 10_000);
    assert!(limited(text, &tight).scalar("alloc", &[8000]).is_ok());
    assert_eq!(limited(text, &tight).scalar("alloc", &[11_000]), full());
    assert_eq!(limited(text, &tight).scalar("alloc", &[u64::MAX]), full());
    assert_eq!(limited(text, &tight).call("many", b"").map(|_| 0), full());
    assert_eq!(limited(text, &tight).call("nothing", &[0; 11_000]).map(|_| 0), full());
    let mut guest = limited(text, &tight);
    guest.call("keep", b"").unwrap();
    assert_eq!(guest.scalar("alloc", &[8000]), full());
    let mut growing = limited(
        r#"(func (export "f") (param i64) (result i32) (drop (call $alloc (local.get 0)))
        (memory.grow (i32.const 1)))"#,
        &Limits { memory_bytes: 2 << 16, ..limits() },
    );
    assert_eq!(growing.scalar("f", &[0]), Ok(1));
    assert_eq!(growing.scalar("f", &[100]), limit(LimitKind::Memory, 2 << 16));
}

#[test]
fn the_last_bytes_are_counted() {
    // The kernel's memory has an unused head, which counts as soon as there is a block.
    let first = r#"(func (export "f") (call $reset) (drop (call $alloc (i64.const 65536))))"#;
    let with = |kernel: u64| Limits { memory_bytes: (1 << 16) + kernel, ..limits() };
    assert_eq!(limited(first, &with(80 + 65_536 + 32)).call("f", b""), Ok(None));
    let tight = with(80 + 65_536 + 31);
    assert_eq!(limited(first, &tight).call("f", b""), limit(LimitKind::Memory, tight.memory_bytes));
    // A variable costs more than its value; taking one away costs nothing.
    let variable = r#"(func (export "f") (local $block i64)
        (local.set $block (call $alloc (i64.const 16)))
        (call $var_set (i64.const 0) (local.get $block)) (call $var_set (i64.const 0) (i64.const 0)))"#;
    assert_eq!(limited(variable, &with(80 + 2 * 48)).call("f", b""), Ok(None));
    let tight = with(80 + 48 + 47);
    assert_eq!(limited(variable, &tight).call("f", b""), limit(LimitKind::Memory, tight.memory_bytes));
}

#[test]
fn tables_count_together() {
    let text = r#"(table $t 10 funcref) (table $u 5 funcref)
        (func (export "grow") (param i32) (result i32) (table.grow $u (ref.null func) (local.get 0)))"#;
    let tight = Limits { table_elements: 20, ..limits() };
    let mut guest = Guest::with(text, Double::default(), &tight);
    assert_eq!(guest.scalar("grow", &[5]), Ok(5));
    assert_eq!(guest.scalar("grow", &[1]), limit(LimitKind::Table, 20));
    let bounded = r#"(table $t 1 3 funcref)
        (func (export "grow") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))"#;
    assert_eq!(Guest::with(bounded, Double::default(), &tight).scalar("grow", &[9]), Ok(u64::from(u32::MAX)));
    let module = load(&runtime(), "(table 21 funcref)");
    assert_eq!(module.instantiate(Double::default(), &tight).map(|_| ()), limit(LimitKind::Table, 20));
}

#[test]
fn output_is_bounded() {
    let text = r#"(func (export "f") (call $output_set (call $input_offset) (call $input_length)))"#;
    let tight = Limits { output_bytes: 4, ..limits() };
    assert_eq!(limited(text, &tight).call("f", b"abcd"), Ok(Some(b"abcd".to_vec())));
    assert_eq!(limited(text, &tight).call("f", b"abcde"), limit(LimitKind::Output, 4));
}

#[test]
fn requests_and_responses_are_bounded() {
    let text = r#"(func (export "query") (drop (call $db_query (call $input_offset))))
        (func (export "http") (drop (call $http_request (call $alloc (i64.const 3)) (call $input_offset))))
        (func (export "config") (drop (call $config_get (call $input_offset))))"#;
    let tight = Limits { host_call_bytes: 16, ..limits() };
    assert_eq!(limited(text, &tight).call("query", &[b'x'; 16]), Ok(None));
    let mut guest = limited(text, &tight);
    assert_eq!(guest.call("query", &[b'x'; 17]), limit(LimitKind::HostCall, 16));
    assert!(guest.instance.host().calls.is_empty());
    assert_eq!(limited(text, &tight).call("http", &[b'x'; 14]), limit(LimitKind::HostCall, 16));
    assert_eq!(limited(text, &tight).call("config", &[b'x'; 17]), limit(LimitKind::HostCall, 16));
    let tight = Limits { host_call_bytes: 7, ..limits() };
    assert_eq!(limited(text, &tight).call("query", b"x"), limit(LimitKind::HostCall, 7));
    let tight = Limits { host_call_bytes: 10, ..limits() };
    assert_eq!(limited(text, &tight).call("http", b"x"), limit(LimitKind::HostCall, 10));
}

#[test]
fn log_text_is_cut_and_counted() {
    let text = r#"(func (export "f") (call $log_info (call $input_offset)))
        (func (export "flood") (local $i i32) (loop $next (call $log_info (i64.const 0))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (i32.const 10000)))))"#;
    let mut guest = limited(text, &Limits { log_bytes: 20, ..limits() });
    guest.call("f", "0123456789ä12345".as_bytes()).unwrap();
    // Eight bytes are the message's own cost; the cut never splits a character.
    assert_eq!(guest.instance.host().log, vec![(LogLevel::Info, "0123456789ä".to_owned())]);
    assert_eq!((guest.instance.usage().log_bytes, guest.instance.usage().log_dropped_bytes), (20, 5));
    guest.call("flood", b"").unwrap();
    assert_eq!(guest.instance.host().log.len(), 3);
}

#[test]
fn variables_are_bounded_by_a_trap() {
    let text = r#"(func (export "f") (call $var_set (i64.const 0) (call $input_offset)))
        (func (export "delete") (call $var_set (i64.const 0) (i64.const 0)))
        (func (export "many") (local $key i64) (local $n i64) (loop $next
          (local.set $key (call $alloc (i64.const 8)))
          (call $store_u64 (local.get $key) (local.tee $n (i64.add (local.get $n) (i64.const 1))))
          (call $var_set (local.get $key) (call $alloc (i64.const 1)))
          (br $next)))"#;
    let tight = Limits { var_bytes: 132, ..limits() };
    let mut guest = limited(text, &tight);
    assert_eq!(guest.call("f", &[1; 100]), Ok(None));
    assert_eq!(guest.call("f", &[1; 100]), Ok(None));
    let message = trap_message(guest.call("f", &[1; 101]));
    assert!(message.contains("variable store is full"), "{message}");
    assert!(trap_message(limited(text, &tight).call("many", b"")).contains("variable store is full"));
    let none = Limits { var_bytes: 0, ..limits() };
    assert!(trap_message(limited(text, &none).call("f", b"x")).contains("variable store is full"));
    assert!(trap_message(limited(text, &none).call("delete", b"")).contains("variable store is full"));
}

#[test]
fn instances_are_bounded() {
    let runtime = runtime();
    let module = load(&runtime, r#"(memory 1) (func (export "f"))"#);
    let alive: Vec<_> = (0..8).map(|_| module.instantiate(Double::default(), &limits()).unwrap()).collect();
    let refused = module.instantiate(Double::default(), &limits());
    assert_eq!(refused.map(|_| ()), limit(LimitKind::Instances, 8));
    drop(alive);
    assert!(module.instantiate(Double::default(), &limits()).is_ok());
}

#[test]
fn nothing_of_one_instance_is_seen_by_the_next() {
    let runtime = runtime();
    let text = r#"(func (export "f") (local $a i64)
        (local.set $a (call $alloc (i64.const 64)))
        (call $assert (i64.eqz (call $load_u64 (local.get $a))))
        (call $assert (i64.eqz (i64.load (i32.const 5000))))
        (call $store_u64 (local.get $a) (i64.const -1))
        (i64.store (i32.const 5000) (i64.const -1)))"#;
    let module = load(&runtime, &extism(text));
    for _ in 0..20 {
        let mut instance = module.instantiate(Double::default(), &limits()).unwrap();
        let function = instance.function("f").unwrap();
        assert_eq!(instance.call(function, b""), Ok(None));
    }
    assert_eq!(run(text, "f", &[0xff; 4096]), Ok(None));
}
