;; Haskell: _initialize, then hs_init(0, 0); constructors are not called beside it.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  ;; Each step that runs appends its digit, as ASCII, to what came before.
  (global $steps (mut i64) (i64.const 0))
  (func $step (param $digit i64)
    (global.set $steps (i64.or (i64.shl (global.get $steps) (i64.const 8)) (local.get $digit))))
  (func (export "_initialize") (call $step (i64.const 0x31)))
  (func (export "__wasm_call_ctors") (call $step (i64.const 0x32)))
  (func (export "hs_init") (param $argc i32) (param $argv i32)
    (call $step (i64.add (i64.const 0x33) (i64.extend_i32_u (i32.or (local.get $argc) (local.get $argv))))))
  (func (export "steps") (local $block i64)
    (local.set $block (call $alloc (i64.const 8)))
    (call $store_u64 (local.get $block) (global.get $steps))
    (call $output_set (local.get $block) (i64.const 8))))
