/* queue.c - exchanges of a backend that wait for a place at a server, first come first served.
 *
 * Who waits for any server stands in the queue's own list, who waits for one server alone in that server's; numbers tell which
 * head came first. It needs no bound of its own: one exchange waits at most once, and those are bounded (maxconn).
 *
 * No place is missed: a waiter first counts itself (backend.queued) and then looks for a place (server.served); who leaves first gives
 * the place back and then looks whether anyone is counted. In the one order of these four accesses (all sequentially
 * consistent) one of the two sees the other.
 */
#include "gateway/balance/queue.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "gateway/balance/lineup.h"
#include "gateway/balance/picture.h"
#include "gateway/model/proxy.h"
#include "shared/base/log.h"

struct queue {
	pthread_mutex_t lock; /* the innermost of all locks */
	struct waiter *first, *last; /* for any server */
	_Atomic unsigned any; /* length of that list */
	uint64_t next_number;
};

struct queue *queue_create(void)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (q == NULL || pthread_mutex_init(&q->lock, NULL) != 0) {
		log_error("memory.exhausted", "bytes=%zu", sizeof(*q));
		abort();
	}
	return q;
}

void queue_free(struct queue **q)
{
	if (*q == NULL)
		return;
	assert((*q)->first == NULL);
	pthread_mutex_destroy(&(*q)->lock);
	free(*q);
	*q = NULL;
}

bool queue_waits_for(const struct server *s)
{
	return atomic_load_explicit(&s->queued, memory_order_relaxed) > 0 ||
	       atomic_load_explicit(&s->backend->backend.queue->any, memory_order_relaxed) > 0;
}

unsigned queue_length(const struct proxy *backend)
{
	return atomic_load_explicit(&backend->backend.queue->any, memory_order_relaxed);
}

/* --- the lists, under the lock --- */

static void put_in(struct backend *b, struct waiter *w)
{
	struct waiter **first = w->wanted != NULL ? &w->wanted->first_waiter : &b->queue->first;
	struct waiter **last = w->wanted != NULL ? &w->wanted->last_waiter : &b->queue->last;

	w->number = b->queue->next_number++;
	w->given = NULL;
	w->state = WAITER_WAITING;
	w->next = NULL;
	w->prev = *last;
	*(*last != NULL ? &(*last)->next : first) = w;
	*last = w;
	atomic_fetch_add(w->wanted != NULL ? &w->wanted->queued : &b->queue->any, 1);
	atomic_fetch_add(&b->queued, 1);
}

static void take_out(struct backend *b, struct waiter *w)
{
	struct waiter **first = w->wanted != NULL ? &w->wanted->first_waiter : &b->queue->first;
	struct waiter **last = w->wanted != NULL ? &w->wanted->last_waiter : &b->queue->last;

	*(w->prev != NULL ? &w->prev->next : first) = w->next;
	*(w->next != NULL ? &w->next->prev : last) = w->prev;
	w->next = w->prev = NULL;
	w->state = WAITER_NONE;
	atomic_fetch_sub(w->wanted != NULL ? &w->wanted->queued : &b->queue->any, 1);
	atomic_fetch_sub(&b->queued, 1);
}

/* Takes <w> out, with <given>, and puts it in front of <woken>. */
static void wake(struct backend *b, struct waiter *w, struct server *given, struct waiter **woken)
{
	take_out(b, w);
	w->given = given;
	w->state = WAITER_GIVEN;
	w->next = *woken;
	*woken = w;
}

static bool is_in(const struct lineup *l, const struct server *s)
{
	for (unsigned i = 0; l != NULL && i < l->count; i++) {
		if (l->entries[i].server == s)
			return true;
	}
	return false;
}

/* Who is next at <s>: the head of those that want it, or of those that want any when <s> is in the line-up. */
static struct waiter *next_for(const struct queue *q, const struct server *s, bool in_lineup)
{
	struct waiter *one = s->first_waiter, *any = in_lineup ? q->first : NULL;

	if (one == NULL || any == NULL)
		return one != NULL ? one : any;
	return one->number < any->number ? one : any;
}

