;; Hands the host offsets that were never given out.
(module
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/user" "db_query" (func $db_query (param i64) (result i64)))
  (import "extism:host/user" "log" (func $log (param i64) (result i64)))
  (func (export "query") (result i32) (drop (call $db_query (i64.const 123456789))) (i32.const 0))
  (func (export "query_negative") (result i32) (drop (call $db_query (i64.const -1))) (i32.const 0))
  (func (export "query_null") (result i32) (drop (call $db_query (i64.const 0))) (i32.const 0))
  (func (export "log_offset") (result i32) (drop (call $log (i64.const 0x7fffffffffffffff))) (i32.const 0))
  ;; These two are harmless by Extism's rules: ignored, and no output was set.
  (func (export "output") (result i32) (call $output_set (i64.const 4294967296) (i64.const 16)) (i32.const 0))
  (func (export "free_unknown") (result i32)
    (call $free (i64.const 99999999)) (call $free (i64.const -5))
    (i32.wrap_i64 (call $length (i64.const 99999999))))
)
