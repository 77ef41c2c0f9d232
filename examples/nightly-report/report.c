/* nightly-report: sums up the orders of the day before the one that it is scheduled on.
 *
 * Road: the instant and zone of the schedule → the day before, from midnight to midnight on that zone's clocks → one row
 * in sales.report. It never asks what time it is: a run that comes late, is tried again or is called by hand for a day
 * long ago writes the same row. The days are the database's to reckon; nothing here parses a date. */
#include "alyx.h"

static const char REPORT[] =
    "WITH night AS (SELECT (timezone($2::text, $1::timestamptz))::date - 1 AS day)"
    " INSERT INTO sales.report (day, orders, revenue)"
    " SELECT n.day, count(o.id), coalesce(sum(o.total), 0)"
    " FROM night n LEFT JOIN sales.orders o"
    " ON o.placed_at >= timezone($2::text, n.day::timestamp) AND o.placed_at < timezone($2::text, (n.day + 1)::timestamp)"
    " GROUP BY n.day"
    " ON CONFLICT (day) DO UPDATE SET orders = excluded.orders, revenue = excluded.revenue";

/* A schedule's event; called by hand: {"schedule": {"scheduled_at": …, "timezone": …}}. */
ALYX_EXPORT("handler") int handler(void) {
    slice schedule = json_get(alyx_input(), TEXT("schedule"));
    db_query(TEXT(REPORT), PARAMS(json_get(schedule, TEXT("scheduled_at")), json_get(schedule, TEXT("timezone"))));
    return 0;
}
