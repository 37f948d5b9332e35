/* watchdog.c - shuts sockets whose peer has not done its part by a deadline. */
#include "shared/io/watchdog.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "shared/base/clock.h"
#include "shared/base/cond.h"
#include "shared/base/log.h"

struct watchdog {
	pthread_t thread;
	pthread_mutex_t lock; /* guards everything below, and each armed watch */
	pthread_cond_t sooner;
	int64_t wakes_us; /* when the thread looks next */
	bool stopping;
	struct watch armed; /* head of a ring, in no order: there are as many as connections */
};

/* Shuts what is due and returns the earliest deadline left. The lock is held over shutdown(), which does not block:
 * so the owner, who must take it to disarm, cannot have closed the descriptor (and nobody else have got its number).
 */
static int64_t shut_due(struct watchdog *w, int64_t now)
{
	int64_t next = COND_NEVER;

	for (struct watch *i = w->armed.next; i != &w->armed; i = i->next) {
		if (i->fired)
			continue;
		if (i->deadline_us <= now) {
			shutdown(i->fd, i->how);
			i->fired = true;
		} else if (i->deadline_us < next) {
			next = i->deadline_us;
		}
	}
	return next;
}

static void *watchdog_run(void *arg)
{
	struct watchdog *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->stopping) {
		w->wakes_us = shut_due(w, clock_mono_us());
		(void)cond_wait_until(&w->sooner, &w->lock, w->wakes_us);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct watchdog *watchdog_create(void)
{
	struct watchdog *w = calloc(1, sizeof(*w));
	sigset_t all, before;
	int refused;

	if (w == NULL) {
		log_error("watchdog.no_memory", "bytes=%zu", sizeof(*w));
		return NULL;
	}
	w->armed.next = &w->armed;
	w->armed.prev = &w->armed;
	w->wakes_us = COND_NEVER;
	pthread_mutex_init(&w->lock, NULL);
	cond_create(&w->sooner);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	refused = pthread_create(&w->thread, NULL, watchdog_run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (refused != 0) {
		log_error("watchdog.no_thread", "errno=%d", refused);
		free(w);
		return NULL;
	}
	return w;
}

void watchdog_free(struct watchdog **ww)
{
	struct watchdog *w = *ww;

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	assert(w->armed.next == &w->armed);
	w->stopping = true;
	pthread_cond_signal(&w->sooner);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->sooner);
	pthread_mutex_destroy(&w->lock);
	free(w);
	*ww = NULL;
}

void watchdog_arm(struct watchdog *w, struct watch *watch, int fd, int how, int64_t deadline_us)
{
	pthread_mutex_lock(&w->lock);
	assert(watch->next == NULL);
	watch->fd = fd;
	watch->how = how;
	watch->deadline_us = deadline_us;
	watch->fired = false;
	watch->prev = &w->armed;
	watch->next = w->armed.next;
	watch->next->prev = watch;
	w->armed.next = watch;
	if (deadline_us < w->wakes_us) {
		w->wakes_us = deadline_us; /* a second one of the same time does not wake it twice */
		pthread_cond_signal(&w->sooner);
	}
	pthread_mutex_unlock(&w->lock);
}

bool watchdog_disarm(struct watchdog *w, struct watch *watch)
{
	bool fired;

	pthread_mutex_lock(&w->lock);
	assert(watch->next != NULL);
	watch->prev->next = watch->next;
	watch->next->prev = watch->prev;
	watch->prev = NULL;
	watch->next = NULL;
	fired = watch->fired;
	pthread_mutex_unlock(&w->lock);
	return fired;
}
