;; WASI's proc_exit: zero is success and keeps the output, anything else is a failure.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (memory (export "memory") 1)
  (func $echo (call $output_set (call $input_offset) (call $input_length)))
  (func (export "exit_zero") (call $echo) (call $proc_exit (i32.const 0)) unreachable)
  (func (export "exit_three") (call $echo) (call $proc_exit (i32.const 3)) unreachable))
