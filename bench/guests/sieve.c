/* Counts the primes below `limit`: a CPU kernel with a working set of `limit` bytes. */
#define LARGEST 1000000

static unsigned char composite[LARGEST];

__attribute__((export_name("sieve"))) int sieve(int limit) {
    if (limit > LARGEST) __builtin_trap();
    __builtin_memset(composite, 0, limit > 0 ? (unsigned)limit : 0);     /* an instance may be used again */
    int primes = 0;
    for (int i = 2; i * i < limit; i++)
        if (!composite[i])
            for (int j = i * i; j < limit; j += i) composite[j] = 1;
    for (int i = 2; i < limit; i++) primes += !composite[i];
    return primes;
}
