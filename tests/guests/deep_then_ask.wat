;; Goes ten thousand calls deep and asks the database from there: the guest's stack and Postgres' own add up.
(module
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/user" "db_query" (func $db_query (param i64) (result i64)))
  (func $deeper (param $left i32) (result i64)
    (if (i32.eqz (local.get $left)) (then (return (call $db_query (call $input_offset)))))
    ;; The addition keeps this from being a tail call.
    (i64.add (call $deeper (i32.sub (local.get $left) (i32.const 1))) (i64.const 0)))
  (func (export "handler") (result i32)
    (local $reply i64)
    (local.set $reply (call $deeper (i32.const 10000)))
    (call $output_set (local.get $reply) (call $length (local.get $reply)))
    (i32.const 0))
)
