/* ring.h - a bounded first-in-first-out queue of pointers between threads, with waiting. */
#ifndef MOA_BASE_RING_H
#define MOA_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring;

struct ring *ring_create(size_t capacity); /* at least 1; out of memory aborts */
void ring_free(struct ring **r); /* must be empty (asserted): what is inside is the caller's */
/* Adds <item>, not NULL. False at once when it is full or closed. Any thread. */
bool ring_push(struct ring *r, void *item);
/* Waits for an item up to <timeout_ms> (-1: without end); NULL on timeout, or when closed and empty. Any thread. */
void *ring_pop(struct ring *r, int timeout_ms);
/* Wakes all waiting; pushes fail from now on, pops drain what is left. */
void ring_close(struct ring *r);
size_t ring_count(const struct ring *r);

#endif
