/* The one object that C lends the prelude. The prelude alone keeps it; user code never sees it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine.h"

JSValue dispatcher = JS_UNDEFINED, failure = JS_UNDEFINED, timers = JS_UNDEFINED;
int timers_pending;

#define METHOD(name) static JSValue name(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
#define IGNORE (void)c, (void)self, (void)argc, (void)argv

static JSValue too_early(const char *what)
{
    return JS_ThrowTypeError(ctx, "%s is not available while the module is being initialised: call it inside of a function", what);
}

static JSValue out_of_blocks(void)
{
    return JS_ThrowRangeError(ctx, "the host has no memory for a block of this size");
}

/* ---- input and output ---- */

/* The NUL that ends a text, and what json_parse may look at behind it. */
#define JSON_ROOM 8

static JSValue json_of(const char *text, size_t n)
{
    /* What json_parse remembers must not get into a snapshot. */
    return initialising ? JS_ParseJSON(ctx, text, n, "input") : json_parse(ctx, text, n);
}

static uint8_t *take_input(size_t *length)
{
    *length = x_input_length();
    uint8_t *p = malloc(*length + JSON_ROOM);
    if (!p) {
        JS_ThrowOutOfMemory(ctx);
        return NULL;
    }
    input_read(p, *length);
    p[*length] = 0;
    return p;
}

METHOD(input_text)
{
    IGNORE;
    size_t n;
    uint8_t *p = take_input(&n);
    if (!p)
        return JS_EXCEPTION;
    JSValue v = utf8_string(p, n, 0);
    free(p);
    return v;
}

METHOD(input_json)
{
    IGNORE;
    size_t n;
    uint8_t *p = take_input(&n);
    if (!p)
        return JS_EXCEPTION;
    JSValue v = n ? json_of((char *)p, n) : JS_UNDEFINED;
    free(p);
    return v;
}

METHOD(input_bytes)
{
    IGNORE;
    size_t n;
    uint8_t *p = take_input(&n);
    return p ? uint8_array(p, n) : JS_EXCEPTION;
}

static JSValue set_output(JSValueConst value)
{
    view v;
    if (view_of(value, &v))
        return JS_EXCEPTION;
    /* An empty output is not the same as none: it takes a block to point at. */
    block b = v.length ? block_of(v.bytes, v.length) : x_alloc(1);
    size_t n = v.length;
    view_end(&v);
    if (!b)
        return out_of_blocks();
    x_output_set(b, n);
    return JS_UNDEFINED;
}

METHOD(output)
{
    IGNORE;
    return set_output(argv[0]);
}

/* Numbers, true, false and null need no string of JavaScript's. */
static size_t short_json(JSValueConst value, char *to)
{
    switch (JS_VALUE_GET_TAG(value)) {
    case JS_TAG_INT: {
        char digits[12], *at = digits + sizeof digits;
        int32_t n = JS_VALUE_GET_INT(value);
        uint32_t left = n < 0 ? 0u - (uint32_t)n : (uint32_t)n;
        do
            *--at = (char)('0' + left % 10);
        while (left /= 10);
        if (n < 0)
            *--at = '-';
        memcpy(to, at, (size_t)(digits + sizeof digits - at));
        return (size_t)(digits + sizeof digits - at);
    }
    case JS_TAG_BOOL:
        return JS_VALUE_GET_BOOL(value) ? (memcpy(to, "true", 4), 4) : (memcpy(to, "false", 5), 5);
    case JS_TAG_NULL:
        return (memcpy(to, "null", 4), 4);
    default:
        return 0;
    }
}

METHOD(output_json)
{
    IGNORE;
    char few[12];
    size_t n = short_json(argv[0], few);
    if (n) {
        block b = block_of(few, n);
        if (!b)
            return out_of_blocks();
        x_output_set(b, n);
        return JS_UNDEFINED;
    }
    JSValue text = JS_JSONStringify(ctx, argv[0], JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(text))
        return text;
    JSValue r = JS_IsString(text) ? set_output(text) : JS_UNDEFINED;
    JS_FreeValue(ctx, text);
    return r;
}

/* ---- host functions ---- */

