;; Calls itself without end.
(module
  (func $deeper (param i32) (result i32)
    (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func (export "handler") (result i32) (call $deeper (i32.const 0)))
  (func (export "scalar") (param i32) (result i32) (call $deeper (local.get 0)))
)
