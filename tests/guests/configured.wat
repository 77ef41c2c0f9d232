;; Does what its environment says: QUERY, when set, goes to db_query; OUTCOME, when set, is the output.
;; When the query fails the guest returns 1 and says nothing: the error is not handled.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "load_u8" (func $load (param i64) (result i32)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/user" "db_query" (func $db_query (param i64) (result i64)))
  (memory 1)
  (data (i32.const 0) "QUERY")
  (data (i32.const 8) "OUTCOME")

  (func $config (param $from i32) (param $size i32) (result i64)
    (local $block i64) (local $at i32)
    (local.set $block (call $alloc (i64.extend_i32_u (local.get $size))))
    (loop $next
      (call $store
        (i64.add (local.get $block) (i64.extend_i32_u (local.get $at)))
        (i32.load8_u (i32.add (local.get $from) (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $size))))
    (call $config_get (local.get $block)))

  ;; A reply that begins with {"e is {"error": …}.
  (func $is_error (param $reply i64) (result i32)
    (i32.eq (call $load (i64.add (local.get $reply) (i64.const 2))) (i32.const 101)))

  (func (export "handler") (result i32)
    (local $text i64)
    (local.set $text (call $config (i32.const 0) (i32.const 5)))
    (if (i64.ne (local.get $text) (i64.const 0))
      (then (if (call $is_error (call $db_query (local.get $text))) (then (return (i32.const 1))))))
    (local.set $text (call $config (i32.const 8) (i32.const 7)))
    (if (i64.ne (local.get $text) (i64.const 0))
      (then (call $output_set (local.get $text) (call $length (local.get $text)))))
    (i32.const 0))
)