#ifdef ALYX_STANDALONE
METHOD(call)
{
    IGNORE;
    const char *name = JS_ToCString(ctx, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    JS_ThrowTypeError(ctx, "host function %s is not available in a self-contained plugin", name);
    JS_FreeCString(ctx, name);
    return JS_EXCEPTION;
}
#else
#define POWERS(X) X(db_query) X(db_batch) X(db_savepoint) X(db_release) X(db_rollback) X(http_fetch) X(log) X(env) X(context) \
    X(fn_invoke) X(fn_enqueue) X(kv_get) X(kv_set) X(kv_delete) X(kv_list) X(raise)
#define DECLARE(name) USER(#name) block user_##name(block request);
#define ENTRY(name) {#name, user_##name},
POWERS(DECLARE)
static const struct {
    const char *name;
    block (*call)(block);
} powers[] = {POWERS(ENTRY)};

static int power_of(JSValueConst value)
{
    const char *name = JS_ToCString(ctx, value);
    if (!name)
        return -1;
    int found = -1;
    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++)
        if (!strcmp(powers[i].name, name))
            found = (int)i;
    if (found < 0)
        JS_ThrowTypeError(ctx, "there is no host function %s", name);
    else if (initialising) {
        too_early(powers[found].name);
        found = -1;
    }
    JS_FreeCString(ctx, name);
    return found;
}

/* A request as JSON, the answer parsed: half of a host call's time is spent here. */
METHOD(call)
{
    IGNORE;
    int i = power_of(argv[0]);
    if (i < 0)
        return JS_EXCEPTION;
    JSValue text = JS_JSONStringify(ctx, argv[1], JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(text))
        return text;
    block request = 0;
    int bad = block_from(text, &request);
    JS_FreeValue(ctx, text);
    if (bad)
        return JS_EXCEPTION;
    block answer = powers[i].call(request);
    x_free(request);
    size_t n = answer ? x_length(answer) : 0;
    if (n == 0)
        return JS_UNDEFINED;
    char *p = malloc(n + JSON_ROOM);
    if (!p)
        return JS_ThrowOutOfMemory(ctx);
    block_read(answer, (uint8_t *)p, n);
    x_free(answer);
    p[n] = 0;
    JSValue v = json_of(p, n);
    free(p);
    return v;
}
#endif

METHOD(error_set)
{
    IGNORE;
    block b;
    if (block_from(argv[0], &b))
        return JS_EXCEPTION;
    x_error_set(b);
    return JS_UNDEFINED;
}

/* Extism's own: configuration, variables, HTTP. The host frees the blocks it is given. */
METHOD(config_get)
{
    IGNORE;
    block key;
    if (initialising)
        return too_early("Config.get");
    return block_from(argv[0], &key) ? JS_EXCEPTION : text_of(x_config_get(key));
}

METHOD(var_get)
{
    IGNORE;
    block key;
    if (initialising)
        return too_early("Var.get");
    return block_from(argv[0], &key) ? JS_EXCEPTION : bytes_of(x_var_get(key));
}

METHOD(var_set)
{
    IGNORE;
    block key, value = 0;
    if (initialising)
        return too_early("Var.set");
    if (block_from(argv[0], &key))
        return JS_EXCEPTION;
    if (argc > 1 && !JS_IsNull(argv[1]) && !JS_IsUndefined(argv[1])) {
        if (block_from(argv[1], &value))
            return JS_EXCEPTION;
        if (!value) /* an empty value is a value: 0 would delete */
            value = x_alloc(1);
    }
    x_var_set(key, value);
    return JS_UNDEFINED;
}

/* httpRequest({url, method, headers}, body) → {status, headers, body: Uint8Array} */
METHOD(http_request)
{
    IGNORE;
    block request, body = 0;
    if (initialising)
        return too_early("HTTP");
    JSValue text = JS_JSONStringify(ctx, argv[0], JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(text))
        return text;
    int bad = block_from(text, &request);
    JS_FreeValue(ctx, text);
    if (bad)
        return JS_EXCEPTION;
    if (argc > 1 && !JS_IsNull(argv[1]) && !JS_IsUndefined(argv[1]) && block_from(argv[1], &body))
        return JS_EXCEPTION;
    block reply = x_http_request(request, body);
    JSValue o = JS_NewObject(ctx);
    JS_SetPropertyStr(ctx, o, "status", JS_NewInt32(ctx, x_http_status_code()));
    JS_SetPropertyStr(ctx, o, "body", reply ? bytes_of(reply) : JS_NewUint8ArrayCopy(ctx, NULL, 0));
    JSValue headers = text_of(x_http_headers());
    JS_SetPropertyStr(ctx, o, "headers", headers);
    return o;
}

