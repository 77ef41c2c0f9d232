;; Logs a kilobyte a million times, through the host function and through Extism's own.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "log_info" (func $log_info (param i64)))
  (import "extism:host/env" "log_error" (func $log_error (param i64)))
  (func (export "handler") (result i32)
    (local $block i64) (local $at i64) (local $left i32)
    (local.set $left (i32.const 1000000))
    (loop $again
      (local.set $block (call $alloc (i64.const 1024)))
      (local.set $at (i64.const 0))
      (loop $fill
        (call $store (i64.add (local.get $block) (local.get $at)) (i32.const 120))
        (local.set $at (i64.add (local.get $at) (i64.const 64)))
        (br_if $fill (i64.lt_u (local.get $at) (i64.const 1024))))
      (if (i32.and (local.get $left) (i32.const 1))
        (then (call $log_info (local.get $block)))
        (else (call $log_error (local.get $block))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.const 0))
)
