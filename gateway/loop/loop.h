/* loop.h - the event loop of one thread: descriptors (epoll, edge-triggered), timers, and tasks from other threads.
 *
 * A descriptor is registered once for its life, for reading and writing: readiness is remembered by its
 * owner and cleared when a call says EAGAIN, so no epoll_ctl is needed while data flows. An event is a hint: it may
 * come for a descriptor number that was closed and opened again within one round, so every handler copes with EAGAIN.
 * All functions belong to the loop's own thread unless they say "any thread".
 */
#ifndef MOA_GATEWAY_LOOP_LOOP_H
#define MOA_GATEWAY_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include "gateway/loop/timer.h"
#include "shared/base/err.h"

struct loop;

enum loop_event {
	LOOP_READ = 1,  /* there may be something to read, or the end */
	LOOP_WRITE = 2, /* there may be room to write */
	LOOP_END = 4,   /* the peer sends nothing more (it may still read), or is gone */
	LOOP_FAIL = 8,  /* an error is waiting in SO_ERROR; READ and WRITE are set as well */
};

/* Part of the struct that owns the descriptor. */
struct watch {
	int fd;
	void (*ready)(struct watch *w, unsigned events); /* bits of enum loop_event */
};

/* A piece of work that is called once; part of the struct that owns it. */
struct task {
	struct task *next;
	void (*run)(struct task *t);
	_Atomic bool queued; /* by loop_defer() or loop_post(), and not yet run */
};

struct loop *loop_create(void); /* out of memory or descriptors aborts with a message */
/* Closes nothing that is watched, and forgets tasks that have not run. No other thread may be in a call with it. */
void loop_free(struct loop **l);

/* Starts watching w->fd; ERR_FULL when the system refuses (errno is kept). A socket that is to connect is watched after
 * connect(): before, it counts as closed. */
MUST_CHECK enum err loop_watch(struct loop *l, struct watch *w);
/* The same for a listening descriptor that several loops share: level-triggered, one of them is woken (EPOLLEXCLUSIVE). */
MUST_CHECK enum err loop_watch_shared(struct loop *l, struct watch *w);
/* Stops watching; before close(). The handler is not called again. Nothing happens when it is not watched. */
void loop_unwatch(struct loop *l, struct watch *w);

/* Runs <t> in this round, after the events; a task already queued is not queued twice. */
void loop_defer(struct loop *l, struct task *t);
/* Runs <t> on the loop's thread, soon. The caller owns <t> and leaves it alone until it has run; a task is posted to one
 * loop at a time. False when it was still queued: it runs once. Any thread, without a lock. */
bool loop_post(struct loop *l, struct task *t);

struct timer_wheel *loop_timers(struct loop *l);
void loop_arm(struct loop *l, struct timer *t, int wait_ms); /* timer_arm() at now + <wait_ms> */
void loop_cancel(struct loop *l, struct timer *t);

/* Monotonic time of this round's start: one clock read for all its events. Any thread may read, a moment late. */
int64_t loop_now_us(const struct loop *l);
int64_t loop_now_ms(const struct loop *l);

/* Called at the end of each round, before waiting: to send what was gathered. One at a time; NULL removes it. */
void loop_at_round_end(struct loop *l, void (*call)(void *arg), void *arg);

void loop_run(struct loop *l);  /* until loop_stop() */
void loop_stop(struct loop *l); /* any thread */
/* One round: waits for events up to <wait_ms> (-1: as timers say), handles them. For tests. */
void loop_round(struct loop *l, int wait_ms);

/* Microseconds spent working, and rounds, since the start: for "show info" (idle share). Any thread. */
int64_t loop_busy_us(const struct loop *l);
uint64_t loop_rounds(const struct loop *l);

#endif
