;; Never returns: as an Extism function, as a scalar, and while it is being instantiated (see spin_at_start).
(module
  (func $spin (loop $forever (br $forever)))
  (func (export "handler") (result i32) (call $spin) (i32.const 0))
  (func (export "scalar") (param i32) (result i32) (call $spin) (i32.const 0))
)
