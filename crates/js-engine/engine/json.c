/* JSON that the host sends, read fast. Part of quickjs.c (build.mjs appends it): an object is made from the shape of the
 * last one whose first name was the same, so that of a row only the values are new. What is unusual (escapes in names, lone
 * surrogates, deep nesting) or wrong is given up, and read again by JS_ParseJSON, whose errors are the language's own. */

#define JSON_MAX_DEPTH 32
#define JSON_MAX_MEMBERS 256
#define JSON_SHAPES 32
#define JSON_KEEP_VALUES 4096

typedef struct {
    JSContext *ctx;
    const uint8_t *at; /* a NUL ends the text, so that one byte can always be looked at */
    int depth;
    int used;
} JSONReader;

/* Values of what is being read, innermost last; kept for the next text. */
static JSProperty *json_values;
static int json_room;
/* By the first name. Filled only when instances run: a snapshot has none. */
static JSShape *json_shapes[JSON_SHAPES];

_Static_assert(sizeof(JSProperty) == sizeof(JSValue), "values are passed on as an array of either");

/* Neither a value nor an exception: the text is given up. */
#define JSON_GIVEN_UP JS_UNINITIALIZED

static JSValue json_read(JSONReader *r);

static inline int json_failed(JSValue v)
{
    return JS_VALUE_GET_TAG(v) == JS_TAG_EXCEPTION || JS_VALUE_GET_TAG(v) == JS_TAG_UNINITIALIZED;
}

static inline void json_skip(JSONReader *r)
{
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')
        r->at++;
}

typedef uint64_t __attribute__((aligned(1), may_alias)) json_word;

/* The first byte from p on that is a quote, a backslash, a control character or not ASCII. Reads up to seven bytes past
 * the end of the text, for which there is room. */
static const uint8_t *json_plain_end(const uint8_t *p)
{
    const uint64_t ones = 0x0101010101010101, highs = ones << 7;
    for (;; p += 8) {
        uint64_t w = *(const json_word *)p, quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
        uint64_t found = (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | (w - ones * 0x20) | w) & highs;
        if (found)
            return p + __builtin_ctzll(found) / 8;
    }
}

static int json_hex(const uint8_t *p)
{
    int n = 0;
    for (int i = 0; i < 4; i++) {
        int c = p[i], d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (d < 0)
            return -1;
        n = n << 4 | d;
    }
    return n;
}

/* UTF-8 of the text up to the closing quote, escapes resolved, into a buffer of its length; -1: given up. */
static ptrdiff_t json_unescape(const uint8_t *p, const uint8_t *end, uint8_t *to)
{
    uint8_t *start = to;
    while (p < end) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
        const char *letter = p[1] ? strchr(letters, p[1]) : NULL;
        if (letter) {
            *to++ = (uint8_t)meant[letter - letters];
            p += 2;
            continue;
        }
        int c = p[1] == 'u' ? json_hex(p + 2) : -1;
        if (c < 0)
            return -1;
        p += 6;
        if (c >= 0xd800 && c <= 0xdfff) {
            int low = c < 0xdc00 && p[0] == '\\' && p[1] == 'u' ? json_hex(p + 2) : -1;
            if (low < 0xdc00 || low > 0xdfff)
                return -1;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            p += 6;
        }
        to += utf8_encode(to, (uint32_t)c);
    }
    return to - start;
}

static JSValue json_string(JSONReader *r)
{
    const uint8_t *start = ++r->at, *p = json_plain_end(start);
    int escapes = 0, wide = 0;
    while (*p != '"') {
        if (*p < 0x20)
            return JSON_GIVEN_UP;
        if (*p == '\\') {
            escapes = 1;
            if (!*++p)
                return JSON_GIVEN_UP;
        } else {
            wide = 1;
        }
        p = json_plain_end(p + 1);
    }
    r->at = p + 1;
    size_t n = (size_t)(p - start), length;
    if (wide && (utf8_scan((const char *)start, n, &length) & UTF8_HAS_ERRORS))
        return JSON_GIVEN_UP;
    if (!escapes)
        return JS_NewStringLen(r->ctx, (const char *)start, n);
    uint8_t *text = js_malloc(r->ctx, n);
    if (!text)
        return JS_EXCEPTION;
    ptrdiff_t bytes = json_unescape(start, p, text);
    JSValue v = bytes < 0 ? JSON_GIVEN_UP : JS_NewStringLen(r->ctx, (char *)text, (size_t)bytes);
    js_free(r->ctx, text);
    return v;
}

