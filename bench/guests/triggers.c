/* The trigger workloads: nothing, nothing with the event, a slug from a title, one UPDATE. */
#include "alyx.h"

ALYX_EXPORT("noop") int noop(void) { return 0; }

/* Has the event, and does nothing with it. */
ALYX_EXPORT("read") int read_event(void) { return alyx_input().length == 0; }

static slice new_row(void) { return JSON_PATH(alyx_input(), TEXT("database"), TEXT("new")); }

/* regexp_replace(lower(title), '[^a-z0-9]+', '-', 'g'). An escape in JSON stands for a byte that is no letter or digit. */
ALYX_EXPORT("slug") int slug(void) {
    slice title = JSON_PATH(alyx_input(), TEXT("database"), TEXT("new"), TEXT("title"));
    if (title.length < 2) return 0;
    uint8_t *text = alyx_allocate(title.length), *end = text;
    bool dash = false;
    for (size_t i = 1; i + 1 < title.length; i++) {
        uint8_t byte = title.at[i];
        if (byte == '\\') i += title.at[i + 1] == 'u' ? 5 : 1;
        if (byte >= 'A' && byte <= 'Z') byte |= 32;
        bool keep = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
        if (keep) *end++ = byte;
        else if (!dash) *end++ = '-';
        dash = !keep;
    }
    writer answer = {0};
    put(&answer, TEXT("{\"row\":{\"slug\":\""));
    put(&answer, (slice){text, (size_t)(end - text)});
    put(&answer, TEXT("\"}}"));
    alyx_output(written(&answer));
    return 0;
}

ALYX_EXPORT("stock") int stock(void) {
    slice order = new_row();
    db_query(TEXT("UPDATE b_stock SET stock = stock - $1 WHERE id = $2"),
             PARAMS(json_get(order, TEXT("qty")), json_get(order, TEXT("product_id"))));
    return 0;
}
