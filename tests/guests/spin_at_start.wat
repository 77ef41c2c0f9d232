;; Never finishes its initialisation.
(module
  (func (export "_initialize") (loop $forever (br $forever)))
  (func (export "handler") (result i32) (i32.const 0))
)
