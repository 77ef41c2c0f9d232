/* alyx.h: what a function in C needs of its host, in one header and without libc.
 *
 * Road: alyx_input() copies the event into the guest, json_get() finds values in it, db_query() asks the database, alyx_raise()
 * or alyx_output() answers. Values are slices: no number is parsed, so none loses a digit.
 *
 * Limits, on purpose: member names are compared as they are written (a name with an escape in it is not found); a value
 * is found by scanning, so look a member up once and keep the slice. */
#ifndef ALYX_H
#define ALYX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- The host's functions, as Extism names them. A block is a run of host memory, called by its offset. ---- */
#define ALYX_ENV(name) __attribute__((import_module("extism:host/env"), import_name(name)))
#define ALYX_USER(name) __attribute__((import_module("extism:host/user"), import_name(name)))
#define ALYX_MEMORY(name) __attribute__((import_module("alyx:host/memory"), import_name(name)))
#define ALYX_EXPORT(name) __attribute__((export_name(name)))

ALYX_ENV("alloc") uint64_t extism_alloc(uint64_t length);
ALYX_ENV("length") uint64_t extism_length(uint64_t block);
ALYX_ENV("free") void extism_free(uint64_t block);
ALYX_ENV("input_offset") uint64_t extism_input_offset(void);
ALYX_ENV("input_length") uint64_t extism_input_length(void);
ALYX_ENV("output_set") void extism_output_set(uint64_t offset, uint64_t length);
ALYX_MEMORY("load") void alyx_load(uint64_t block, void *to, size_t length);
ALYX_MEMORY("store") void alyx_store(uint64_t block, const void *from, size_t length);
ALYX_USER("db_query") uint64_t alyx_db_query(uint64_t request);
ALYX_USER("raise") uint64_t alyx_host_raise(uint64_t request);

/* ---- Guest memory: one arena, emptied when an invocation begins, because an instance may serve many. ---- */
extern uint8_t __heap_base[];
static uintptr_t alyx_arena_used;

static inline uint8_t *alyx_allocate(size_t length) {
    if (alyx_arena_used == 0) alyx_arena_used = (uintptr_t)__heap_base;
    uintptr_t start = alyx_arena_used, end = start + length, have = __builtin_wasm_memory_size(0) << 16;
    if (end < start || (end > have && __builtin_wasm_memory_grow(0, (end - have + 0xffff) >> 16) == (size_t)-1)) __builtin_trap();
    alyx_arena_used = end;
    return (uint8_t *)start;
}

/* A run of bytes that someone else keeps alive: text, or one JSON value as it is written. */
typedef struct {
    const uint8_t *at;
    size_t length;
} slice;

#define TEXT(literal) ((slice){(const uint8_t *)(literal), sizeof(literal) - 1})
#define NOTHING ((slice){0, 0})

static inline bool slice_equal(slice a, slice b) {
    if (a.length != b.length) return false;
    for (size_t i = 0; i < a.length; i++)
        if (a.at[i] != b.at[i]) return false;
    return true;
}

/* ---- Blocks in and out. ---- */

static inline slice alyx_read(uint64_t block, size_t length) {
    uint8_t *to = alyx_allocate(length);
    alyx_load(block, to, length);
    return (slice){to, length};
}

static inline uint64_t alyx_write(slice text) {
    uint64_t block = extism_alloc(text.length);
    alyx_store(block, text.at, text.length);
    return block;
}

/* The input of this invocation. Call it first: it empties the arena of the invocation before. */
static inline slice alyx_input(void) {
    alyx_arena_used = 0;
    return alyx_read(extism_input_offset(), (size_t)extism_input_length());
}

static inline void alyx_output(slice text) { extism_output_set(alyx_write(text), text.length); }

/* ---- Reading JSON. ---- */

typedef uint64_t __attribute__((aligned(1), may_alias)) alyx_word;

/* One bit for the lowest byte of `word` that is `byte`; bits above it mean nothing. */
static inline uint64_t alyx_bytes_equal(uint64_t word, uint8_t byte) {
    uint64_t ones = 0x0101010101010101, other = word ^ (ones * byte);
    return (other - ones) & ~other & (ones << 7);
}

/* The end of the string whose opening quote is at `i`: the index after its closing quote. Eight bytes at a time. */
static inline size_t json_string_end(slice json, size_t i) {
    i++;
    while (i + 8 <= json.length) {
        uint64_t word = *(const alyx_word *)(json.at + i), found = alyx_bytes_equal(word, '"') | alyx_bytes_equal(word, '\\');
        if (!found) {
            i += 8;
            continue;
        }
        i += (size_t)__builtin_ctzll(found) / 8;
        if (json.at[i] == '"') return i + 1;
        i += 2;
    }
    for (; i < json.length && json.at[i] != '"'; i++)
        if (json.at[i] == '\\') i++;
    return i < json.length ? i + 1 : json.length;
}

/* The end of the value that starts at `i`. Nesting is counted, not recursed into. */
static inline size_t json_value_end(slice json, size_t i) {
    size_t depth = 0;
    while (i < json.length) {
        switch (json.at[i]) {
        case '"':
            i = json_string_end(json, i);
            if (depth == 0) return i;
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (depth == 0) return i;
            if (--depth == 0) return i + 1;
            break;
        case ',':
        case ' ':
        case '\n':
        case '\r':
        case '\t':
            if (depth == 0) return i;
        }
        i++;
    }
    return json.length;
}

