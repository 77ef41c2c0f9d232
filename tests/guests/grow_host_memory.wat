;; Leaves its own memory alone and fills the host's: allocates blocks for ever.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (func (export "handler") (result i32)
    (local $block i64)
    (loop $again
      (local.set $block (call $alloc (i64.const 1048576)))
      (if (i64.eqz (local.get $block)) (then (unreachable)))
      (call $store (local.get $block) (i32.const 1))
      (br $again))
    (i32.const 0))
)
