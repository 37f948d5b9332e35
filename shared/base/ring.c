/* ring.c - a bounded first-in-first-out queue of pointers: one mutex, one condition.
 *
 * Pushing never waits (a full queue is the pusher's to answer for), so only poppers sleep, and
 * each push wakes one of them.
 */
#include "shared/base/ring.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/base/cond.h"
#include "shared/base/log.h"

struct ring {
	pthread_mutex_t lock; /* everything below; <count> is read without it */
	pthread_cond_t ready;
	size_t capacity;
	size_t first; /* index of the oldest item */
	atomic_size_t count;
	bool closed;
	void *items[];
};

struct ring *ring_create(size_t capacity)
{
	struct ring *r;

	assert(capacity > 0 && capacity < SIZE_MAX / sizeof(void *) / 2);
	r = calloc(1, sizeof(*r) + capacity * sizeof(r->items[0]));
	if (r == NULL) {
		log_error("memory.exhausted", "ring_capacity=%zu", capacity);
		abort();
	}
	r->capacity = capacity;
	pthread_mutex_init(&r->lock, NULL);
	cond_create(&r->ready);
	return r;
}

void ring_free(struct ring **r)
{
	if (*r == NULL)
		return;
	assert((*r)->count == 0);
	pthread_cond_destroy(&(*r)->ready);
	pthread_mutex_destroy(&(*r)->lock);
	free(*r);
	*r = NULL;
}

bool ring_push(struct ring *r, void *item)
{
	bool pushed;

	assert(item != NULL); /* ring_pop() says "nothing" with NULL */
	pthread_mutex_lock(&r->lock);
	pushed = !r->closed && r->count < r->capacity;
	if (pushed) {
		r->items[(r->first + r->count) % r->capacity] = item;
		r->count++;
		pthread_cond_signal(&r->ready);
	}
	pthread_mutex_unlock(&r->lock);
	return pushed;
}

/* Sleeps until there is something to pop, the ring is closed or the time is over. With the lock held. */
static void ring_wait(struct ring *r, int timeout_ms)
{
	int64_t until_us = timeout_ms < 0 ? COND_NEVER : clock_mono_us() + (int64_t)timeout_ms * 1000;

	while (r->count == 0 && !r->closed && cond_wait_until(&r->ready, &r->lock, until_us))
		;
}

void *ring_pop(struct ring *r, int timeout_ms)
{
	void *item = NULL;

	pthread_mutex_lock(&r->lock);
	if (r->count == 0 && timeout_ms != 0)
		ring_wait(r, timeout_ms);
	if (r->count > 0) {
		item = r->items[r->first];
		r->first = (r->first + 1) % r->capacity;
		r->count--;
	}
	pthread_mutex_unlock(&r->lock);
	return item;
}

void ring_close(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->closed = true;
	pthread_cond_broadcast(&r->ready);
	pthread_mutex_unlock(&r->lock);
}

size_t ring_count(const struct ring *r)
{
	return r->count;
}
