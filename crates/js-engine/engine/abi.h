/* The Extism guest ABI, as far as the engine uses it, and copies between a block of the host and our memory.
 * A block is an offset in the host's memory; 0 is "none". Signatures: docs/reference.md, "Guest ABI". */
#ifndef ALYX_ABI_H
#define ALYX_ABI_H
#include <stddef.h>
#include <stdint.h>

typedef uint64_t block;

#define ENV(name) __attribute__((import_module("extism:host/env"), import_name(name)))
#define USER(name) __attribute__((import_module("extism:host/user"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name), used, visibility("default")))

ENV("alloc") block x_alloc(uint64_t length);
ENV("free") void x_free(block b);
ENV("length") uint64_t x_length(block b);
ENV("load_u8") uint32_t x_load_u8(uint64_t at);
ENV("load_u64") uint64_t x_load_u64(uint64_t at);
ENV("store_u8") void x_store_u8(uint64_t at, uint32_t value);
ENV("store_u64") void x_store_u64(uint64_t at, uint64_t value);
ENV("input_length") uint64_t x_input_length(void);
ENV("input_offset") block x_input_offset(void);
ENV("output_set") void x_output_set(block b, uint64_t length);
ENV("error_set") void x_error_set(block b);
ENV("config_get") block x_config_get(block key);
ENV("var_get") block x_var_get(block key);
ENV("var_set") void x_var_set(block key, block value);
ENV("http_request") block x_http_request(block request, block body);
ENV("http_status_code") int32_t x_http_status_code(void);
ENV("http_headers") block x_http_headers(void);
ENV("log_trace") void x_log_trace(block b);
ENV("log_debug") void x_log_debug(block b);
ENV("log_info") void x_log_info(block b);
ENV("log_warn") void x_log_warn(block b);
ENV("log_error") void x_log_error(block b);

#ifdef ALYX_STANDALONE
/* Unaligned 8-byte access: an Extism host moves at most 8 bytes a call. */
typedef uint64_t __attribute__((aligned(1), may_alias)) unaligned_u64;

static inline void block_read(block b, uint8_t *to, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        *(unaligned_u64 *)(to + i) = x_load_u64(b + i);
    for (; i < n; i++)
        to[i] = (uint8_t)x_load_u8(b + i);
}

static inline void block_write(block b, const uint8_t *from, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        x_store_u64(b + i, *(const unaligned_u64 *)(from + i));
    for (; i < n; i++)
        x_store_u8(b + i, from[i]);
}
#else
#define MEMORY(name) __attribute__((import_module("alyx:host/memory"), import_name(name)))
MEMORY("load") void block_read(block b, uint8_t *to, size_t n);
MEMORY("store") void block_write(block b, const uint8_t *from, size_t n);
#endif

static inline void input_read(uint8_t *to, size_t n)
{
    block_read(x_input_offset(), to, n);
}

/* A new block with these bytes; 0 for none, and where the host has no memory. */
static inline block block_of(const void *from, size_t n)
{
    if (n == 0)
        return 0;
    block b = x_alloc(n);
    if (b)
        block_write(b, from, n);
    return b;
}
#endif
