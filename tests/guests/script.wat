;; Runs its input line by line and gives all replies as one JSON array. The first letter of a line says what to do:
;;   q db_query   b db_batch   l log   e env   r raise   c fn_invoke     each with the rest of the line as its request
;;   x return 1   t trap       s spin for ever
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "load_u8" (func $load (param i64) (result i32)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input (param i64) (result i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/user" "db_query" (func $db_query (param i64) (result i64)))
  (import "extism:host/user" "db_batch" (func $db_batch (param i64) (result i64)))
  (import "extism:host/user" "log" (func $log (param i64) (result i64)))
  (import "extism:host/user" "env" (func $env (param i64) (result i64)))
  (import "extism:host/user" "raise" (func $raise (param i64) (result i64)))
  (import "extism:host/user" "fn_invoke" (func $fn_invoke (param i64) (result i64)))
  (memory 64)
  (global $size (mut i32) (i32.const 0))

  (func $put (param $byte i32)
    (i32.store8 (global.get $size) (local.get $byte))
    (global.set $size (i32.add (global.get $size) (i32.const 1))))

  ;; Appends a reply to the answer.
  (func $append (param $block i64)
    (local $at i64) (local $end i64)
    (if (i32.gt_u (global.get $size) (i32.const 1)) (then (call $put (i32.const 44))))
    (local.set $end (call $length (local.get $block)))
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (local.get $end)))
      (call $put (call $load (i64.add (local.get $block) (local.get $at))))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next))))

  ;; Input bytes [from, to) as a block of their own.
  (func $request (param $from i64) (param $to i64) (result i64)
    (local $block i64) (local $at i64)
    (local.set $block (call $alloc (i64.sub (local.get $to) (local.get $from))))
    (local.set $at (local.get $from))
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (local.get $to)))
      (call $store
        (i64.add (local.get $block) (i64.sub (local.get $at) (local.get $from)))
        (call $input (local.get $at)))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next)))
    (local.get $block))

  (func $end_of_line (param $at i64) (result i64)
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (call $input_length)))
      (br_if $done (i32.eq (call $input (local.get $at)) (i32.const 10)))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next)))
    (local.get $at))

  (func $answer
    (local $block i64) (local $at i32)
    (local.set $block (call $alloc (i64.extend_i32_u (global.get $size))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $at) (global.get $size)))
      (call $store
        (i64.add (local.get $block) (i64.extend_i32_u (local.get $at)))
        (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next)))
    (call $output_set (local.get $block) (i64.extend_i32_u (global.get $size))))

  (func (export "handler") (result i32)
    (local $at i64) (local $end i64) (local $word i32) (local $block i64)
    (global.set $size (i32.const 0))
    (call $put (i32.const 91))
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (call $input_length)))
      (local.set $word (call $input (local.get $at)))
      (local.set $end (call $end_of_line (local.get $at)))
      (if (i32.eq (local.get $word) (i32.const 120)) (then (return (i32.const 1))))
      (if (i32.eq (local.get $word) (i32.const 116)) (then (unreachable)))
      (if (i32.eq (local.get $word) (i32.const 115)) (then (loop $forever (br $forever))))
      (local.set $block (call $request (i64.add (local.get $at) (i64.const 1)) (local.get $end)))
      (if (i32.eq (local.get $word) (i32.const 113)) (then (call $append (call $db_query (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 98)) (then (call $append (call $db_batch (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 108)) (then (call $append (call $log (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 101)) (then (call $append (call $env (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 114)) (then (call $append (call $raise (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 99)) (then (call $append (call $fn_invoke (local.get $block)))))
      (local.set $at (i64.add (local.get $end) (i64.const 1)))
      (br $next)))
    (call $put (i32.const 93))
    (call $answer)
    (i32.const 0))
)
