/* keyhash.h - the hash functions of "hash-type": the same numbers as HAProxy's, so that a key reaches the same server behind both. */
#ifndef MOA_GATEWAY_BALANCE_KEYHASH_H
#define MOA_GATEWAY_BALANCE_KEYHASH_H

#include <stdint.h>
#include "shared/base/slice.h"

uint32_t keyhash_sdbm(struct slice key);
uint32_t keyhash_djb2(struct slice key);
/* Two lanes that rotate by amounts taken from themselves. */
uint32_t keyhash_wt6(struct slice key);
/* The modifier: mixes all bits of <n>. */
uint32_t keyhash_avalanche(uint32_t n);

#endif
