/* {"n": …} in: calls itself by fn_invoke with one less, until 0. */
#include "alyx.h"

ALYX_USER("fn_invoke") uint64_t alyx_fn_invoke(uint64_t request);

ALYX_EXPORT("handler") int handler(void) {
    slice n = json_get(alyx_input(), TEXT("n"));
    if (n.length == 1 && n.at[0] > '0') {
        uint8_t less = n.at[0] - 1;
        writer request = {0};
        put(&request, TEXT("{\"name\":\"scaling_deep\",\"catch\":false,\"input\":{\"n\":"));
        put(&request, (slice){&less, 1});
        put(&request, TEXT("}}"));
        alyx_ask(alyx_fn_invoke, written(&request));
    }
    alyx_output(TEXT("1"));
    return 0;
}