/* The next byte at or after `i` that is neither space, comma nor colon: where a member or value starts. */
static inline size_t json_next(slice json, size_t i) {
    while (i < json.length && (json.at[i] <= ' ' || json.at[i] == ',' || json.at[i] == ':')) i++;
    return i;
}

/* The value of a member of a member of … an object, as it is written; NOTHING when there is none. Scans `object` once. */
static inline slice json_path(slice object, const slice *names, size_t count) {
    size_t i = json_next(object, 0);
    for (size_t depth = 0; depth < count; depth++) {
        if (i >= object.length || object.at[i] != '{') return NOTHING;
        for (i = json_next(object, i + 1);;) {
            if (i >= object.length || object.at[i] != '"') return NOTHING;
            size_t name_end = json_string_end(object, i), value = json_next(object, name_end);
            bool is_found = slice_equal((slice){object.at + i + 1, name_end - i - 2}, names[depth]);
            i = is_found ? value : json_next(object, json_value_end(object, value));
            if (is_found) break;
        }
    }
    return (slice){object.at + i, json_value_end(object, i) - i};
}
#define JSON_PATH(object, ...) json_path(object, (const slice[]){__VA_ARGS__}, sizeof((const slice[]){__VA_ARGS__}) / sizeof(slice))

/* The value of member `name` of an object. */
static inline slice json_get(slice object, slice name) { return json_path(object, &name, 1); }

/* The first element of an array; NOTHING when it is empty. */
static inline slice json_first(slice array) {
    size_t i = json_next(array, 0);
    if (i >= array.length || array.at[i] != '[') return NOTHING;
    i = json_next(array, i + 1);
    size_t end = json_value_end(array, i);
    return (slice){array.at + i, end - i};
}

/* ---- Writing JSON and text. ---- */
typedef struct {
    uint8_t *at;
    size_t length, capacity;
} writer;

static inline void put(writer *to, slice bytes) {
    if (to->length + bytes.length > to->capacity) {
        size_t capacity = (to->length + bytes.length) * 2 + 256;
        uint8_t *grown = alyx_allocate(capacity);
        __builtin_memcpy(grown, to->at, to->length);
        to->at = grown, to->capacity = capacity;
    }
    __builtin_memcpy(to->at + to->length, bytes.at, bytes.length);
    to->length += bytes.length;
}

static inline slice written(const writer *from) { return (slice){from->at, from->length}; }

/* Plain text as a JSON string. */
static inline void put_string(writer *to, slice text) {
    put(to, TEXT("\""));
    for (size_t i = 0, start = 0; i <= text.length; i++) {
        bool ends = i == text.length, escapes = !ends && (text.at[i] < ' ' || text.at[i] == '"' || text.at[i] == '\\');
        if (!ends && !escapes) continue;
        put(to, (slice){text.at + start, i - start});
        start = i + 1;
        if (!escapes) continue;
        uint8_t byte = text.at[i], low = byte & 15;
        uint8_t escape[] = {'\\', 'u', '0', '0', (uint8_t)('0' + (byte >> 4)), (uint8_t)(low < 10 ? '0' + low : 'a' + low - 10)};
        put(to, (slice){escape, sizeof escape});
    }
    put(to, TEXT("\""));
}

/* Several pieces as one JSON string. A piece that is a JSON string itself gives its content; any other is plain text. */
static inline slice json_sentence(const slice *pieces, size_t count) {
    writer to = {0};
    put(&to, TEXT("\""));
    for (size_t i = 0; i < count; i++) {
        slice piece = pieces[i];
        if (piece.length >= 2 && piece.at[0] == '"') piece = (slice){piece.at + 1, piece.length - 2};
        put(&to, piece);
    }
    put(&to, TEXT("\""));
    return written(&to);
}
#define SENTENCE(...) json_sentence((const slice[]){__VA_ARGS__}, sizeof((const slice[]){__VA_ARGS__}) / sizeof(slice))

/* ---- Asking the host. ---- */

/* One request block out, one reply block in; both are freed, so that a long-lived instance does not collect them. */
static inline slice alyx_ask(uint64_t (*host)(uint64_t), slice request) {
    uint64_t block = alyx_write(request), reply = host(block);
    slice text = alyx_read(reply, (size_t)extism_length(reply));
    extism_free(block);
    extism_free(reply);
    return text;
}

static inline slice alyx_query(slice sql, const slice *params, size_t count, slice catch) {
    writer to = {0};
    put(&to, TEXT("{\"sql\":"));
    put_string(&to, sql);
    put(&to, TEXT(",\"params\":["));
    for (size_t i = 0; i < count; i++) {
        if (i) put(&to, TEXT(","));
        put(&to, params[i].length ? params[i] : TEXT("null"));
    }
    put(&to, TEXT("],\"catch\":"));
    put(&to, catch);
    put(&to, TEXT("}"));
    return alyx_ask(alyx_db_query, written(&to));
}
#define PARAMS(...) (const slice[]){__VA_ARGS__}, sizeof((const slice[]){__VA_ARGS__}) / sizeof(slice)

/* Runs one statement; `params` are JSON values, bound and never spliced. The reply has `rows` and `row_count`, or `error`. */
static inline slice db_try(slice sql, const slice *params, size_t count) { return alyx_query(sql, params, count, TEXT("true")); }

/* The same for a function that cannot go on after a failure: it ends here, and its caller sees the database's own error.
 * Cheaper, because the database need not be able to undo this statement alone. */
static inline slice db_query(slice sql, const slice *params, size_t count) {
    slice reply = alyx_query(sql, params, count, TEXT("false"));
    if (json_get(reply, TEXT("error")).length) __builtin_trap();
    return reply;
}
#endif
