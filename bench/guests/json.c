/* {"name": …} in, {"message": "Hello, …!"} out. */
#include "alyx.h"

ALYX_EXPORT("greet") int greet(void) {
    slice name = json_get(alyx_input(), TEXT("name"));
    writer answer = {0};
    put(&answer, TEXT("{\"message\":"));
    put(&answer, SENTENCE(TEXT("Hello, "), name, TEXT("!")));
    put(&answer, TEXT("}"));
    alyx_output(written(&answer));
    return 0;
}
