/* hash.h - CRC-32 for partitions and spool records, SHA-256 for tokens (and SHA-224), FNV-1a for tables. */
#ifndef MOA_BASE_HASH_H
#define MOA_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include "shared/base/slice.h"

/* CRC-32 of IEEE 802.3 (polynomial 0xEDB88320, as in zlib and librdkafka's "consistent" partitioner). */
uint32_t hash_crc32(struct slice s);

#define HASH_SHA224_BYTES 28
#define HASH_SHA256_BYTES 32
/* SHA-224 and SHA-256 (FIPS 180-4) of <s>. */
void hash_sha224(struct slice s, unsigned char out[HASH_SHA224_BYTES]);
void hash_sha256(struct slice s, unsigned char out[HASH_SHA256_BYTES]);
#define HASH_SHA256_HEX 64
/* SHA-256 of <s> as 64 lower-case hex digits and a NUL in <out>. */
void hash_sha256_hex(struct slice s, char out[HASH_SHA256_HEX + 1]);

/* FNV-1a, 64 bit: for tables in memory only, never stored. */
uint64_t hash_fnv64(struct slice s);

#endif
