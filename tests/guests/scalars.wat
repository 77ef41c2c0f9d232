;; Plain WebAssembly without any host: one export per signature.
(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "add_long") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "same_i32") (param i32) (result i32) (local.get 0))
  (func (export "same_i64") (param i64) (result i64) (local.get 0))
  (func (export "same_f32") (param f32) (result f32) (local.get 0))
  (func (export "same_f64") (param f64) (result f64) (local.get 0))
  (func (export "ship_cost") (param f64 i32) (result f64)
    (f64.mul (local.get 0) (f64.convert_i32_s (local.get 1))))
  (func (export "mixed") (param i32 i64 f32 f64) (result f64)
    (f64.add
      (f64.add (f64.convert_i32_s (local.get 0)) (f64.convert_i64_s (local.get 1)))
      (f64.add (f64.promote_f32 (local.get 2)) (local.get 3))))
  (func (export "two_results") (result i32 i32) (i32.const 1) (i32.const 2))
)
