/* key.h - what a hashing "balance" looks at in a request, and its hash. */
#ifndef MOA_GATEWAY_BALANCE_KEY_H
#define MOA_GATEWAY_BALANCE_KEY_H

#include <stdbool.h>
#include <stdint.h>

struct exchange;

/* Of <x>, as its backend's "balance" and "hash-type" say; false when the request has no such key. Memory: the exchange's arena. */
bool key_hash(struct exchange *x, uint32_t *hash);

#endif
