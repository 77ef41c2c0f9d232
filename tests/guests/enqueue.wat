;; Gives its input to the host function fn_enqueue and answers with the reply.
(module
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/user" "fn_enqueue" (func $fn_enqueue (param i64) (result i64)))
  (func (export "handler") (result i32)
    (local $reply i64)
    (local.set $reply (call $fn_enqueue (call $input_offset)))
    (call $output_set (local.get $reply) (call $length (local.get $reply)))
    (i32.const 0))
)
