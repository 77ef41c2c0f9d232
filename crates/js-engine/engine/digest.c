/* SHA-1, SHA-256, SHA-384, SHA-512 and HMAC over them, by Mbed TLS.
 * digest(algorithm, bytes) and hmac(algorithm, key, bytes) give a Uint8Array; an unknown algorithm gives undefined. */
#include <stdlib.h>
#include <string.h>
#include "engine.h"
#include "mbedtls/sha1.h"
#include "mbedtls/sha256.h"
#include "mbedtls/sha512.h"

enum { LARGEST_DIGEST = 64, LARGEST_BLOCK = 128 };

typedef struct {
    const char *name;
    size_t size, block;
    int variant; /* Mbed TLS' "is224", "is384" */
} algorithm;

static const algorithm algorithms[] = {{"SHA-1", 20, 64, 1}, {"SHA-256", 32, 64, 0}, {"SHA-384", 48, 128, 1}, {"SHA-512", 64, 128, 0}};

typedef union {
    mbedtls_sha1_context sha1;
    mbedtls_sha256_context sha256;
    mbedtls_sha512_context sha512;
} hash;

static void hash_start(const algorithm *a, hash *h)
{
    memset(h, 0, sizeof *h);
    if (a->size == 20)
        mbedtls_sha1_starts_ret(&h->sha1);
    else if (a->block == 64)
        mbedtls_sha256_starts_ret(&h->sha256, a->variant);
    else
        mbedtls_sha512_starts_ret(&h->sha512, a->variant);
}

static void hash_add(const algorithm *a, hash *h, const uint8_t *p, size_t n)
{
    if (a->size == 20)
        mbedtls_sha1_update_ret(&h->sha1, p, n);
    else if (a->block == 64)
        mbedtls_sha256_update_ret(&h->sha256, p, n);
    else
        mbedtls_sha512_update_ret(&h->sha512, p, n);
}

static void hash_end(const algorithm *a, hash *h, uint8_t *out)
{
    if (a->size == 20)
        mbedtls_sha1_finish_ret(&h->sha1, out);
    else if (a->block == 64)
        mbedtls_sha256_finish_ret(&h->sha256, out);
    else
        mbedtls_sha512_finish_ret(&h->sha512, out);
    memset(h, 0, sizeof *h);
}

/* RFC 2104 */
static void hmac(const algorithm *a, const view *key, const view *data, uint8_t *out)
{
    hash h;
    uint8_t pad[LARGEST_BLOCK] = {0}, inner[LARGEST_DIGEST];
    if (key->length > a->block) {
        hash_start(a, &h);
        hash_add(a, &h, key->bytes, key->length);
        hash_end(a, &h, pad);
    } else if (key->length)
        memcpy(pad, key->bytes, key->length);
    for (size_t i = 0; i < a->block; i++)
        pad[i] ^= 0x36;
    hash_start(a, &h);
    hash_add(a, &h, pad, a->block);
    hash_add(a, &h, data->bytes, data->length);
    hash_end(a, &h, inner);
    for (size_t i = 0; i < a->block; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    hash_start(a, &h);
    hash_add(a, &h, pad, a->block);
    hash_add(a, &h, inner, a->size);
    hash_end(a, &h, out);
    memset(pad, 0, sizeof pad);
}

/* NULL and no exception: not one of ours. */
static const algorithm *algorithm_of(JSValueConst value)
{
    const char *name = JS_ToCString(ctx, value);
    const algorithm *found = NULL;
    for (size_t i = 0; name && i < sizeof algorithms / sizeof *algorithms; i++)
        if (!strcmp(algorithms[i].name, name))
            found = &algorithms[i];
    if (name)
        JS_FreeCString(ctx, name);
    return found;
}

JSValue host_digest(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)c, (void)self, (void)argc;
    const algorithm *a = algorithm_of(argv[0]);
    if (!a)
        return JS_HasException(ctx) ? JS_EXCEPTION : JS_UNDEFINED;
    view data;
    if (view_of(argv[1], &data))
        return JS_EXCEPTION;
    hash h;
    uint8_t out[LARGEST_DIGEST];
    hash_start(a, &h);
    hash_add(a, &h, data.bytes, data.length);
    hash_end(a, &h, out);
    view_end(&data);
    return JS_NewUint8ArrayCopy(ctx, out, a->size);
}

JSValue host_hmac(JSContext *c, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)c, (void)self, (void)argc;
    const algorithm *a = algorithm_of(argv[0]);
    if (!a)
        return JS_HasException(ctx) ? JS_EXCEPTION : JS_UNDEFINED;
    view key, data;
    if (view_of(argv[1], &key))
        return JS_EXCEPTION;
    if (view_of(argv[2], &data)) {
        view_end(&key);
        return JS_EXCEPTION;
    }
    uint8_t out[LARGEST_DIGEST];
    hmac(a, &key, &data, out);
    view_end(&key);
    view_end(&data);
    return JS_NewUint8ArrayCopy(ctx, out, a->size);
}
