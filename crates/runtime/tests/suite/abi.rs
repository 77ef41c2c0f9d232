//! `extism:host/env`, row by row, and `extism:host/user`.

use crate::support::{Double, Guest, body, extism, limits, run, trap_message};
use alyx_runtime::{Failure, HttpReply, LogLevel};

#[test]
fn alloc_gives_blocks_of_exact_length() {
    let text = r#"(func (export "f") (local $a i64) (local $b i64)
        (local.set $a (call $alloc (i64.const 5)))
        (local.set $b (call $alloc (i64.const 100)))
        (call $assert (i64.ne (local.get $a) (i64.const 0)))
        (call $assert (i64.eqz (call $alloc (i64.const 0))))
        (call $assert (i64.eq (call $length (local.get $a)) (i64.const 5)))
        (call $assert (i64.eq (call $length_unsafe (local.get $b)) (i64.const 100)))
        (call $assert (i64.eqz (call $length (i64.add (local.get $b) (i64.const 1)))))
        (call $assert (i64.eqz (call $length (i64.const 0))))
        (call $assert (i64.eqz (call $length (i64.const -1))))
        (call $assert (i64.gt_u (call $memory_bytes) (i64.const 105))))"#;
    assert_eq!(run(text, "f", b""), Ok(None));
}

#[test]
fn free_makes_blocks_reusable_and_ignores_nonsense() {
    let text = r#"(func (export "f") (local $a i64)
        (local.set $a (call $alloc (i64.const 50)))
        (call $free (i64.add (local.get $a) (i64.const 3)))
        (call $assert (i64.eq (call $length (local.get $a)) (i64.const 50)))
        (call $free (local.get $a))
        (call $free (local.get $a))
        (call $free (i64.const 0))
        (call $free (i64.const -7))
        (call $assert (i64.eqz (call $length (local.get $a))))
        (call $assert (i64.eq (call $alloc (i64.const 49)) (local.get $a)))
        (call $assert (i64.eq (call $length (local.get $a)) (i64.const 49)))
        (call $assert (i64.ne (call $alloc (i64.const 49)) (local.get $a))))"#;
    assert_eq!(run(text, "f", b""), Ok(None));
}

#[test]
fn loads_and_stores_are_little_endian_and_ignore_what_is_out_of_bounds() {
    let text = r#"(func (export "f") (local $a i64)
        (local.set $a (call $alloc (i64.const 16)))
        (call $assert (i64.eqz (call $load_u64 (local.get $a))))
        (call $store_u64 (local.get $a) (i64.const 0x0807060504030201))
        (call $assert (i32.eq (call $load_u8 (local.get $a)) (i32.const 1)))
        (call $store_u8 (i64.add (local.get $a) (i64.const 7)) (i32.const 0x1ff))
        (call $assert (i64.eq (call $load_u64 (local.get $a)) (i64.const 0xff07060504030201)))
        (call $store_u64 (i64.const -4) (i64.const 1))
        (call $store_u64 (i64.const 0x7fffffffffff) (i64.const 1))
        (call $store_u8 (i64.const -1) (i32.const 1))
        (call $assert (i64.eqz (call $load_u64 (i64.const -4))))
        (call $assert (i64.eqz (call $load_u64 (i64.sub (call $memory_bytes) (i64.const 7)))))
        (call $assert (i32.eqz (call $load_u8 (i64.const -1)))))"#;
    assert_eq!(run(text, "f", b""), Ok(None));
}

#[test]
fn blocks_move_in_one_call() {
    let text = r#"(func (export "f") (local $a i64)
        (local.set $a (call $alloc (i64.const 20)))
        (i64.store (i32.const 1000) (i64.const 0x0807060504030201))
        (call $store (i64.add (local.get $a) (i64.const 12)) (i32.const 1000) (i32.const 8))
        (call $assert (i64.eq (call $load_u64 (i64.add (local.get $a) (i64.const 12))) (i64.const 0x0807060504030201)))
        (call $load (i64.add (local.get $a) (i64.const 14)) (i32.const 65533) (i32.const 3))
        (call $assert (i32.eq (i32.load8_u (i32.const 65533)) (i32.const 3)))
        (call $assert (i32.eq (i32.load8_u (i32.const 65535)) (i32.const 5)))
        (call $load (i64.const 0) (i32.const -1) (i32.const 0))
        (call $store (i64.const -1) (i32.const -1) (i32.const 0)))"#;
    assert_eq!(run(text, "f", b""), Ok(None));
}

