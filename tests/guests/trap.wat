;; One export per way to die.
(module
  (memory 1)
  (table 1 funcref)
  (type $sig (func (result i32)))
  (func (export "handler") (result i32) (unreachable))
  (func (export "out_of_bounds") (result i32) (i32.load (i32.const 0x7fffffff)))
  (func (export "divide_by_zero") (result i32) (i32.div_s (i32.const 1) (i32.const 0)))
  (func (export "call_null") (result i32) (call_indirect (type $sig) (i32.const 0)))
  (func (export "bad_conversion") (result i32) (i32.trunc_f64_s (f64.const nan)))
  (func (export "scalar") (param i32) (result i32) (unreachable))
)
