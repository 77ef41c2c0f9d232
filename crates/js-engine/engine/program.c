/* The exports of the engine: what the build, the linkers and program modules call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine.h"

/* Of 1 MiB of C stack; wasmtime's own stack of 1 MiB bears what JavaScript can do with it (tests/recursion). */
#define STACK_LIMIT (256 * 1024)

JSRuntime *rt;
JSContext *ctx;
int initialising = 1;

/* The host writes 1 before a call whose input is an event. The linker flag --export exports its address. */
volatile int32_t alyx_event;

static uint8_t *buffer; /* where linkers put source, bytecode and names, and find answers */
static size_t buffer_length;

static JSModuleDef *module;
static JSValue *exported; /* functions in the order of alyx_names */
static uint32_t exported_count;

/* ---- Math.random: reseeded at the first use after the snapshot, else all instances would draw the same ---- */

static uint64_t random_state;
static int random_seeded;

static JSValue math_random(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self, (void)argc, (void)argv;
    if (!random_seeded) {
        if (initialising || getentropy(&random_state, 8))
            random_state = 0x9e3779b97f4a7c15;
        random_state |= 1;
        random_seeded = 1;
    }
    /* xorshift64*, as QuickJS has it */
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return JS_NewFloat64(c, (double)((random_state * 0x2545F4914F6CDD1DULL) >> 11) * 0x1.0p-53);
}

/* ---- the buffer ---- */

/* After the last use, alyx_buf(0) leaves memory as the snapshot should have it. */
EXPORT("alyx_buf") uint8_t *alyx_buf(uint32_t n)
{
    wipe(buffer, buffer_length);
    free(buffer);
    buffer = NULL;
    buffer_length = n;
    if (n == 0) {
        scrub_stack();
        scrubbing = initialising;
        return NULL;
    }
    buffer = malloc((size_t)n + 1);
    if (buffer)
        buffer[n] = 0;
    return buffer;
}

EXPORT("alyx_buf_ptr") uint8_t *alyx_buf_ptr(void)
{
    return buffer;
}

static int32_t answer(const void *p, size_t n)
{
    if (!alyx_buf(n ? n : 1))
        return -1;
    memcpy(buffer, p, n);
    return (int32_t)n;
}

/* ---- build ---- */

/* Code of a compiled script or module; NULL: exception. Without source text (Function.prototype.toString) it is much
 * smaller; line numbers stay. */
static uint8_t *bytecode(JSValue compiled, int strip, size_t *n)
{
    if (JS_IsException(compiled))
        return NULL;
    uint8_t *code = JS_WriteObject(ctx, n, compiled, JS_WRITE_OBJ_BYTECODE | (strip ? JS_WRITE_OBJ_STRIP_SOURCE : 0));
    JS_FreeValue(ctx, compiled);
    return code;
}

static void give_up(const char *what)
{
    report();
    fprintf(stderr, "%s failed\n", what);
    abort();
}

