/* The allocator QuickJS uses, and the cleaning that keeps snapshots small and reproducible. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include "engine.h"

int scrubbing = 1;

/* Zeroes what is about to be freed; without the barrier the compiler drops the writes as dead. */
void wipe(void *p, size_t n)
{
    if (!p || !scrubbing)
        return;
    memset(p, 0, n);
    __asm__ volatile("" : : "r"(p) : "memory");
}

static size_t usable(const void *p)
{
    return malloc_usable_size((void *)p);
}

static void *take(void *opaque, size_t n)
{
    (void)opaque;
    return malloc(n);
}

static void *take_zeroed(void *opaque, size_t count, size_t n)
{
    (void)opaque;
    return calloc(count, n);
}

static void give_back(void *opaque, void *p)
{
    (void)opaque;
    if (p && scrubbing)
        wipe(p, usable(p));
    free(p);
}

static void *resize(void *opaque, void *p, size_t n)
{
    if (!p || !scrubbing)
        return realloc(p, n);
    if (n == 0) {
        give_back(opaque, p);
        return NULL;
    }
    /* libc's realloc would leave the old copy behind. */
    size_t had = usable(p);
    if (n <= had && n > had / 2)
        return p;
    void *q = malloc(n);
    if (!q)
        return NULL;
    memcpy(q, p, had < n ? had : n);
    give_back(opaque, p);
    return q;
}

const JSMallocFunctions allocator = {take_zeroed, take, give_back, resize, usable};

/* --stack-first puts the stack at address 0, growing down: everything below this frame is dead. */
__attribute__((noinline)) void scrub_stack(void)
{
    volatile uint64_t *frame = __builtin_frame_address(0);
    for (volatile uint64_t *p = (volatile uint64_t *)16; p + 64 < frame; p++)
        if (*p)
            *p = 0;
}
