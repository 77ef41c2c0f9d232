;; Hands the configuration's REQUEST to http_fetch, whatever its own input is, and the reply to the table public.replies: a
;; fetch by a trigger, a job or an event trigger that can be read afterwards.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "load_u8" (func $load (param i64) (result i32)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (import "extism:host/user" "db_query" (func $db_query (param i64) (result i64)))
  (import "extism:host/user" "http_fetch" (func $http_fetch (param i64) (result i64)))
  (memory 1)
  (data (i32.const 0) "REQUEST")
  (data (i32.const 16) "{\"sql\":\"INSERT INTO public.replies (reply) VALUES ($1)\",\"params\":[")
  (data (i32.const 96) "]}")

  ;; Copies our own memory into a block.
  (func $write (param $block i64) (param $from i32) (param $size i32)
    (local $at i32)
    (loop $next
      (call $store
        (i64.add (local.get $block) (i64.extend_i32_u (local.get $at)))
        (i32.load8_u (i32.add (local.get $from) (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $size)))))

  (func (export "handler") (result i32)
    (local $key i64) (local $reply i64) (local $size i64) (local $query i64) (local $at i64)
    (local.set $key (call $alloc (i64.const 7)))
    (call $write (local.get $key) (i32.const 0) (i32.const 7))
    (local.set $reply (call $http_fetch (call $config_get (local.get $key))))
    (local.set $size (call $length (local.get $reply)))
    (local.set $query (call $alloc (i64.add (local.get $size) (i64.const 68))))
    (call $write (local.get $query) (i32.const 16) (i32.const 66))
    (loop $next
      (call $store
        (i64.add (local.get $query) (i64.add (i64.const 66) (local.get $at)))
        (call $load (i64.add (local.get $reply) (local.get $at))))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $at) (local.get $size))))
    (call $write (i64.add (local.get $query) (i64.add (i64.const 66) (local.get $size))) (i32.const 96) (i32.const 2))
    ;; {"error": … stays unhandled.
    (i32.eq (call $load (i64.add (call $db_query (local.get $query)) (i64.const 2))) (i32.const 101)))
)
