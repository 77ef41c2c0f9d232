/* What a job does in the benchmark: nothing; one INSERT; writing down when it was run. */
#include "alyx.h"

ALYX_EXPORT("noop") int noop(void) { return 0; }

/* Queue: {"input": {"n": …}}. */
ALYX_EXPORT("insert") int insert(void) {
    slice n = JSON_PATH(alyx_input(), TEXT("input"), TEXT("n"));
    db_query(TEXT("INSERT INTO public.b_done (n) VALUES ($1)"), PARAMS(n));
    return 0;
}

/* Queue: the time of this statement, beside the number that the client knows. */
ALYX_EXPORT("stamp") int stamp(void) {
    slice n = JSON_PATH(alyx_input(), TEXT("input"), TEXT("n"));
    db_query(TEXT("INSERT INTO public.b_started (n, at) VALUES ($1, clock_timestamp())"), PARAMS(n));
    return 0;
}

/* Schedule: the time of this statement, beside the instant that was asked for. */
ALYX_EXPORT("fired") int fired(void) {
    slice schedule = json_get(alyx_input(), TEXT("schedule"));
    db_query(TEXT("INSERT INTO public.b_fired (source, scheduled_at, at) VALUES ('alyx', $1, clock_timestamp())"),
             PARAMS(json_get(schedule, TEXT("scheduled_at"))));
    return 0;
}
