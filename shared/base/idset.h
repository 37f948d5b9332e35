/* idset.h - a set of 64-bit numbers in memory (versions, key hashes). Not thread-safe. Out of memory aborts. */
#ifndef MOA_BASE_IDSET_H
#define MOA_BASE_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idset;

struct idset *idset_create(void);
void idset_free(struct idset **s);
void idset_add(struct idset *s, uint64_t id);
bool idset_has(const struct idset *s, uint64_t id);
void idset_remove(struct idset *s, uint64_t id); /* nothing happens when it is not there */
void idset_clear(struct idset *s);
size_t idset_count(const struct idset *s);

#endif
