;; Grows its table until the host says no.
(module
  (table 1 funcref)
  (func (export "handler") (result i32)
    (loop $again
      (if (i32.eq (table.grow (ref.null func) (i32.const 65536)) (i32.const -1)) (then (unreachable)))
      (br $again))
    (i32.const 0))
)
