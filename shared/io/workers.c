/* workers.c - a fixed number of threads that take items from a bounded queue, in order. */
#include "shared/io/workers.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/base/ring.h"

struct workers {
	struct ring *queue;
	size_t capacity;
	void (*run)(void *ctx, void *item);
	void *ctx;
	unsigned started; /* threads that exist */
	pthread_t threads[];
};

/* @thread: each worker */
static void *worker_main(void *arg)
{
	struct workers *w = arg;
	void *item;

	while ((item = ring_pop(w->queue, -1)) != NULL)
		w->run(w->ctx, item);
	return NULL;
}

struct workers *workers_start(unsigned threads, size_t queue, void (*run)(void *ctx, void *item), void *ctx)
{
	struct workers *w = calloc(1, sizeof(*w) + threads * sizeof(w->threads[0]));
	sigset_t all, before;
	int failed = 0;

	assert(threads > 0 && queue > 0);
	if (w == NULL)
		return NULL;
	w->queue = ring_create(queue);
	w->capacity = queue;
	w->run = run;
	w->ctx = ctx;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (w->started < threads && failed == 0) {
		failed = pthread_create(&w->threads[w->started], NULL, worker_main, w);
		if (failed == 0)
			w->started++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0) {
		log_error("workers.start", "errno=%d started=%u", failed, w->started);
		workers_stop(w);
		workers_free(&w);
	}
	return w;
}

bool workers_give(struct workers *w, void *item)
{
	return ring_push(w->queue, item);
}

size_t workers_waiting(const struct workers *w)
{
	return ring_count(w->queue);
}

bool workers_full(const struct workers *w)
{
	return ring_count(w->queue) >= w->capacity;
}

void workers_stop(struct workers *w)
{
	ring_close(w->queue);
	while (w->started > 0)
		pthread_join(w->threads[--w->started], NULL);
}

void workers_free(struct workers **w)
{
	if (*w == NULL)
		return;
	assert((*w)->started == 0);
	ring_free(&(*w)->queue);
	free(*w);
	*w = NULL;
}
