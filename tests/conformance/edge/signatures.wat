;; What can be called: no parameters, at most one result; an i32 is the return code.
(module
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (func $echo (call $output_set (call $input_offset) (call $input_length)))
  (func (export "nothing") (call $echo))
  (func (export "zero") (result i32) (call $echo) (i32.const 0))
  (func (export "long") (result i64) (call $echo) (i64.const 0))
  (func (export "two") (result i32 i32) (call $echo) (i32.const 0) (i32.const 0))
  (func (export "taker") (param i32) (result i32) (call $echo) (i32.const 0)))
