;; Answers with 64 MiB and a byte, or of whatever fresh host memory holds.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (func (export "handler") (result i32)
    (call $output_set (call $alloc (i64.const 67108865)) (i64.const 67108865))
    (i32.const 0))
)
