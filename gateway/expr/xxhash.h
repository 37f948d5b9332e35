/* xxhash.h - Collet's hashes XXH32, XXH64 and XXH3 (64 bit): github.com/Cyan4973/xxHash, doc/xxhash_spec.md. */
#ifndef MOA_GATEWAY_EXPR_XXHASH_H
#define MOA_GATEWAY_EXPR_XXHASH_H

#include <stdint.h>
#include "shared/base/slice.h"

uint32_t xxhash_32(struct slice s, uint32_t seed);
uint64_t xxhash_64(struct slice s, uint64_t seed);
uint64_t xxhash_3(struct slice s, uint64_t seed);

#endif