METHOD(log_line)
{
    IGNORE;
    static const struct {
        const char *level;
        void (*log)(block);
    } levels[] = {{"trace", x_log_trace}, {"debug", x_log_debug}, {"warn", x_log_warn}, {"error", x_log_error}, {"info", x_log_info}};
    const char *level = JS_ToCString(ctx, argv[0]);
    if (!level)
        return JS_EXCEPTION;
    size_t i = 0;
    while (i < 4 && strcmp(levels[i].level, level))
        i++;
    JS_FreeCString(ctx, level);
    block b;
    if (block_from(argv[1], &b))
        return JS_EXCEPTION;
    levels[i].log(b ? b : block_of(" ", 1)); /* block 0 would trap */
    return JS_UNDEFINED;
}

/* ---- bytes and text, randomness ---- */

METHOD(random_bytes)
{
    IGNORE;
    uint32_t n;
    if (initialising)
        return JS_ThrowTypeError(ctx, "secure randomness is not available while the module is being initialised: every instance would start with the same bytes");
    if (JS_ToUint32(ctx, &n, argv[0]))
        return JS_EXCEPTION;
    uint8_t *p = malloc(n ? n : 1);
    if (!p)
        return JS_ThrowOutOfMemory(ctx);
    for (uint32_t at = 0; at < n; at += 256)
        if (getentropy(p + at, n - at < 256 ? n - at : 256)) {
            free(p);
            return JS_ThrowInternalError(ctx, "the host gives no random bytes");
        }
    return uint8_array(p, n);
}

METHOD(utf8_encode)
{
    IGNORE;
    JSValue text = JS_ToString(ctx, argv[0]);
    view v;
    if (JS_IsException(text) || view_of(text, &v))
        return JS_EXCEPTION;
    JSValue bytes = JS_NewUint8ArrayCopy(ctx, v.bytes, v.length);
    view_end(&v);
    JS_FreeValue(ctx, text);
    return bytes;
}

/* utf8Decode(bytes, fatal): undefined where fatal and not UTF-8 */
METHOD(utf8_decode)
{
    IGNORE;
    view v;
    if (view_of(argv[0], &v))
        return JS_EXCEPTION;
    JSValue s = utf8_string(v.bytes, v.length, argc > 1 && JS_ToBool(ctx, argv[1]));
    view_end(&v);
    return s;
}

METHOD(is_initialising)
{
    IGNORE;
    return JS_NewBool(ctx, initialising);
}

static JSValue keep(JSContext *c, JSValueConst self, int argc, JSValueConst *argv, int which)
{
    IGNORE;
    JSValue *slot = which == 0 ? &dispatcher : which == 1 ? &failure : &timers;
    if (!JS_IsFunction(ctx, argv[0]))
        return JS_ThrowTypeError(ctx, "expected a function");
    JS_FreeValue(ctx, *slot);
    *slot = JS_DupValue(ctx, argv[0]);
    return JS_UNDEFINED;
}

METHOD(arm_timers)
{
    IGNORE;
    timers_pending = 1;
    return JS_UNDEFINED;
}

static void add(JSValueConst o, const char *name, JSCFunction *f, int length)
{
    JS_SetPropertyStr(ctx, o, name, JS_NewCFunction(ctx, f, name, length));
}

static void add_setter(JSValueConst o, const char *name, int which)
{
    JS_SetPropertyStr(ctx, o, name, JS_NewCFunctionMagic(ctx, keep, name, 1, JS_CFUNC_generic_magic, which));
}

JSValue host_object(void)
{
    JSValue o = JS_NewObject(ctx);
    add(o, "inputText", input_text, 0);
    add(o, "inputJson", input_json, 0);
    add(o, "inputBytes", input_bytes, 0);
    add(o, "outputText", output, 1);
    add(o, "outputBytes", output, 1);
    add(o, "outputJson", output_json, 1);
    add(o, "call", call, 2);
    add(o, "errorSet", error_set, 1);
    add(o, "configGet", config_get, 1);
    add(o, "varGet", var_get, 1);
    add(o, "varSet", var_set, 2);
    add(o, "httpRequest", http_request, 2);
    add(o, "log", log_line, 2);
    add(o, "randomBytes", random_bytes, 1);
    add(o, "digest", host_digest, 2);
    add(o, "hmac", host_hmac, 3);
    add(o, "utf8Encode", utf8_encode, 1);
    add(o, "utf8Decode", utf8_decode, 1);
    add(o, "initialising", is_initialising, 0);
    add(o, "armTimers", arm_timers, 0);
    add_setter(o, "setDispatcher", 0);
    add_setter(o, "setFailure", 1);
    add_setter(o, "setTimers", 2);
#ifdef ALYX_STANDALONE
    JS_SetPropertyStr(ctx, o, "standalone", JS_TRUE);
#else
    JS_SetPropertyStr(ctx, o, "standalone", JS_FALSE);
#endif
    return o;
}