static inline int json_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static JSValue json_number(JSONReader *r)
{
    static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const uint8_t *start = r->at, *p = start + (*start == '-');
    uint64_t digits = 0;
    int count = 0, scale = 0, exponent = 0;
    if (!json_is_digit(*p) || (*p == '0' && json_is_digit(p[1])))
        return JSON_GIVEN_UP;
    for (; json_is_digit(*p); p++, count++)
        if (count < 18)
            digits = digits * 10 + (*p - '0');
    if (*p != '.' && (*p | 32) != 'e' && count <= 15) {
        r->at = p;
        int64_t n = *start == '-' ? -(int64_t)digits : (int64_t)digits;
        return digits == 0 && *start == '-' ? js_float64(-0.0) : JS_NewInt64(r->ctx, n);
    }
    if (*p == '.') {
        if (!json_is_digit(*++p))
            return JSON_GIVEN_UP;
        for (; json_is_digit(*p); p++, count++, scale++)
            if (count < 18)
                digits = digits * 10 + (*p - '0');
    }
    if ((*p | 32) == 'e') {
        p++;
        int negative = *p == '-';
        p += *p == '-' || *p == '+';
        if (!json_is_digit(*p))
            return JSON_GIVEN_UP;
        for (; json_is_digit(*p); p++)
            if (exponent < 10000)
                exponent = exponent * 10 + (*p - '0');
        exponent = negative ? -exponent : exponent;
    }
    exponent -= scale;
    r->at = p;
    double d;
    /* Both are exact as doubles, so that one rounding gives the nearest (Clinger). */
    if (count <= 15 && exponent >= -22 && exponent <= 22) {
        d = exponent < 0 ? (double)digits / tens[-exponent] : (double)digits * tens[exponent];
        d = *start == '-' ? -d : d;
    } else {
        d = strtod((const char *)start, NULL);
    }
    return JS_NewFloat64(r->ctx, d);
}

static JSValue json_word_value(JSONReader *r, const char *word, JSValue v)
{
    size_t n = strlen(word);
    if (strncmp((const char *)r->at, word, n))
        return JSON_GIVEN_UP;
    r->at += n;
    return v;
}

static int json_push(JSONReader *r, JSValue v)
{
    if (r->used == json_room) {
        int room = json_room ? json_room * 2 : 64;
        /* Without an exception: QuickJS' own reader needs no such room. */
        JSProperty *grown = js_realloc_rt(r->ctx->rt, json_values, sizeof *grown * (size_t)room);
        if (!grown) {
            JS_FreeValue(r->ctx, v);
            return -1;
        }
        json_values = grown, json_room = room;
    }
    json_values[r->used++].u.value = v;
    return 0;
}

/* Frees what was read from `base` on, and passes on why. */
static JSValue json_drop(JSONReader *r, int base, JSValue why)
{
    while (r->used > base)
        JS_FreeValue(r->ctx, json_values[--r->used].u.value);
    return why;
}

static JSValue json_array(JSONReader *r)
{
    int base = r->used;
    r->at++;
    json_skip(r);
    if (*r->at != ']')
        for (;;) {
            JSValue v = json_read(r);
            if (json_failed(v))
                return json_drop(r, base, v);
            if (json_push(r, v))
                return json_drop(r, base, JSON_GIVEN_UP);
            json_skip(r);
            if (*r->at == ']')
                break;
            if (*r->at++ != ',')
                return json_drop(r, base, JSON_GIVEN_UP);
        }
    r->at++;
    int count = r->used - base;
    r->used = base;
    return JS_NewArrayFrom(r->ctx, count, &json_values[base].u.value);
}

static inline int json_is_name(JSContext *ctx, JSAtom atom, const uint8_t *name, size_t n)
{
    if (__JS_AtomIsTaggedInt(atom))
        return 0;
    JSAtomStruct *p = ctx->rt->atom_array[atom];
    return p->atom_type == JS_ATOM_TYPE_STRING && !p->is_wide_char && p->len == n && !memcmp(str8(p), name, n);
}

/* The object so far, without a shape to follow: the members that have been read become properties of it. */
static JSValue json_leave_shape(JSONReader *r, int base, JSShape *sh)
{
    JSContext *ctx = r->ctx;
    JSValue object = JS_NewObject(ctx);
    int count = r->used - base;
    r->used = base;
    for (int i = 0; i < count; i++) {
        JSValue v = json_values[base + i].u.value;
        if (JS_IsException(object))
            JS_FreeValue(ctx, v);
        else if (JS_DefinePropertyValue(ctx, object, get_shape_prop(sh)[i].atom, v, JS_PROP_C_W_E) < 0) {
            JS_FreeValue(ctx, object);
            object = JS_EXCEPTION;
        }
    }
    return object;
}

