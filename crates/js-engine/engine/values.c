/* JS values to blocks of the host and back. */
#include <stdlib.h>
#include "engine.h"

int view_of(JSValueConst value, view *out)
{
    out->text = NULL;
    if (JS_IsString(value)) {
        out->text = JS_ToCStringLen(ctx, &out->length, value);
        out->bytes = (const uint8_t *)out->text;
        if (!out->text)
            return -1;
        /* Only ASCII is lent in place; what has surrogates is a copy and ours to change. */
        utf8_mend((char *)out->text, out->length);
        return 0;
    }
    if (JS_IsArrayBuffer(value))
        out->bytes = JS_GetArrayBuffer(ctx, &out->length, value);
    else if (JS_GetTypedArrayType(value) == JS_TYPED_ARRAY_UINT8)
        out->bytes = JS_GetUint8Array(ctx, &out->length, value);
    else {
        JS_ThrowTypeError(ctx, "expected a string, an ArrayBuffer or a Uint8Array");
        return -1;
    }
    /* An empty buffer may have no address; a detached one has thrown. */
    if (!out->bytes && JS_HasException(ctx))
        return -1;
    if (!out->bytes)
        out->length = 0;
    return 0;
}

void view_end(view *v)
{
    if (v->text)
        JS_FreeCString(ctx, v->text);
}

int block_from(JSValueConst value, block *out)
{
    view v;
    if (view_of(value, &v))
        return -1;
    *out = block_of(v.bytes, v.length);
    int failed = v.length && !*out;
    view_end(&v);
    if (failed)
        JS_ThrowRangeError(ctx, "the host has no memory for a block of this size");
    return failed ? -1 : 0;
}

static void *release(JSRuntime *r, void *opaque, void *p, size_t n)
{
    (void)r, (void)opaque;
    if (n)
        return realloc(p, n);
    free(p);
    return NULL;
}

JSValue uint8_array(uint8_t *owned, size_t length)
{
    return JS_NewUint8Array(ctx, owned, length, release, NULL, false);
}

JSValue bytes_of(block b)
{
    if (!b)
        return JS_NULL;
    size_t n = x_length(b);
    uint8_t *p = malloc(n ? n : 1);
    if (!p)
        return JS_ThrowOutOfMemory(ctx);
    block_read(b, p, n);
    x_free(b);
    return uint8_array(p, n);
}

JSValue text_of(block b)
{
    if (!b)
        return JS_NULL;
    size_t n = x_length(b);
    char *p = malloc(n + 1);
    if (!p)
        return JS_ThrowOutOfMemory(ctx);
    block_read(b, (uint8_t *)p, n);
    x_free(b);
    JSValue v = utf8_string((uint8_t *)p, n, 0);
    wipe(p, n);
    free(p);
    return v;
}
