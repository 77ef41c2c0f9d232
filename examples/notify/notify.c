/* notify: writes the message for an order that was paid, after the payment is committed.
 *
 * Road: a paid order → its customer's address → one row in notify.outbox. Whoever paid does not wait for it, and does not
 * fail with it: it is a job. What cannot be done yet is raised with the time to come again; what can never be done, as
 * such. The row and the end of the job are committed together, so no attempt leaves half a message or a second one. */
#include "alyx.h"

/* An address that is not confirmed may be by then. */
#define CONFIRM_AGAIN_MS "500"

/* Ends this attempt. `advice` says what becomes of the job: members of the request, with the comma before them. */
static int fail(slice message, slice advice) {
    writer error = {0};
    put(&error, TEXT("{\"sqlstate\":\"NT001\",\"message\":"));
    put(&error, message);
    put(&error, advice);
    put(&error, TEXT("}"));
    alyx_ask(alyx_host_raise, written(&error));
    return 1;
}

/* AFTER INSERT OR UPDATE OF status ON notify.orders FOR EACH ROW, asynchronous. */
ALYX_EXPORT("handler") int handler(void) {
    slice event = alyx_input();
    slice order = JSON_PATH(event, TEXT("database"), TEXT("new"));
    slice id = json_get(order, TEXT("id")), customer = json_get(order, TEXT("customer"));

    slice reply = db_query(TEXT("SELECT email, is_confirmed FROM notify.customers WHERE name = $1"), PARAMS(customer));
    slice found = json_first(json_get(reply, TEXT("rows")));
    slice email = json_get(found, TEXT("email"));
    if (!email.length || slice_equal(email, TEXT("null")))
        return fail(SENTENCE(customer, TEXT(" has no address")), TEXT(",\"non_retryable\":true"));
    if (!slice_equal(json_get(found, TEXT("is_confirmed")), TEXT("true")))
        return fail(SENTENCE(email, TEXT(" is not confirmed yet")), TEXT(",\"retry_after_ms\":" CONFIRM_AGAIN_MS));

    /* The job's id is the same in every attempt: whoever sends the message can recognise one that was sent. */
    db_query(TEXT("INSERT INTO notify.outbox (order_id, email, body, job, attempt) VALUES ($1, $2, $3, $4, $5)"
                  " ON CONFLICT (order_id) DO NOTHING"),
             PARAMS(id, email, SENTENCE(TEXT("Thank you, "), customer, TEXT(": order "), id, TEXT(" is paid.")),
                    json_get(event, TEXT("id")), json_get(event, TEXT("attempt"))));
    return 0;
}