#[test]
fn what_is_moved_must_lie_inside_on_both_sides() {
    for (offset, address, length) in [
        ("(local.get $a)", 65533, 4),
        ("(local.get $a)", -1, 1),
        ("(local.get $a)", 0, -1),
        ("(i64.const 0)", 0, 1),
        ("(i64.const -1)", 0, 2),
        ("(i64.const 0x100000000)", 0, 1),
        ("(i64.add (local.get $a) (i64.const 20))", 0, 70_000),
        ("(i64.sub (call $memory_bytes) (i64.const 1))", 0, 2),
    ] {
        for way in ["load", "store"] {
            let text = format!(
                "(func (export \"f\") (local $a i64) (local.set $a (call $alloc (i64.const 20)))
                   (call ${way} {offset} (i32.const {address}) (i32.const {length})))"
            );
            let message = trap_message(run(&text, "f", b""));
            assert!(message.contains("not all inside of"), "{way} {offset} {address} {length}: {message}");
        }
    }
}

#[test]
fn input_is_read_relative_to_itself() {
    let text = r#"(func (export "f")
        (call $assert (i64.eq (call $input_length) (i64.const 9)))
        (call $assert (i64.eq (call $length (call $input_offset)) (i64.const 9)))
        (call $assert (i32.eq (call $input_load_u8 (i64.const 8)) (i32.const 0x39)))
        (call $assert (i32.eqz (call $input_load_u8 (i64.const 9))))
        (call $assert (i64.eq (call $input_load_u64 (i64.const 1)) (i64.const 0x3938373635343332)))
        (call $assert (i64.eqz (call $input_load_u64 (i64.const 2))))
        (call $assert (i64.eqz (call $input_load_u64 (i64.const -1))))
        (call $free (call $input_offset))
        (call $assert (i64.eqz (call $input_length))))
      (func (export "none")
        (call $assert (i64.eqz (call $input_length)))
        (call $assert (i64.eqz (call $input_offset)))
        (call $assert (i64.eqz (call $input_load_u64 (i64.const 0)))))
      (func (export "set") (local $a i64)
        (local.set $a (call $alloc (i64.const 4)))
        (call $store_u8 (i64.add (local.get $a) (i64.const 2)) (i32.const 65))
        (call $input_set (i64.add (local.get $a) (i64.const 2)) (i64.const 1))
        (call $input_set (local.get $a) (i64.const 0x7fffffffffffffff))
        (call $assert (i64.eq (call $input_length) (i64.const 1)))
        (call $assert (i32.eq (call $input_load_u8 (i64.const 0)) (i32.const 65))))"#;
    assert_eq!(run(text, "f", b"123456789"), Ok(None));
    assert_eq!(run(text, "none", b""), Ok(None));
    assert_eq!(run(text, "set", b"x"), Ok(None));
}

#[test]
fn output_may_be_a_slice_and_the_last_one_wins() {
    let slice = "(call $output_set (i64.add (call $input_offset) (i64.const 2)) (i64.const 3))";
    assert_eq!(body(slice, b"abcdefg"), Ok(Some(b"cde".to_vec())));
    let ignored = "(call $output_set (call $input_offset) (i64.const 2))
        (call $output_set (i64.const 0) (i64.const 0))
        (call $output_set (call $input_offset) (i64.const 0x7fffffffffff))
        (call $assert (i64.eq (call $output_length) (i64.const 2)))
        (call $assert (i64.eq (call $output_offset) (call $input_offset)))";
    assert_eq!(body(ignored, b"abcdefg"), Ok(Some(b"ab".to_vec())));
    let empty = "(call $output_set (call $input_offset) (i64.const 0))";
    assert_eq!(body(empty, b"abc"), Ok(Some(Vec::new())));
    assert_eq!(body("", b"abc"), Ok(None));
    let freed = "(call $output_set (call $input_offset) (i64.const 3)) (call $free (call $input_offset))";
    assert_eq!(body(freed, b"abc"), Ok(Some(b"abc".to_vec())));
}

