;; Grows its memory until the host says no, touching every page.
(module
  (memory 1)
  (func $grow
    (local $page i32)
    (loop $again
      (local.set $page (memory.grow (i32.const 16)))
      (if (i32.eq (local.get $page) (i32.const -1)) (then (unreachable)))
      (i32.store (i32.mul (local.get $page) (i32.const 65536)) (i32.const 1))
      (br $again)))
  (func (export "handler") (result i32) (call $grow) (i32.const 0))
  (func (export "scalar") (param i32) (result i32) (call $grow) (i32.const 0))
)
