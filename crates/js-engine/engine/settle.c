/* From what a function returned to an outcome: microtasks and timers are run until its promise is settled; a
 * rejection that nobody handles, and a promise that nothing can settle any more, are failures. */
#include <stdio.h>
#include <stdlib.h>
#include "engine.h"

/* Rejected promises without a handler, oldest first. Awaiting one adds its handler a little later. */
typedef struct unhandled {
    struct unhandled *next;
    JSValue promise, reason;
} unhandled;
static unhandled *rejections;

static void forget(JSValueConst promise)
{
    for (unhandled **at = &rejections; *at; at = &(*at)->next)
        if (JS_VALUE_GET_PTR((*at)->promise) == JS_VALUE_GET_PTR(promise)) {
            unhandled *gone = *at;
            *at = gone->next;
            JS_FreeValue(ctx, gone->promise);
            JS_FreeValue(ctx, gone->reason);
            js_free(ctx, gone);
            return;
        }
}

static void track(JSContext *c, JSValueConst promise, JSValueConst reason, bool handled, void *opaque)
{
    (void)opaque;
    if (handled) {
        forget(promise);
        return;
    }
    unhandled *u = js_malloc(c, sizeof *u);
    if (!u)
        return;
    u->next = NULL;
    u->promise = JS_DupValue(c, promise);
    u->reason = JS_DupValue(c, reason);
    unhandled **end = &rejections;
    while (*end)
        end = &(*end)->next;
    *end = u;
}

void settle_init(void)
{
    JS_SetHostPromiseRejectionTracker(rt, track, NULL);
}

/* What timers(kind) is asked for; it answers whether a timer ran. */
enum { NEXT_TIMER = 0, NEXT_ONE_SHOT = 1, FORGET_ALL = 2 };

static int ask_timers(int kind)
{
    JSValue argument = JS_NewInt32(ctx, kind);
    JSValue r = JS_Call(ctx, timers, JS_UNDEFINED, 1, (JSValueConst *)&argument);
    if (JS_IsException(r))
        return -1;
    int ran = JS_ToBool(ctx, r);
    JS_FreeValue(ctx, r);
    return ran;
}

/* 0, or -1 with the exception that a job threw. */
static int drain_jobs(void)
{
    JSContext *c;
    int n;
    while ((n = JS_ExecutePendingJob(rt, &c)) > 0)
        ;
    return n;
}

/* Runs jobs and timers: all that the promise needs, then the one-shot timers that are left. */
static int drain(JSValueConst promise)
{
    for (;;) {
        if (drain_jobs())
            return -1;
        if (!timers_pending)
            return 0;
        int waiting = JS_IsPromise(promise) && JS_PromiseState(ctx, promise) == JS_PROMISE_PENDING;
        int ran = ask_timers(waiting ? NEXT_TIMER : NEXT_ONE_SHOT);
        if (ran <= 0)
            return ran;
    }
}

static JSValue outcome(JSValue value)
{
    if (drain(value)) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    if (!JS_IsPromise(value))
        return value;
    JSPromiseStateEnum state = JS_PromiseState(ctx, value);
    if (state == JS_PROMISE_PENDING) {
        JS_FreeValue(ctx, value);
        return JS_ThrowTypeError(ctx, "the returned promise never settles: nothing is left that could resolve it");
    }
    JSValue result = JS_PromiseResult(ctx, value);
    if (state == JS_PROMISE_REJECTED)
        forget(value);
    JS_FreeValue(ctx, value);
    return state == JS_PROMISE_REJECTED ? JS_Throw(ctx, result) : result;
}

JSValue settle(JSValue value)
{
    if (JS_IsException(value))
        drain_jobs();
    else
        value = outcome(value);
    if (timers_pending) {
        JSValue pending = JS_IsException(value) ? JS_GetException(ctx) : JS_UNDEFINED;
        ask_timers(FORGET_ALL);
        timers_pending = 0;
        if (JS_IsException(value))
            JS_Throw(ctx, pending);
    }
    if (rejections && !JS_IsException(value)) {
        JS_FreeValue(ctx, value);
        value = JS_Throw(ctx, JS_DupValue(ctx, rejections->reason));
    }
    while (rejections)
        forget(rejections->promise);
    return value;
}

int report(void)
{
    JSValue e = JS_GetException(ctx);
    const char *message = JS_ToCString(ctx, e), *stack = NULL;
    JSValue s = JS_IsError(e) ? JS_GetPropertyStr(ctx, e, "stack") : JS_UNDEFINED;
    if (JS_IsString(s))
        stack = JS_ToCString(ctx, s);
    char *text = NULL;
    int n = asprintf(&text, "%s\n%s", message ? message : "an exception that has no text", stack ? stack : "");
    while (n > 0 && text[n - 1] == '\n')
        n--;
    if (n > 0)
        x_error_set(block_of(text, n));
    wipe(text, n > 0 ? n : 0);
    free(text);
    if (stack)
        JS_FreeCString(ctx, stack);
    if (message)
        JS_FreeCString(ctx, message);
    JS_FreeValue(ctx, s);
    JS_FreeValue(ctx, e);
    return -1;
}

int fail(void)
{
    if (!JS_IsFunction(ctx, failure))
        return report();
    JSValue e = JS_GetException(ctx);
    JSValue r = JS_Call(ctx, failure, JS_UNDEFINED, 1, (JSValueConst *)&e);
    int32_t code = -1;
    int threw = JS_IsException(r) || JS_ToInt32(ctx, &code, r);
    if (threw) { /* what went wrong first is what the caller needs */
        JS_FreeValue(ctx, JS_GetException(ctx));
        JS_Throw(ctx, e);
        return report();
    }
    JS_FreeValue(ctx, r);
    JS_FreeValue(ctx, e);
    return code ? code : -1;
}