#[test]
fn error_can_be_set_read_and_cleared() {
    let text = r#"(data (i32.const 0) "went wrong")
        (func (export "set") (call $error_set (call $put (i32.const 0) (i32.const 10))))
        (func (export "clear")
          (call $error_set (call $put (i32.const 0) (i32.const 10)))
          (call $assert (i64.eq (call $length (call $error_get)) (i64.const 10)))
          (call $error_set (i64.const 0)))
        (func (export "no_block") (call $error_set (i64.add (call $put (i32.const 0) (i32.const 10)) (i64.const 1))))
        (func (export "reset") (call $error_set (call $put (i32.const 0) (i32.const 10))) (call $reset)
          (call $assert (i64.eqz (call $input_length))))"#;
    let failed = Err(Failure::Guest { message: "went wrong".into(), exit_code: 0 });
    assert_eq!(run(text, "set", b""), failed);
    assert_eq!(run(text, "clear", b""), Ok(None));
    assert_eq!(run(text, "no_block", b""), Ok(None));
    assert_eq!(run(text, "reset", b"input"), Ok(None));
}

#[test]
fn config_owns_its_key_and_hides_empty_values() {
    let text = r#"(data (i32.const 0) "keyemptyother\ff")
        (func (export "found") (local $key i64)
          (local.set $key (call $put (i32.const 0) (i32.const 3)))
          (call $say (call $config_get (local.get $key)))
          (call $assert (i64.ne (call $output_length) (i64.const 0))))
        (func (export "freed") (local $key i64)
          (local.set $key (call $put (i32.const 8) (i32.const 5)))
          (drop (call $config_get (local.get $key)))
          (call $assert (i64.eqz (call $length (local.get $key)))))
        (func (export "missing")
          (call $assert (i64.eqz (call $config_get (call $put (i32.const 8) (i32.const 5)))))
          (call $assert (i64.eqz (call $config_get (call $put (i32.const 3) (i32.const 5)))))
          (call $assert (i64.eqz (call $config_get (i64.const 0)))))
        (func (export "no_block") (drop (call $config_get (i64.const 12345))))
        (func (export "no_text") (drop (call $config_get (call $put (i32.const 13) (i32.const 1)))))"#;
    assert_eq!(run(text, "found", b""), Ok(Some(b"value".to_vec())));
    assert_eq!(run(text, "freed", b""), Ok(None));
    assert_eq!(run(text, "missing", b""), Ok(None));
    assert_eq!(trap_message(run(text, "no_block", b"")), "invalid handle offset for config key: 12345");
    assert_eq!(trap_message(run(text, "no_text", b"")), "config key is not valid UTF-8");
}

#[test]
fn variables_outlive_calls_and_null_deletes() {
    let text = r#"(data (i32.const 0) "name")
        (func $name (result i64) (call $put (i32.const 0) (i32.const 4)))
        (func (export "set") (call $var_set (call $name) (call $input_offset)))
        (func (export "get") (call $say (call $var_get (call $name))))
        (func (export "delete") (call $var_set (call $name) (i64.const 0)))
        (func (export "no_block") (call $var_set (call $name) (i64.const 999)))"#;
    let mut guest = Guest::new(&extism(text));
    assert_eq!(guest.call("get", b""), Ok(None));
    guest.call("set", b"first").unwrap();
    guest.call("set", b"second").unwrap();
    assert_eq!(guest.call("get", b""), Ok(Some(b"second".to_vec())));
    guest.call("delete", b"").unwrap();
    assert_eq!(guest.call("get", b""), Ok(None));
    assert_eq!(trap_message(guest.call("no_block", b"")), "invalid handle offset for variable value: 999");
}

