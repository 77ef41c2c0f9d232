;; A start function runs when the module is instantiated, before _initialize.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  ;; Each step that runs appends its digit, as ASCII, to what came before.
  (global $steps (mut i64) (i64.const 0))
  (func $step (param $digit i64)
    (global.set $steps (i64.or (i64.shl (global.get $steps) (i64.const 8)) (local.get $digit))))
  (func $begin (call $step (i64.const 0x34)))
  (start $begin)
  (func (export "_initialize") (call $step (i64.const 0x31)))
  (func (export "steps") (local $block i64)
    (local.set $block (call $alloc (i64.const 8)))
    (call $store_u64 (local.get $block) (global.get $steps))
    (call $output_set (local.get $block) (i64.const 8))))
