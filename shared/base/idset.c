/* idset.c - open addressing with linear probing; deletion shifts back, so there are no tombstones (Knuth 6.4, algorithm R). */
#include "shared/base/idset.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 256 /* a power of two, as every later size */

struct idset {
	uint64_t *slots; /* 0: empty */
	size_t size;
	size_t count;    /* without the zero */
	bool zero;       /* 0 itself is in the set */
};

static uint64_t *slots_new(size_t size)
{
	uint64_t *slots = calloc(size, sizeof(*slots));

	if (slots == NULL)
		abort();
	return slots;
}

struct idset *idset_create(void)
{
	struct idset *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->size = FIRST_SLOTS;
	s->slots = slots_new(s->size);
	return s;
}

void idset_free(struct idset **s)
{
	if (*s != NULL)
		free((*s)->slots);
	free(*s);
	*s = NULL;
}

/* Fibonacci hashing: versions are consecutive. */
static size_t home(const struct idset *s, uint64_t id)
{
	return (size_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (s->size - 1);
}

/* The slot that holds <id>, or the empty one where it would go. */
static size_t find(const struct idset *s, uint64_t id)
{
	size_t i = home(s, id);

	while (s->slots[i] != 0 && s->slots[i] != id)
		i = (i + 1) & (s->size - 1);
	return i;
}

static void grow(struct idset *s)
{
	uint64_t *old = s->slots;
	size_t size = s->size;

	s->size *= 2;
	s->slots = slots_new(s->size);
	for (size_t i = 0; i < size; i++) {
		if (old[i] != 0)
			s->slots[find(s, old[i])] = old[i];
	}
	free(old);
}

void idset_add(struct idset *s, uint64_t id)
{
	size_t i;

	if (id == 0) {
		s->zero = true;
		return;
	}
	if ((s->count + 1) * 2 > s->size)
		grow(s);
	i = find(s, id);
	if (s->slots[i] == 0)
		s->count++;
	s->slots[i] = id;
}

bool idset_has(const struct idset *s, uint64_t id)
{
	return id == 0 ? s->zero : s->slots[find(s, id)] == id;
}

void idset_remove(struct idset *s, uint64_t id)
{
	size_t mask = s->size - 1, hole, i;

	if (id == 0) {
		s->zero = false;
		return;
	}
	hole = find(s, id);
	if (s->slots[hole] == 0)
		return;
	s->count--;
	for (i = (hole + 1) & mask; s->slots[i] != 0; i = (i + 1) & mask) {
		/* May move into the hole unless its home lies behind the hole. */
		if (((i - home(s, s->slots[i])) & mask) >= ((i - hole) & mask)) {
			s->slots[hole] = s->slots[i];
			hole = i;
		}
	}
	s->slots[hole] = 0;
}

void idset_clear(struct idset *s)
{
	if (s->size > FIRST_SLOTS) { /* give a storm's memory back */
		free(s->slots);
		s->size = FIRST_SLOTS;
		s->slots = slots_new(s->size);
	} else {
		memset(s->slots, 0, s->size * sizeof(*s->slots));
	}
	s->count = 0;
	s->zero = false;
}

size_t idset_count(const struct idset *s)
{
	return s->count + s->zero;
}
