/* queue.h - exchanges of a backend that wait for a place at a server, first come first served.
 *
 * Shared by all threads under one lock per backend. It is taken only while something waits or a server is full:
 * never on the path of a request that finds a place.
 */
#ifndef MOA_GATEWAY_BALANCE_QUEUE_H
#define MOA_GATEWAY_BALANCE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include "gateway/loop/loop.h"
#include "gateway/model/server.h"

struct gateway;
struct proxy;
struct queue;

/* Part of what waits. */
struct waiter {
	struct waiter *next, *prev;
	struct loop *loop;       /* of its thread */
	struct task task;        /* its run() is called on that loop when a place was given, with <given> set */
	struct server *wanted;   /* NULL: any server of the backend */
	uint64_t number;         /* who came first: the queue's */
	struct server *given;    /* the server whose place it has now; NULL: woken because nothing is usable any more */
	enum { WAITER_NONE, WAITER_WAITING, WAITER_GIVEN } state; /* under the queue's lock */
};

struct queue *queue_create(void); /* out of memory aborts */
void queue_free(struct queue **q); /* nobody waits in it */
/* Begins to wait; w->loop, w->task.run and w->wanted are set. Looks for a place once more, so that none given back meanwhile
 * is missed: true when <w> waits; false when it does not: w->given was taken at once, or is NULL because w->wanted, or
 * without it any server, is not usable any more. *before: how many stood in front, of those that wait for the same. Any worker. */
bool queue_wait(struct proxy *backend, struct waiter *w, unsigned *before);
/* Stops waiting. False: a place was given already (or NULL: dismissed) and its task is on the way; the caller waits for it and gives
 * the place back. Not after the task has run. */
bool queue_leave(struct proxy *backend, struct waiter *w);
/* A place at <s> is free, or <s> has become usable: gives it to the first waiter that may have it. Any thread. */
void queue_offer(struct gateway *g, struct server *s);
/* No server is usable any more: wakes all that wait. <s> not NULL: only those that wait for just <s>, which is gone. */
void queue_dismiss(struct proxy *backend, struct server *s);
/* Whether somebody waits already who may have a place at <s>, so that nobody else takes it. Any thread, no lock. */
bool queue_waits_for(const struct server *s);
/* How many wait for any server of the backend, not for just one. Any thread, no lock. */
unsigned queue_length(const struct proxy *backend);

#endif
