;; Raises what its environment value REQUEST says, and returns 1.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (import "extism:host/user" "raise" (func $raise (param i64) (result i64)))
  (memory 1)
  (data (i32.const 0) "REQUEST")
  (func (export "handler") (result i32)
    (local $block i64) (local $at i32)
    (local.set $block (call $alloc (i64.const 7)))
    (loop $next
      (call $store
        (i64.add (local.get $block) (i64.extend_i32_u (local.get $at)))
        (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 7))))
    (drop (call $raise (call $config_get (local.get $block))))
    (i32.const 1))
)
