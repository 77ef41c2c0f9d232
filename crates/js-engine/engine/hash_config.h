/* What of Mbed TLS is built: hashes, in their small form, without platform layer. */
#ifndef ALYX_HASH_CONFIG_H
#define ALYX_HASH_CONFIG_H
#define MBEDTLS_SHA1_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_SHA256_SMALLER
#define MBEDTLS_SHA512_SMALLER
#endif
