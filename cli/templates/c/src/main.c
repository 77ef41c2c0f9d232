/* A slug for each new post, made from its title. */
#include "alyx.h"

/* A JSON string as a slug in quotes: "Hello, World!" becomes "hello-world". */
static slice slug_of(slice title) {
    writer slug = {0};
    bool gap = false;
    put(&slug, TEXT("\""));
    for (size_t i = 1; i + 1 < title.length; i++) {
        uint8_t letter = title.at[i];
        if (letter == '\\') i++, letter = ' ';
        if (letter >= 'A' && letter <= 'Z') letter += 'a' - 'A';
        if ((letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9')) {
            if (gap) put(&slug, TEXT("-"));
            put(&slug, (slice){&letter, 1});
            gap = false;
        } else
            gap = slug.length > 1;
    }
    if (slug.length == 1) put(&slug, TEXT("untitled"));
    put(&slug, TEXT("\""));
    return written(&slug);
}

ALYX_EXPORT("handler") int handler(void) {
    slice input = alyx_input(), row = JSON_PATH(input, TEXT("database"), TEXT("new"));
    writer answer = {0};
    if (!row.length) {
        /* Called with an input (alyx invoke) there is no row. */
        put(&answer, TEXT("{\"slug\":"));
        put(&answer, slug_of(json_get(input, TEXT("title"))));
        put(&answer, TEXT("}"));
    } else if (slice_equal(json_get(row, TEXT("slug")), TEXT("null"))) {
        put(&answer, TEXT("{\"row\":{\"slug\":"));
        put(&answer, slug_of(json_get(row, TEXT("title"))));
        put(&answer, TEXT("}}"));
    } else
        put(&answer, TEXT("null"));
    alyx_output(written(&answer));
    return 0;
}
