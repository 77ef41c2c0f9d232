;; Fails the way Extism plugins do: an error text, a return code, or both.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (memory 1)
  (data (i32.const 0) "the cat is out")
  (func $message
    (local $block i64) (local $at i32)
    (local.set $block (call $alloc (i64.const 14)))
    (loop $next
      (call $store
        (i64.add (local.get $block) (i64.extend_i32_u (local.get $at)))
        (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 14))))
    (call $error_set (local.get $block)))
  (func (export "error_and_code") (result i32) (call $message) (i32.const 1))
  (func (export "error_without_code") (result i32) (call $message) (i32.const 0))
  (func (export "code") (result i32) (i32.const 7))
)
