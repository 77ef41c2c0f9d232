;; Runs its input line by line and gives all replies as one JSON array. The first letter of a line says what to do:
;;   q db_query   b db_batch   l log        e env        r raise   c fn_invoke     each with the rest of the line as its
;;   g kv_get     p kv_set     d kv_delete  k kv_list                              request
;;   v config_get of this key, a JSON string without escapes or null   i Extism's log_info   w a line on standard error
;;   f error_set with this text, and return 1   x return 1   t trap   s spin for ever
;; A byte 1 in a line stands for the last string that a reply began with: the value of env, the first value of a query.
;; The export from_config takes its lines from the configuration's SCRIPT and gives no output.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "load_u8" (func $load (param i64) (result i32)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input (param i64) (result i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (import "extism:host/env" "log_info" (func $log_info (param i64)))
  (import "extism:host/user" "db_query" (func $db_query (param i64) (result i64)))
  (import "extism:host/user" "db_batch" (func $db_batch (param i64) (result i64)))
  (import "extism:host/user" "log" (func $log (param i64) (result i64)))
  (import "extism:host/user" "env" (func $env (param i64) (result i64)))
  (import "extism:host/user" "raise" (func $raise (param i64) (result i64)))
  (import "extism:host/user" "fn_invoke" (func $fn_invoke (param i64) (result i64)))
  (import "extism:host/user" "kv_get" (func $kv_get (param i64) (result i64)))
  (import "extism:host/user" "kv_set" (func $kv_set (param i64) (result i64)))
  (import "extism:host/user" "kv_delete" (func $kv_delete (param i64) (result i64)))
  (import "extism:host/user" "kv_list" (func $kv_list (param i64) (result i64)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 64)
  ;; The answer grows from address 0; at the end stand a key and what goes to standard error.
  (global $size (mut i32) (i32.const 0))
  (global $io i32 (i32.const 0x3f0000))
  ;; Where the lines are: a block, or 0 for the input.
  (global $lines (mut i64) (i64.const 0))
  ;; The last string of a reply: [from, to).
  (global $from (mut i64) (i64.const 0))
  (global $to (mut i64) (i64.const 0))
  (data (i32.const 0x3e0000) "SCRIPT")

  (func $line_byte (param $at i64) (result i32)
    (if (result i32) (i64.eqz (global.get $lines))
      (then (call $input (local.get $at)))
      (else (call $load (i64.add (global.get $lines) (local.get $at))))))

  (func $lines_length (result i64)
    (if (result i64) (i64.eqz (global.get $lines))
      (then (call $input_length))
      (else (call $length (global.get $lines)))))

  (func $put (param $byte i32)
    (i32.store8 (global.get $size) (local.get $byte))
    (global.set $size (i32.add (global.get $size) (i32.const 1))))

  ;; Appends a reply to the answer.
  (func $append (param $block i64)
    (local $at i64) (local $end i64)
    (if (i32.gt_u (global.get $size) (i32.const 1)) (then (call $put (i32.const 44))))
    (local.set $end (call $length (local.get $block)))
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (local.get $end)))
      (call $put (call $load (i64.add (local.get $block) (local.get $at))))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next))))

  ;; Remembers the first string that a colon stands before, with its escapes.
  (func $remember (param $block i64)
    (local $at i64) (local $end i64) (local $byte i32)
    (local.set $end (i64.add (local.get $block) (call $length (local.get $block))))
    (local.set $at (i64.add (local.get $block) (i64.const 3)))
    (block $found (loop $next
      (if (i64.gt_u (local.get $at) (local.get $end)) (then (return)))
      (br_if $found (i32.and (i32.and
        (i32.eq (call $load (i64.sub (local.get $at) (i64.const 3))) (i32.const 34))
        (i32.eq (call $load (i64.sub (local.get $at) (i64.const 2))) (i32.const 58)))
        (i32.eq (call $load (i64.sub (local.get $at) (i64.const 1))) (i32.const 34))))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next)))
    (global.set $from (local.get $at))
    (block $closed (loop $next
      (local.set $byte (call $load (local.get $at)))
      (br_if $closed (i32.eq (local.get $byte) (i32.const 34)))
      (if (i32.eq (local.get $byte) (i32.const 92))
        (then (local.set $at (i64.add (local.get $at) (i64.const 1)))))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next)))
    (global.set $to (local.get $at)))

  (func $replied (param $block i64)
    (call $remember (local.get $block))
    (call $append (local.get $block)))

  ;; A block of its own for bytes [from, to) of the lines, the remembered string in place of each byte 1.
  (func $request (param $from i64) (param $to i64) (result i64)
    (local $block i64) (local $at i64) (local $out i64) (local $size i64)
    (local.set $at (local.get $from))
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (local.get $to)))
      (local.set $size (i64.add (local.get $size)
        (if (result i64) (i32.eq (call $line_byte (local.get $at)) (i32.const 1))
          (then (i64.sub (global.get $to) (global.get $from)))
          (else (i64.const 1)))))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next)))
    (local.set $block (call $alloc (local.get $size)))
    (local.set $out (local.get $block))
    (local.set $at (local.get $from))
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (local.get $to)))
      (local.set $out
        (if (result i64) (i32.eq (call $line_byte (local.get $at)) (i32.const 1))
          (then (call $copy (global.get $from) (global.get $to) (local.get $out)))
          (else
            (call $store (local.get $out) (call $line_byte (local.get $at)))
            (i64.add (local.get $out) (i64.const 1)))))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next)))
    (local.get $block))

  ;; Copies bytes among blocks and gives the end of the copy.
  (func $copy (param $from i64) (param $to i64) (param $out i64) (result i64)
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $from) (local.get $to)))
      (call $store (local.get $out) (call $load (local.get $from)))
      (local.set $from (i64.add (local.get $from) (i64.const 1)))
      (local.set $out (i64.add (local.get $out) (i64.const 1)))
      (br $next)))
    (local.get $out))

  ;; The configuration's value of a key, as JSON; it is remembered too.
  (func $config (param $key i64)
    (local $value i64) (local $at i64)
    (local.set $value (call $config_get (local.get $key)))
    (if (i32.gt_u (global.get $size) (i32.const 1)) (then (call $put (i32.const 44))))
    (if (i64.eqz (local.get $value))
      (then
        (call $put (i32.const 110)) (call $put (i32.const 117)) (call $put (i32.const 108)) (call $put (i32.const 108))
        (return)))
    (global.set $from (local.get $value))
    (global.set $to (i64.add (local.get $value) (call $length (local.get $value))))
    (call $put (i32.const 34))
    (local.set $at (global.get $from))
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (global.get $to)))
      (call $put (call $load (local.get $at)))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next)))
    (call $put (i32.const 34)))

  ;; Writes a block and a line feed to standard error.
  (func $complain (param $text i64)
    (local $at i32) (local $size i32)
    (local.set $size (i32.wrap_i64 (call $length (local.get $text))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $size)))
      (i32.store8 (i32.add (i32.add (global.get $io) (i32.const 16)) (local.get $at))
        (call $load (i64.add (local.get $text) (i64.extend_i32_u (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next)))
    (i32.store8 (i32.add (i32.add (global.get $io) (i32.const 16)) (local.get $size)) (i32.const 10))
    (i32.store (global.get $io) (i32.add (global.get $io) (i32.const 16)))
    (i32.store (i32.add (global.get $io) (i32.const 4)) (i32.add (local.get $size) (i32.const 1)))
    (drop (call $fd_write (i32.const 2) (global.get $io) (i32.const 1) (i32.add (global.get $io) (i32.const 8)))))

  (func $end_of_line (param $at i64) (result i64)
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (call $lines_length)))
      (br_if $done (i32.eq (call $line_byte (local.get $at)) (i32.const 10)))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next)))
    (local.get $at))

  (func $answer
    (local $block i64) (local $at i32)
    (local.set $block (call $alloc (i64.extend_i32_u (global.get $size))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $at) (global.get $size)))
      (call $store
        (i64.add (local.get $block) (i64.extend_i32_u (local.get $at)))
        (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next)))
    (call $output_set (local.get $block) (i64.extend_i32_u (global.get $size))))

  (func $run (result i32)
    (local $at i64) (local $end i64) (local $word i32) (local $block i64)
    (global.set $size (i32.const 0))
    (call $put (i32.const 91))
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (call $lines_length)))
      (local.set $word (call $line_byte (local.get $at)))
      (local.set $end (call $end_of_line (local.get $at)))
      (if (i32.eq (local.get $word) (i32.const 120)) (then (return (i32.const 1))))
      (if (i32.eq (local.get $word) (i32.const 116)) (then (unreachable)))
      (if (i32.eq (local.get $word) (i32.const 115)) (then (loop $forever (br $forever))))
      (local.set $block (call $request (i64.add (local.get $at) (i64.const 1)) (local.get $end)))
      (if (i32.eq (local.get $word) (i32.const 113)) (then (call $replied (call $db_query (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 98)) (then (call $replied (call $db_batch (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 108)) (then (call $replied (call $log (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 101)) (then (call $replied (call $env (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 114)) (then (call $replied (call $raise (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 99)) (then (call $replied (call $fn_invoke (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 103)) (then (call $replied (call $kv_get (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 112)) (then (call $replied (call $kv_set (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 100)) (then (call $replied (call $kv_delete (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 107)) (then (call $replied (call $kv_list (local.get $block)))))
      (if (i32.eq (local.get $word) (i32.const 118)) (then (call $config (local.get $block))))
      (if (i32.eq (local.get $word) (i32.const 105)) (then (call $log_info (local.get $block))))
      (if (i32.eq (local.get $word) (i32.const 119)) (then (call $complain (local.get $block))))
      (if (i32.eq (local.get $word) (i32.const 102))
        (then (call $error_set (local.get $block)) (return (i32.const 1))))
      (local.set $at (i64.add (local.get $end) (i64.const 1)))
      (br $next)))
    (call $put (i32.const 93))
    (i32.const 0))

  (func (export "handler") (result i32)
    (global.set $lines (i64.const 0))
    (if (call $run) (then (return (i32.const 1))))
    (call $answer)
    (i32.const 0))

  (func (export "from_config") (result i32)
    (local $key i64) (local $at i32)
    (local.set $key (call $alloc (i64.const 6)))
    (loop $next
      (call $store
        (i64.add (local.get $key) (i64.extend_i32_u (local.get $at)))
        (i32.load8_u (i32.add (i32.const 0x3e0000) (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 6))))
    (global.set $lines (call $config_get (local.get $key)))
    (if (i64.eqz (global.get $lines)) (then (unreachable)))
    (call $run))
)
