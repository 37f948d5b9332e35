/* siphash.h - SipHash-2-4 (Aumasson, Bernstein, 2012): places of keys that clients choose, so that nobody can make many share one. */
#ifndef MOA_GATEWAY_TABLE_SIPHASH_H
#define MOA_GATEWAY_TABLE_SIPHASH_H

#include <stdint.h>
#include "shared/base/slice.h"

struct siphash_seed {
	uint64_t k0, k1; /* random, told to nobody */
};

uint64_t siphash(const struct siphash_seed *seed, struct slice s);

#endif
