/* loop.c - the event loop of one thread.
 *
 * A round: wait, events, timers, posted tasks, deferred tasks, the call at its end. What one of these steps gives to a later
 * one still runs in this round; what it gives to itself or to an earlier one runs in the next, which does not wait.
 *
 * epoll hands back a descriptor's number and the generation of its registration. Both are looked up in a table when the event's
 * turn comes, so an event of a descriptor that an earlier handler of the round unwatched is dropped, even if
 * the number is in use again. The table has as many entries as the highest descriptor asks for: the
 * system's limit of open files is its bound.
 *
 * Posted tasks form a stack that any thread pushes to and that the loop takes as a whole. Whoever finds it empty writes
 * to the eventfd. As the loop takes the stack after each wait, a stack that is not empty has a write behind it that no wait
 * has seen yet, or one that is about to come.
 */
#include "gateway/loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"

#define EVENTS_MOST 256 /* per wait; what is left comes with the next one */
#define ENTRIES_FIRST 64

struct entry {
	struct watch *watch; /* NULL: the descriptor is not watched */
	uint32_t generation;
};

struct loop {
	int epoll_fd;
	struct watch wake; /* an eventfd */
	struct entry *entries; /* by descriptor */
	size_t entry_count;
	uint32_t generation; /* of the last registration */
	struct timer_wheel *timers;
	struct task *deferred, **deferred_end;
	_Atomic(struct task *) posted; /* newest first */
	void (*round_end)(void *arg);
	void *round_end_arg;
	atomic_bool stopped;
	_Atomic int64_t now_us; /* this and the next two: written by the loop's thread alone */
	_Atomic int64_t busy_us;
	_Atomic uint64_t rounds;
	struct epoll_event events[EVENTS_MOST];
};

/* --- descriptors --- */

/* Makes <fd> an index of the table; false when there is no memory. */
static bool entries_grow(struct loop *l, int fd)
{
	size_t n = l->entry_count == 0 ? ENTRIES_FIRST : l->entry_count;
	struct entry *entries;

	if ((size_t)fd < l->entry_count)
		return true;
	while (n <= (size_t)fd)
		n *= 2;
	entries = realloc(l->entries, n * sizeof(*entries));
	if (entries == NULL)
		return false;
	memset(entries + l->entry_count, 0, (n - l->entry_count) * sizeof(*entries));
	l->entries = entries;
	l->entry_count = n;
	return true;
}

static enum err watch_add(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event event = { .events = events };

	assert(w->fd >= 0 && w->ready != NULL);
	if (!entries_grow(l, w->fd))
		return ERR_FULL;
	assert(l->entries[w->fd].watch == NULL);
	l->generation++;
	event.data.u64 = (uint64_t)l->generation << 32 | (uint32_t)w->fd;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &event) != 0)
		return ERR_FULL;
	l->entries[w->fd] = (struct entry){ .watch = w, .generation = l->generation };
	return ERR_OK;
}