/* What comes first: a runtime and a context, without the prelude. */
EXPORT("alyx_runtime") void alyx_runtime(void)
{
    rt = JS_NewRuntime2(&allocator, NULL);
    JS_SetMaxStackSize(rt, STACK_LIMIT);
    ctx = JS_NewContext(rt);
    settle_init();
    JSValue global = JS_GetGlobalObject(ctx);
    JSValue math = JS_GetPropertyStr(ctx, global, "Math");
    JS_DefinePropertyValueStr(ctx, math, "random", JS_NewCFunction(ctx, math_random, "random", 0), JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
    JS_FreeValue(ctx, math);
    JS_FreeValue(ctx, global);
}

/* The prelude, source in the buffer, as bytecode: in a throw-away instance, since the parser leaves memory scattered. */
EXPORT("alyx_compile_prelude") int32_t alyx_compile_prelude(void)
{
    size_t n;
    uint8_t *code = bytecode(JS_Eval(ctx, (char *)buffer, buffer_length, "alyx:prelude", JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY), 1, &n);
    if (!code)
        give_up("reading the prelude");
    return answer(code, n);
}

/* Evaluates the prelude, bytecode in the buffer: the expression of a function of the host object. */
EXPORT("alyx_init") void alyx_init(void)
{
    JSValue start = JS_EvalFunction(ctx, JS_ReadObject(ctx, buffer, buffer_length, JS_READ_OBJ_BYTECODE));
    if (!JS_IsFunction(ctx, start))
        give_up("evaluating the prelude");
    JSValue host = host_object();
    JSValue r = settle(JS_Call(ctx, start, JS_UNDEFINED, 1, (JSValueConst *)&host));
    if (JS_IsException(r))
        give_up("running the prelude");
    JS_FreeValue(ctx, r);
    JS_FreeValue(ctx, host);
    JS_FreeValue(ctx, start);
    JS_RunGC(rt);
    alyx_buf(0);
}

/* ---- link ---- */

static JSValue compile(void)
{
    return JS_Eval(ctx, (char *)buffer, buffer_length, "bundle.js", JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
}

EXPORT("alyx_compile") int32_t alyx_compile(int32_t strip)
{
    JS_UpdateStackTop(rt);
    size_t n;
    uint8_t *code = bytecode(compile(), strip, &n);
    if (!code)
        return report();
    int32_t length = answer(code, n);
    js_free(ctx, code);
    return length;
}

/* The name that a function of the module has outside. */
static const char *outer_name(const char *name)
{
    return strcmp(name, "default") ? name : "handler";
}

typedef struct {
    const char *name; /* from JS_AtomToCString, the name inside */
    JSValue function;
} export_entry;

static int by_outer_name(const void *a, const void *b)
{
    return strcmp(outer_name(((const export_entry *)a)->name), outer_name(((const export_entry *)b)->name));
}

/* Functions among the exports, sorted by the bytes of their outer names; -1: exception. */
static int list_exports(export_entry **list, uint32_t *count)
{
    JSValue space = JS_GetModuleNamespace(ctx, module);
    JSPropertyEnum *names;
    uint32_t all;
    *list = NULL, *count = 0;
    if (JS_IsException(space) || JS_GetOwnPropertyNames(ctx, &names, &all, space, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY))
        return -1;
    export_entry *e = js_mallocz(ctx, (all + 1) * sizeof *e);
    uint32_t n = 0;
    for (uint32_t i = 0; e && i < all; i++) {
        JSValue f = JS_GetProperty(ctx, space, names[i].atom);
        if (JS_IsFunction(ctx, f))
            e[n++] = (export_entry){JS_AtomToCString(ctx, names[i].atom), f};
        else
            JS_FreeValue(ctx, f);
    }
    JS_FreePropertyEnum(ctx, names, all);
    JS_FreeValue(ctx, space);
    if (!e)
        return -1;
    qsort(e, n, sizeof *e, by_outer_name);
    *list = e, *count = n;
    return 0;
}

static void free_exports(export_entry *e, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        JS_FreeCString(ctx, e[i].name);
        JS_FreeValue(ctx, e[i].function);
    }
    js_free(ctx, e);
}

static int keep_exports(void)
{
    export_entry *e;
    uint32_t n;
    if (list_exports(&e, &n))
        return -1;
    int bad = 0;
    for (uint32_t i = 1; i < n && !bad; i++)
        if (!by_outer_name(&e[i - 1], &e[i])) {
            JS_ThrowSyntaxError(ctx, "the module exports both default and handler: the default export is called handler outside, so there can be only one");
            bad = -1;
        }
    if (!bad) {
        exported = js_mallocz(ctx, (n + 1) * sizeof *exported);
        for (uint32_t i = 0; i < n; i++)
            exported[i] = JS_DupValue(ctx, e[i].function);
        exported_count = n;
    }
    free_exports(e, n);
    return bad;
}

/* The first collection of an invocation would touch every page: let it come late. */
static void collect_garbage(void)
{
    JS_RunGC(rt);
    JSMemoryUsage usage;
    JS_ComputeMemoryUsage(rt, &usage);
    JS_SetGCThreshold(rt, usage.malloc_size + usage.malloc_size / 2 + (1 << 20));
}

/* mode 0: the buffer holds the source of an ES module; 1: bytecode of alyx_compile. */
EXPORT("alyx_load") int32_t alyx_load(int32_t mode)
{
    JS_UpdateStackTop(rt);
    if (module) {
        JS_ThrowTypeError(ctx, "a program is loaded already");
        return report();
    }
    size_t n = buffer_length;
    uint8_t *code = mode ? NULL : bytecode(compile(), 1, &n);
    if (!mode && !code)
        return report();
    JSValue m = JS_ReadObject(ctx, mode ? buffer : code, n, JS_READ_OBJ_BYTECODE);
    js_free(ctx, code);
    wipe(buffer, buffer_length);
    free(buffer);
    buffer = NULL;
    if (JS_IsException(m))
        return report();
    if (JS_VALUE_GET_TAG(m) != JS_TAG_MODULE) {
        JS_FreeValue(ctx, m);
        JS_ThrowTypeError(ctx, "this is no compiled module");
        return report();
    }
    JSModuleDef *loaded = JS_VALUE_GET_PTR(m);
    JSValue r = JS_ResolveModule(ctx, m) ? JS_EXCEPTION : settle(JS_EvalFunction(ctx, m));
    if (JS_IsException(r))
        return report();
    JS_FreeValue(ctx, r);
    module = loaded;
    if (keep_exports())
        return report();
    collect_garbage();
    random_seeded = 0;
    initialising = 0;
    return 0;
}

EXPORT("alyx_names") int32_t alyx_names(void)
{
    export_entry *e;
    uint32_t n;
    if (!module || list_exports(&e, &n))
        return report();
    JSValue array = JS_NewArray(ctx);
    for (uint32_t i = 0; i < n; i++)
        JS_SetPropertyUint32(ctx, array, i, JS_NewString(ctx, outer_name(e[i].name)));
    free_exports(e, n);
    JSValue json = JS_JSONStringify(ctx, array, JS_UNDEFINED, JS_UNDEFINED);
    JS_FreeValue(ctx, array);
    view v;
    if (JS_IsException(json) || view_of(json, &v))
        return report();
    int32_t length = answer(v.bytes, v.length);
    view_end(&v);
    JS_FreeValue(ctx, json);
    return length;
}

/* The buffer holds the name of an export as the module has it; its JSON comes back, nothing when there is none. */
EXPORT("alyx_export_json") int32_t alyx_export_json(void)
{
    JS_UpdateStackTop(rt);
    if (!module || !buffer)
        return -1;
    JSValue space = JS_GetModuleNamespace(ctx, module);
    JSValue value = JS_GetPropertyStr(ctx, space, (char *)buffer);
    JS_FreeValue(ctx, space);
    if (JS_IsException(value))
        return report();
    JSValue json = JS_JSONStringify(ctx, value, JS_UNDEFINED, JS_UNDEFINED);
    JS_FreeValue(ctx, value);
    if (JS_IsException(json))
        return report();
    if (!JS_IsString(json)) {
        JS_FreeValue(ctx, json);
        return answer("", 0);
    }
    view v;
    if (view_of(json, &v))
        return report();
    int32_t length = answer(v.bytes, v.length);
    view_end(&v);
    JS_FreeValue(ctx, json);
    return length;
}

/* ---- call ---- */

EXPORT("alyx_invoke") int32_t alyx_invoke(uint32_t i)
{
    JS_UpdateStackTop(rt);
    if (i >= exported_count) {
        JS_ThrowTypeError(ctx, "no program is loaded, or it has no function of this number");
        return report();
    }
    JSValueConst arguments[] = {exported[i], JS_NewBool(ctx, alyx_event)};
    JSValue r = settle(JS_Call(ctx, dispatcher, JS_UNDEFINED, 2, arguments));
    if (JS_IsException(r))
        return fail();
    int32_t code = 0;
    if (JS_IsNumber(r))
        JS_ToInt32(ctx, &code, r);
    JS_FreeValue(ctx, r);
    return code;
}
