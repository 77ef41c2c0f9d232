;; Runs a program of host calls that comes as Extism's input, and says after each call what it gave.
;;
;; An instruction has 24 bytes: function, register and addend of the first argument, of the second, register of the
;; result. Memory: 0 buffer list of fd_write, 16 the line, 128 registers (16 of 8 bytes), 1024 the program.
(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
(memory (export "memory") 1)
(type $uniform (func (param i64 i64) (result i64)))

(func $register (param $number i32) (result i32)
  (i32.add (i32.const 128) (i32.shl (i32.and (local.get $number) (i32.const 15)) (i32.const 3))))

;; Sixteen digits at $to.
(func $hex (param $to i32) (param $value i64)
  (local $digit i32) (local $i i32)
  (loop $next
    (local.set $digit (i32.and (i32.wrap_i64 (local.get $value)) (i32.const 15)))
    (i32.store8
      (i32.sub (i32.add (local.get $to) (i32.const 15)) (local.get $i))
      (i32.add (local.get $digit)
        (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $digit) (i32.const 10)))))
    (local.set $value (i64.shr_u (local.get $value) (i64.const 4)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $i) (i32.const 16)))))

;; One line on standard error: a result, and the size of the kernel's memory after it.
(func $say (param $result i64)
  (call $hex (i32.const 16) (local.get $result))
  (call $hex (i32.const 32) (call $memory_bytes))
  (i32.store8 (i32.const 48) (i32.const 10))
  (i32.store (i32.const 0) (i32.const 16))
  (i32.store (i32.const 4) (i32.const 33))
  (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))))

(func $argument (param $at i32) (param $register i32) (result i64)
  (i64.add
    (i64.load (call $register (i32.load8_u (local.get $register))))
    (i64.load (local.get $at))))

(func (export "run")
  (local $length i32) (local $at i32) (local $result i64)
  (memory.fill (call $register (i32.const 0)) (i32.const 0) (i32.const 128))
  (local.set $length (i32.wrap_i64 (call $input_length)))
  (block $copied
    (loop $next
      (br_if $copied (i32.ge_u (local.get $at) (local.get $length)))
      (i64.store
        (i32.add (i32.const 1024) (local.get $at))
        (call $input_load_u64 (i64.extend_i32_u (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br $next)))
  (call $say (call $input_offset))
  (local.set $length (i32.add (local.get $length) (i32.const 1024)))
  (local.set $at (i32.const 1024))
  (block $done
    (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $length)))
      (local.set $result
        (call_indirect (type $uniform)
          (call $argument
            (i32.add (local.get $at) (i32.const 8)) (i32.add (local.get $at) (i32.const 1)))
          (call $argument
            (i32.add (local.get $at) (i32.const 16)) (i32.add (local.get $at) (i32.const 2)))
          (i32.load8_u (local.get $at))))
      (i64.store (call $register (i32.load8_u offset=3 (local.get $at))) (local.get $result))
      (call $say (local.get $result))
      (local.set $at (i32.add (local.get $at) (i32.const 24)))
      (br $next))))