static void json_keep_shape(JSContext *ctx, JSShape **slot, JSValueConst object)
{
    JSShape *sh = JS_VALUE_GET_OBJ(object)->shape;
    if (!sh->is_hashed || sh->deleted_prop_count || sh->prop_count > JSON_MAX_MEMBERS || sh == *slot)
        return;
    js_free_shape_null(ctx->rt, *slot);
    *slot = js_dup_shape(sh);
}

static JSValue json_object(JSONReader *r)
{
    JSContext *ctx = r->ctx;
    int base = r->used, follows = 0;
    JSShape *sh = NULL, **slot = NULL;
    JSValue object = JS_UNDEFINED, why = JSON_GIVEN_UP;
    r->at++;
    json_skip(r);
    if (*r->at == '}') {
        r->at++;
        return JS_NewObject(ctx);
    }
    for (;;) {
        if (*r->at != '"')
            goto failed;
        const uint8_t *name = r->at + 1, *end = json_plain_end(name);
        size_t n = (size_t)(end - name);
        if (*end != '"')
            goto failed;
        r->at = end + 1;
        json_skip(r);
        if (*r->at++ != ':')
            goto failed;
        if (!slot) {
            slot = &json_shapes[(n * 31 + (n ? name[0] * 7u + name[n - 1] : 0) + (unsigned)r->depth * 13u) % JSON_SHAPES];
            follows = *slot != NULL;
            if (follows)
                sh = js_dup_shape(*slot);
            else
                object = JS_NewObject(ctx);
        }
        if (follows && !(r->used - base < sh->prop_count && json_is_name(ctx, get_shape_prop(sh)[r->used - base].atom, name, n))) {
            object = json_leave_shape(r, base, sh);
            follows = 0;
        }
        why = JS_EXCEPTION;
        if (JS_IsException(object))
            goto failed;
        JSValue v = json_read(r);
        if (json_failed(v)) {
            why = v;
            goto failed;
        }
        if (follows) {
            if (json_push(r, v)) {
                why = JSON_GIVEN_UP;
                goto failed;
            }
        } else {
            JSAtom atom = JS_NewAtomLen(ctx, (const char *)name, n);
            int bad = atom == JS_ATOM_NULL;
            if (bad)
                JS_FreeValue(ctx, v);
            else
                bad = JS_DefinePropertyValue(ctx, object, atom, v, JS_PROP_C_W_E) < 0;
            JS_FreeAtom(ctx, atom);
            if (bad)
                goto failed;
        }
        why = JSON_GIVEN_UP;
        json_skip(r);
        if (*r->at == '}')
            break;
        if (*r->at++ != ',')
            goto failed;
        json_skip(r);
    }
    r->at++;
    if (follows && r->used - base == sh->prop_count) {
        r->used = base;
        return JS_NewObjectFromShape(ctx, sh, JS_CLASS_OBJECT, &json_values[base]);
    }
    if (follows)
        object = json_leave_shape(r, base, sh);
    if (!JS_IsException(object))
        json_keep_shape(ctx, slot, object);
    js_free_shape_null(ctx->rt, sh);
    return object;
failed:
    js_free_shape_null(ctx->rt, sh);
    JS_FreeValue(ctx, object);
    return json_drop(r, base, why);
}

static JSValue json_read(JSONReader *r)
{
    json_skip(r);
    JSValue v = JSON_GIVEN_UP;
    if (r->depth++ < JSON_MAX_DEPTH)
        switch (*r->at) {
        case '{':
            v = json_object(r);
            break;
        case '[':
            v = json_array(r);
            break;
        case '"':
            v = json_string(r);
            break;
        case 't':
            v = json_word_value(r, "true", JS_TRUE);
            break;
        case 'f':
            v = json_word_value(r, "false", JS_FALSE);
            break;
        case 'n':
            v = json_word_value(r, "null", JS_NULL);
            break;
        default:
            v = json_number(r);
        }
    r->depth--;
    return v;
}

/* The value that the text is, which a NUL and seven more bytes of room follow. */
JSValue json_parse(JSContext *ctx, const char *text, size_t length)
{
    JSONReader r = {ctx, (const uint8_t *)text, 0, 0};
    JSValue v = json_read(&r);
    if (json_room > JSON_KEEP_VALUES) {
        js_free(ctx, json_values);
        json_values = NULL, json_room = 0;
    }
    if (!json_failed(v)) {
        json_skip(&r);
        if (r.at == (const uint8_t *)text + length)
            return v;
        JS_FreeValue(ctx, v);
        v = JSON_GIVEN_UP;
    }
    return JS_IsException(v) ? v : JS_ParseJSON(ctx, text, length, "input");
}