#[test]
fn http_goes_to_the_host_and_its_reply_is_kept() {
    let text = r#"(data (i32.const 0) "{\"url\":\"x\"}")
        (func (export "f") (local $body i64)
          (call $assert (i32.eqz (call $http_status_code)))
          (call $assert (i64.eqz (call $http_headers)))
          (local.set $body (call $http_request (call $put (i32.const 0) (i32.const 11)) (call $input_offset)))
          (call $assert (i32.eq (call $http_status_code) (i32.const 404)))
          (call $assert (i64.eq (call $length (call $http_headers)) (i64.const 9)))
          (call $assert (i64.eqz (call $input_length)))
          (call $say (local.get $body)))
        (func (export "no_body") (drop (call $http_request (call $put (i32.const 0) (i32.const 11)) (i64.const 0))))
        (func (export "no_block") (drop (call $http_request (i64.const 5) (i64.const 0))))"#;
    let mut guest = Guest::new(&extism(text));
    assert_eq!(guest.call("f", b"sent"), Ok(Some(b"body".to_vec())));
    assert_eq!(guest.instance.usage().http_requests, 1);
    guest.call("no_body", b"").unwrap();
    let sent = vec![(b"{\"url\":\"x\"}".to_vec(), b"sent".to_vec()), (b"{\"url\":\"x\"}".to_vec(), Vec::new())];
    assert_eq!(guest.instance.host().http, sent);
    assert_eq!(trap_message(guest.call("no_block", b"")), "invalid handle offset for HTTP request: 5");

    let hidden = Double { reply: Ok(HttpReply { status: 200, ..HttpReply::default() }), ..Double::default() };
    let quiet = r#"(func (export "f")
        (call $assert (i64.eqz (call $http_request (call $alloc (i64.const 1)) (i64.const 0))))
        (call $assert (i64.eqz (call $http_headers))))"#;
    assert_eq!(Guest::with(&extism(quiet), hidden, &limits()).call("f", b""), Ok(None));

    let refused = Double { reply: Err("not allowed".into()), ..Double::default() };
    let mut guest = Guest::with(&extism(text), refused, &limits());
    assert_eq!(guest.call("f", b""), Err(Failure::Host("not allowed".into())));
    assert!(!guest.instance.is_usable());
}

#[test]
fn log_levels_reach_the_host_and_are_filtered() {
    let text = r#"(data (i32.const 0) "message\ff")
        (func $m (result i64) (call $put (i32.const 0) (i32.const 8)))
        (func (export "f")
          (call $assert (i32.eq (call $get_log_level) (i32.const 1)))
          (call $log_trace (call $m)) (call $log_trace (i64.const 77777))
          (call $log_debug (call $m)) (call $log_info (call $m))
          (call $log_warn (call $m)) (call $log_error (i64.const 0)))
        (func (export "no_block") (call $log_error (i64.const 77777)))"#;
    let mut guest = Guest::new(&extism(text));
    assert_eq!(guest.call("f", b""), Ok(None));
    let text_of = |level| (level, "message\u{fffd}".to_owned());
    let expected = vec![
        text_of(LogLevel::Debug),
        text_of(LogLevel::Info),
        text_of(LogLevel::Warn),
        (LogLevel::Error, String::new()),
    ];
    assert_eq!(guest.instance.host().log, expected);
    assert_eq!(trap_message(guest.call("no_block", b"")), "invalid handle offset for log message: 77777");

    let off = Double { level: LogLevel::Off, ..Double::default() };
    let quiet = r#"(func (export "f") (call $assert (i32.eq (call $get_log_level) (i32.const 0x7fffffff)))
        (call $log_error (i64.const 77777)))"#;
    assert_eq!(Guest::with(&extism(quiet), off, &limits()).call("f", b""), Ok(None));
}

#[test]
fn user_functions_take_and_give_blocks() {
    let text = r#"(func (export "f") (local $request i64)
          (local.set $request (call $input_offset))
          (call $say (call $db_query (local.get $request)))
          (call $assert (i64.ne (call $length (local.get $request)) (i64.const 0))))
        (func (export "no_block") (drop (call $db_query (i64.const 3))))"#;
    let mut guest = Guest::new(&extism(text));
    assert_eq!(guest.call("f", b"request"), Ok(Some(b"response".to_vec())));
    assert_eq!(guest.instance.host().calls, vec![("db_query".to_owned(), b"request".to_vec())]);
    assert_eq!(guest.instance.usage().host_calls, 1);
    let message = "invalid handle offset for request of host function \"db_query\": 3";
    assert_eq!(trap_message(guest.call("no_block", b"")), message);
}

#[test]
fn user_functions_have_older_namespaces_and_may_fail() {
    let text = r#"(import "extism:env/user" "hello" (func $a (param i64) (result i64)))
        (import "extism:user" "hello" (func $b (param i64) (result i64)))
        (func (export "f") (drop (call $a (i64.const 0))) (drop (call $b (i64.const 0))))"#;
    let mut guest = Guest::new(text);
    assert_eq!(guest.call("f", b""), Ok(None));
    assert_eq!(guest.instance.host().calls.len(), 2);
    let failing = Double { response: Err("database is gone".into()), ..Double::default() };
    let mut guest = Guest::with(text, failing, &limits());
    assert_eq!(guest.call("f", b""), Err(Failure::Host("database is gone".into())));
    assert!(!guest.instance.is_usable());
    assert_eq!(guest.instance.into_host().calls.len(), 1);
}
