/* What the files of the engine share: one runtime, one context, and where the instance is in its life.
 *
 *   build:  alyx_init        runtime + prelude, then the memory is written into engine.wasm ("snapshot")
 *   link:   alyx_load        a program's top level is evaluated, then what changed becomes the program module
 *   call:   alyx_invoke      one exported function
 */
#ifndef ALYX_ENGINE_H
#define ALYX_ENGINE_H
#include "abi.h"
#include "quickjs.h"

extern JSRuntime *rt;
extern JSContext *ctx;

/* 1 until a program's top level has been evaluated: what must not be frozen into a snapshot throws. */
extern int initialising;

/* memory.c */
extern const JSMallocFunctions allocator;
extern int scrubbing;        /* freed memory is zeroed, so that a snapshot holds live data only */
void scrub_stack(void);      /* the same for the unused part of the C stack */
void wipe(void *p, size_t n);

/* values.c: JS values and blocks */
typedef struct {
    const uint8_t *bytes;
    size_t length;
    const char *text; /* to be given back with JS_FreeCString, or NULL */
} view;
int view_of(JSValueConst value, view *out); /* string, ArrayBuffer, Uint8Array; -1: exception */
void view_end(view *v);
int block_from(JSValueConst value, block *out); /* -1: exception */
JSValue text_of(block b);                       /* frees the block; null for none */
JSValue bytes_of(block b);
JSValue uint8_array(uint8_t *owned, size_t length); /* takes malloc'ed memory */

/* utf8.c */
JSValue utf8_string(const uint8_t *p, size_t n, int fatal); /* undefined: not UTF-8, and fatal */
void utf8_mend(char *text, size_t n);                       /* lone surrogates become U+FFFD */

/* json.c, at the end of quickjs.c: reads fast; eight bytes must follow the text, the first of them NUL */
JSValue json_parse(JSContext *c, const char *text, size_t length);

/* host.c */
JSValue host_object(void); /* what the prelude gets */
extern JSValue dispatcher, failure, timers;
extern int timers_pending;

/* digest.c */
JSValue host_digest(JSContext *c, JSValueConst self, int argc, JSValueConst *argv);
JSValue host_hmac(JSContext *c, JSValueConst self, int argc, JSValueConst *argv);

/* settle.c */
JSValue settle(JSValue value); /* runs jobs and timers until a promise is settled; its value or an exception */
int fail(void);                /* hands the pending exception to the prelude's failure handler; exit code */
int report(void);              /* sets the pending exception as Extism error; -1 */
void settle_init(void);
#endif
