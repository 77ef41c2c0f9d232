;; Head of every Extism guest of the suite: all host functions, one memory, and helpers.
(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
(import "extism:host/env" "free" (func $free (param i64)))
(import "extism:host/env" "length" (func $length (param i64) (result i64)))
(import "extism:host/env" "length_unsafe" (func $length_unsafe (param i64) (result i64)))
(import "extism:host/env" "load_u8" (func $load_u8 (param i64) (result i32)))
(import "extism:host/env" "load_u64" (func $load_u64 (param i64) (result i64)))
(import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
(import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
(import "extism:host/env" "input_set" (func $input_set (param i64 i64)))
(import "extism:host/env" "input_length" (func $input_length (result i64)))
(import "extism:host/env" "input_offset" (func $input_offset (result i64)))
(import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
(import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
(import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
(import "extism:host/env" "output_length" (func $output_length (result i64)))
(import "extism:host/env" "output_offset" (func $output_offset (result i64)))
(import "extism:host/env" "error_set" (func $error_set (param i64)))
(import "extism:host/env" "error_get" (func $error_get (result i64)))
(import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
(import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
(import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
(import "extism:host/env" "http_request" (func $http_request (param i64 i64) (result i64)))
(import "extism:host/env" "http_status_code" (func $http_status_code (result i32)))
(import "extism:host/env" "http_headers" (func $http_headers (result i64)))
(import "extism:host/env" "log_trace" (func $log_trace (param i64)))
(import "extism:host/env" "log_debug" (func $log_debug (param i64)))
(import "extism:host/env" "log_info" (func $log_info (param i64)))
(import "extism:host/env" "log_warn" (func $log_warn (param i64)))
(import "extism:host/env" "log_error" (func $log_error (param i64)))
(import "extism:host/env" "get_log_level" (func $get_log_level (result i32)))
(import "extism:host/env" "memory_bytes" (func $memory_bytes (result i64)))
(import "extism:host/env" "reset" (func $reset))
(import "alyx:host/memory" "load" (func $load (param i64 i32 i32)))
(import "alyx:host/memory" "store" (func $store (param i64 i32 i32)))
(import "extism:host/user" "db_query" (func $db_query (param i64) (result i64)))

(memory (export "memory") 1)

;; Copies bytes of the guest's memory into a new block.
(func $put (param $from i32) (param $bytes i32) (result i64)
  (local $block i64) (local $i i32)
  (local.set $block (call $alloc (i64.extend_i32_u (local.get $bytes))))
  (block $done
    (loop $next
      (br_if $done (i32.ge_u (local.get $i) (local.get $bytes)))
      (call $store_u8
        (i64.add (local.get $block) (i64.extend_i32_u (local.get $i)))
        (i32.load8_u (i32.add (local.get $from) (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
  (local.get $block))

;; Makes a whole block the output; null is no output.
(func $say (param $block i64)
  (call $output_set (local.get $block) (call $length (local.get $block))))

;; Makes a number the output: eight bytes, little endian.
(func $number (param $value i64)
  (local $block i64)
  (local.set $block (call $alloc (i64.const 8)))
  (call $store_u64 (local.get $block) (local.get $value))
  (call $say (local.get $block)))

;; Traps unless the condition holds.
(func $assert (param $holds i32)
  (if (i32.eqz (local.get $holds)) (then unreachable)))
