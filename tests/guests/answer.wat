;; Hands its input, an event, to the SQL function public.reply(jsonb), whose result is its outcome: what a request does is
;; written where it is tested. An error of that function stays unhandled.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "load_u8" (func $load (param i64) (result i32)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "input_load_u8" (func $input (param i64) (result i32)))
  (import "extism:host/user" "db_query" (func $db_query (param i64) (result i64)))
  (memory 1)
  (data (i32.const 0) "{\"sql\":\"SELECT public.reply($1) AS answer\",\"params\":[")
  (global $head i64 (i64.const 53))
  (func (export "handler") (result i32)
    (local $block i64) (local $at i64) (local $size i64) (local $reply i64)
    (local.set $size (call $input_length))
    (local.set $block (call $alloc (i64.add (local.get $size) (i64.add (global.get $head) (i64.const 2)))))
    (loop $next
      (call $store
        (i64.add (local.get $block) (local.get $at))
        (i32.load8_u (i32.wrap_i64 (local.get $at))))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $at) (global.get $head))))
    (local.set $at (i64.const 0))
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (local.get $size)))
      (call $store
        (i64.add (i64.add (local.get $block) (global.get $head)) (local.get $at))
        (call $input (local.get $at)))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next)))
    (local.set $at (i64.add (i64.add (local.get $block) (global.get $head)) (local.get $size)))
    (call $store (local.get $at) (i32.const 93))
    (call $store (i64.add (local.get $at) (i64.const 1)) (i32.const 125))
    (local.set $reply (call $db_query (local.get $block)))
    ;; {"error": … leaves the error unhandled.
    (if (i32.eq (call $load (i64.add (local.get $reply) (i64.const 2))) (i32.const 101)) (then (return (i32.const 1))))
    ;; {"rows":[{"answer": … }],"columns":["answer"],"row_count":1}
    (call $output_set
      (i64.add (local.get $reply) (i64.const 19))
      (i64.sub (call $length (local.get $reply)) (i64.const 57)))
    (i32.const 0))
)