static void give_places(struct backend *b, struct server *s, bool in_lineup, struct waiter **woken)
{
	struct waiter *w;

	if (!server_usable(s))
		return;
	while ((w = next_for(b->queue, s, in_lineup)) != NULL && server_enter(s))
		wake(b, w, s, woken);
}

static void dismiss_list(struct backend *b, struct waiter **first, struct waiter **woken)
{
	while (*first != NULL)
		wake(b, *first, NULL, woken);
}

/* --- without the lock --- */

/* Tells those in the chain <woken>, but for <not_this>, whose owner is the caller. */
static void tell(struct waiter *woken, const struct waiter *not_this)
{
	while (woken != NULL) {
		struct waiter *w = woken;

		woken = w->next; /* from its task on it may wait again */
		if (w != not_this)
			loop_post(w->loop, &w->task);
	}
}

/* Gives every place that is free and that <w>, or someone before it, may have. False: there is no server for it. */
static bool look_again(struct proxy *backend, const struct waiter *w, struct waiter **woken)
{
	struct backend *b = &backend->backend;
	const struct lineup *l = atomic_load_explicit(&b->lineup, memory_order_acquire);
	bool usable = false;

	if (w->wanted != NULL) {
		give_places(b, w->wanted, is_in(l, w->wanted), woken);
		return server_usable(w->wanted);
	}
	for (unsigned i = 0; l != NULL && i < l->count && w->state == WAITER_WAITING; i++) {
		usable = usable || server_usable(l->entries[i].server);
		give_places(b, l->entries[i].server, true, woken);
	}
	return usable;
}

static void note_most(struct backend *b, const struct waiter *w, unsigned now)
{
	_Atomic unsigned *most = w->wanted != NULL ? &w->wanted->queued_most : &b->queued_most;

	if (now > atomic_load_explicit(most, memory_order_relaxed))
		atomic_store_explicit(most, now, memory_order_relaxed);
}

bool queue_wait(struct proxy *backend, struct waiter *w, unsigned *before)
{
	struct backend *b = &backend->backend;
	struct waiter *woken = NULL;
	bool usable, waits;

	pthread_mutex_lock(&b->queue->lock);
	*before = atomic_load_explicit(w->wanted != NULL ? &w->wanted->queued : &b->queue->any, memory_order_relaxed);
	put_in(b, w);
	usable = look_again(backend, w, &woken);
	if (!usable && w->state == WAITER_WAITING)
		take_out(b, w);
	waits = w->state == WAITER_WAITING;
	if (waits)
		note_most(b, w, *before + 1);
	pthread_mutex_unlock(&b->queue->lock);
	tell(woken, w);
	return waits;
}

bool queue_leave(struct proxy *backend, struct waiter *w)
{
	struct backend *b = &backend->backend;
	bool waited;

	pthread_mutex_lock(&b->queue->lock);
	waited = w->state == WAITER_WAITING;
	if (waited)
		take_out(b, w);
	pthread_mutex_unlock(&b->queue->lock);
	return waited;
}

void queue_offer(struct gateway *g, struct server *s)
{
	struct backend *b = &s->backend->backend;
	struct waiter *woken = NULL;

	(void)g;
	if (atomic_load(&b->queued) == 0)
		return;
	pthread_mutex_lock(&b->queue->lock);
	give_places(b, s, is_in(atomic_load_explicit(&b->lineup, memory_order_acquire), s), &woken);
	pthread_mutex_unlock(&b->queue->lock);
	tell(woken, NULL);
}

void queue_dismiss(struct proxy *backend, struct server *s)
{
	struct backend *b = &backend->backend;
	struct waiter *woken = NULL;

	pthread_mutex_lock(&b->queue->lock);
	if (s != NULL) {
		dismiss_list(b, &s->first_waiter, &woken);
	} else {
		dismiss_list(b, &b->queue->first, &woken);
		for (s = b->servers; s != NULL; s = s->next)
			dismiss_list(b, &s->first_waiter, &woken);
	}
	pthread_mutex_unlock(&b->queue->lock);
	tell(woken, NULL);
}