enum err loop_watch(struct loop *l, struct watch *w)
{
	return watch_add(l, w, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

enum err loop_watch_shared(struct loop *l, struct watch *w)
{
	return watch_add(l, w, EPOLLIN | EPOLLEXCLUSIVE);
}

void loop_unwatch(struct loop *l, struct watch *w)
{
	int rc;

	if (w->fd < 0 || (size_t)w->fd >= l->entry_count || l->entries[w->fd].watch != w)
		return;
	l->entries[w->fd].watch = NULL;
	rc = epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	assert(rc == 0); /* else it was closed before */
	(void)rc;
}

static unsigned events_of(uint32_t epoll_events)
{
	unsigned events = 0;

	if (epoll_events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		events |= LOOP_READ;
	if (epoll_events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		events |= LOOP_WRITE;
	if (epoll_events & (EPOLLRDHUP | EPOLLHUP))
		events |= LOOP_END;
	if (epoll_events & EPOLLERR)
		events |= LOOP_FAIL;
	return events;
}

static void event_handle(struct loop *l, const struct epoll_event *event)
{
	uint32_t fd = (uint32_t)event->data.u64, generation = (uint32_t)(event->data.u64 >> 32);
	const struct entry *entry = &l->entries[fd];

	if (entry->watch != NULL && entry->generation == generation)
		entry->watch->ready(entry->watch, events_of(event->events));
}

/* --- tasks --- */

void loop_defer(struct loop *l, struct task *t)
{
	if (atomic_exchange_explicit(&t->queued, true, memory_order_acq_rel))
		return;
	t->next = NULL;
	*l->deferred_end = t;
	l->deferred_end = &t->next;
}

static void loop_wake(struct loop *l)
{
	uint64_t one = 1;
	ssize_t n = write(l->wake.fd, &one, sizeof(one));

	assert(n == (ssize_t)sizeof(one)); /* it would take 2^64 of them to fill it */
	(void)n;
}

bool loop_post(struct loop *l, struct task *t)
{
	struct task *top;

	if (atomic_exchange_explicit(&t->queued, true, memory_order_acq_rel))
		return false;
	top = atomic_load_explicit(&l->posted, memory_order_relaxed);
	do {
		t->next = top;
	} while (!atomic_compare_exchange_weak_explicit(&l->posted, &top, t, memory_order_release, memory_order_relaxed));
	if (top == NULL)
		loop_wake(l);
	return true;
}

static void tasks_run(struct task *t)
{
	while (t != NULL) {
		struct task *next = t->next;

		/* A read-modify-write: what threads wrote before a post that found <t> queued is seen by run(). From here
		 * on <t> may be queued again, and run() may free it. */
		atomic_exchange_explicit(&t->queued, false, memory_order_acq_rel);
		t->run(t);
		t = next;
	}
}

static void posted_run(struct loop *l)
{
	struct task *t, *next, *oldest = NULL;

	if (atomic_load_explicit(&l->posted, memory_order_relaxed) == NULL)
		return;
	for (t = atomic_exchange_explicit(&l->posted, NULL, memory_order_acquire); t != NULL; t = next) {
		next = t->next;
		t->next = oldest;
		oldest = t;
	}
	tasks_run(oldest);
}

static void deferred_run(struct loop *l)
{
	struct task *first = l->deferred;

	l->deferred = NULL;
	l->deferred_end = &l->deferred;
	tasks_run(first);
}

/* --- the loop --- */

/* The eventfd is never read: edge-triggered, each write to it is an event. */
static void woken(struct watch *w, unsigned events)
{
	(void)w;
	(void)events;
}

static void loop_open(struct loop *l)
{
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->wake = (struct watch){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = woken };
	if (l->epoll_fd < 0 || l->wake.fd < 0 || watch_add(l, &l->wake, EPOLLIN | EPOLLET) != ERR_OK) {
		log_error("loop.refused", "errno=%d", errno);
		abort();
	}
}

struct loop *loop_create(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		log_error("memory.exhausted", "bytes=%zu", sizeof(*l));
		abort();
	}
	l->deferred_end = &l->deferred;
	atomic_store_explicit(&l->now_us, clock_mono_us(), memory_order_relaxed);
	l->timers = timer_wheel_create(loop_now_ms(l));
	loop_open(l);
	return l;
}

void loop_free(struct loop **l)
{
	if (*l == NULL)
		return;
	close((*l)->wake.fd);
	close((*l)->epoll_fd);
	timer_wheel_free(&(*l)->timers);
	free((*l)->entries);
	free(*l);
	*l = NULL;
}

struct timer_wheel *loop_timers(struct loop *l)
{
	return l->timers;
}

void loop_arm(struct loop *l, struct timer *t, int wait_ms)
{
	timer_arm(l->timers, t, loop_now_ms(l) + wait_ms);
}

void loop_cancel(struct loop *l, struct timer *t)
{
	timer_cancel(l->timers, t);
}

int64_t loop_now_us(const struct loop *l)
{
	return atomic_load_explicit(&l->now_us, memory_order_relaxed);
}

int64_t loop_now_ms(const struct loop *l)
{
	return loop_now_us(l) / 1000;
}

void loop_at_round_end(struct loop *l, void (*call)(void *arg), void *arg)
{
	assert(call == NULL || l->round_end == NULL);
	l->round_end = call;
	l->round_end_arg = arg;
}

/* How long a round may wait, as epoll_wait() takes it; <most_ms> -1: no bound of the caller's. */
static int round_wait_ms(const struct loop *l, int most_ms, int64_t now_us)
{
	int wait_ms;

	if (l->deferred != NULL)
		return 0;
	wait_ms = timer_wheel_wait_ms(l->timers, now_us / 1000);
	if (wait_ms < 0 || (most_ms >= 0 && most_ms < wait_ms))
		return most_ms;
	return wait_ms;
}

/* One round, begun at <now_us>; returns the time of its end. */
static int64_t round_run(struct loop *l, int most_ms, int64_t now_us)
{
	int n = epoll_wait(l->epoll_fd, l->events, EVENTS_MOST, round_wait_ms(l, most_ms, now_us));
	int64_t start_us = clock_mono_us(), end_us;

	assert(n >= 0 || errno == EINTR); /* a signal ends the wait, and the round is one without events */
	atomic_store_explicit(&l->now_us, start_us, memory_order_relaxed);
	for (int i = 0; i < n; i++)
		event_handle(l, &l->events[i]);
	timer_wheel_run(l->timers, start_us / 1000);
	posted_run(l);
	deferred_run(l);
	if (l->round_end != NULL)
		l->round_end(l->round_end_arg);
	end_us = clock_mono_us();
	atomic_store_explicit(&l->busy_us, loop_busy_us(l) + end_us - start_us, memory_order_relaxed);
	atomic_store_explicit(&l->rounds, loop_rounds(l) + 1, memory_order_relaxed);
	return end_us;
}

void loop_round(struct loop *l, int wait_ms)
{
	round_run(l, wait_ms, clock_mono_us());
}

void loop_run(struct loop *l)
{
	int64_t now_us = clock_mono_us();

	while (!atomic_load_explicit(&l->stopped, memory_order_acquire))
		now_us = round_run(l, -1, now_us);
	atomic_store_explicit(&l->stopped, false, memory_order_relaxed); /* it may be run again */
}

void loop_stop(struct loop *l)
{
	atomic_store_explicit(&l->stopped, true, memory_order_release);
	loop_wake(l);
}

int64_t loop_busy_us(const struct loop *l)
{
	return atomic_load_explicit(&l->busy_us, memory_order_relaxed);
}

uint64_t loop_rounds(const struct loop *l)
{
	return atomic_load_explicit(&l->rounds, memory_order_relaxed);
}
