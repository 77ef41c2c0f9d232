/* UTF-8 as the Encoding Standard has it. QuickJS' own reading and writing let surrogates through, which are no UTF-8. */
#include <stdlib.h>
#include <string.h>
#include "engine.h"

/* Length of the well-formed sequence at p, or 0; *bad is then how many bytes one U+FFFD stands for. */
static size_t sequence(const uint8_t *p, size_t left, size_t *bad)
{
    static const uint8_t low[] = {0x80, 0xa0, 0x80, 0x90, 0x80}, high[] = {0xbf, 0xbf, 0x9f, 0xbf, 0x8f};
    uint8_t c = p[0];
    if (c < 0x80)
        return 1;
    *bad = 1;
    size_t n = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (!n)
        return 0;
    /* The second byte's range keeps out overlong forms, surrogates and what lies above U+10FFFF. */
    int kind = c == 0xe0 ? 1 : c == 0xed ? 2 : c == 0xf0 ? 3 : c == 0xf4 ? 4 : 0;
    for (size_t i = 1; i < n; i++, *bad = i)
        if (i >= left || p[i] < (i == 1 ? low[kind] : 0x80) || p[i] > (i == 1 ? high[kind] : 0xbf))
            return 0;
    return n;
}

JSValue utf8_string(const uint8_t *p, size_t n, int fatal)
{
    size_t good = 0, bad, step;
    while (good < n && (step = sequence(p + good, n - good, &bad)))
        good += step;
    if (good == n)
        return JS_NewStringLen(ctx, (const char *)p, n);
    if (fatal)
        return JS_UNDEFINED;
    uint8_t *text = malloc(n * 3);
    if (!text)
        return JS_ThrowOutOfMemory(ctx);
    size_t to = 0;
    for (size_t at = 0; at < n; at += step) {
        step = sequence(p + at, n - at, &bad);
        if (step) {
            memcpy(text + to, p + at, step);
            to += step;
        } else {
            memcpy(text + to, "\xef\xbf\xbd", 3);
            to += 3;
            step = bad;
        }
    }
    JSValue v = JS_NewStringLen(ctx, (char *)text, to);
    wipe(text, to);
    free(text);
    return v;
}

void utf8_mend(char *text, size_t n)
{
    char *end = text + n;
    for (char *at = text; (at = memchr(at, '\xed', end - at)); at++)
        if (end - at >= 3 && (uint8_t)at[1] >= 0xa0)
            memcpy(at, "\xef\xbf\xbd", 3);
}
