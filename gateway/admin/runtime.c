/* runtime.c - the runtime sockets: opened, listened on, let go of; and a sample each second of what has to be measured over time. */
#include "gateway/admin/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/admin/cli.h"
#include "gateway/admin/give.h"
#include "gateway/admin/total.h"
#include "gateway/loop/container.h"
#include "gateway/model/proxy.h"
#include "gateway/session/listen.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"

#define SAMPLE_MS 1000

/* ---- samples ---- */

static uint64_t bytes_out(const struct gateway *g)
{
	uint64_t sum = 0;

	for (const struct proxy *p = g->config->proxies; p != NULL; p = p->next)
		sum += TOTAL((&(struct total){ g, TOTAL_FRONTEND, p->index }), bytes_out);
	return sum;
}

static int64_t busy_us(const struct gateway *g)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < g->worker_count; i++)
		sum += loop_busy_us(g->workers[i].loop);
	return sum;
}

static void take_sample(struct timer *t)
{
	struct runtime *r = container_of(t, struct runtime, second);
	int64_t now_us = clock_mono_us(), busy = busy_us(r->gateway), passed_us = now_us - r->sampled_us;
	uint64_t bytes = bytes_out(r->gateway);

	if (r->sampled_us != 0 && passed_us > 0) {
		int64_t percent = (busy - r->busy_us) * 100 / (passed_us * r->gateway->worker_count);

		r->idle_percent = percent < 0 ? 100 : percent > 100 ? 0 : (unsigned)(100 - percent);
		/* The sum falls when counters are cleared. */
		r->bytes_rate = bytes < r->bytes_out ? 0 : (bytes - r->bytes_out) * 1000000 / (uint64_t)passed_us;
	}
	r->sampled_us = now_us;
	r->busy_us = busy;
	r->bytes_out = bytes;
	loop_arm(worker_first(r->gateway)->loop, &r->second, SAMPLE_MS);
}

unsigned runtime_idle_percent(const struct gateway *g)
{
	return g->runtime == NULL ? 100 : g->runtime->idle_percent;
}

uint64_t runtime_bytes_rate(const struct gateway *g)
{
	return g->runtime == NULL ? 0 : g->runtime->bytes_rate;
}

unsigned runtime_hard_maxconn(const struct gateway *g)
{
	return g->runtime == NULL ? g->config->maxconn : g->runtime->hard_maxconn;
}

/* ---- accepting ---- */

static void set_watched(struct door *d, bool on)
{
	struct loop *l = worker_first(d->runtime->gateway)->loop;

	if (on == d->watched)
		return;
	d->watched = on;
	if (!on)
		loop_unwatch(l, &d->watch);
	else if (loop_watch(l, &d->watch) != ERR_OK)
		d->watched = false;
}

/* Edge-triggered and not exclusive: a process that shares the socket is woken too, so that nobody waits for the one that is stopping. */
static void set_all_watched(struct runtime *r)
{
	bool on = r->started && !r->paused && r->count < r->gateway->config->stats_maxconn;

	for (unsigned i = 0; i < r->door_count; i++)
		set_watched(&r->doors[i], on);
}

static void knocked(struct watch *w, unsigned events)
{
	struct door *d = container_of(w, struct door, watch);

	(void)events;
	while (d->watched) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0 && d->listener->is_door && !give_may_enter(fd))
			close(fd);
		else if (fd >= 0)
			cli_accepted(d, fd);
		else if (errno != EINTR && errno != ECONNABORTED)
			return;
		set_all_watched(d->runtime);
	}
}

void runtime_left(struct runtime *r)
{
	r->count--;
	set_all_watched(r);
}

/* ---- its life ---- */

bool runtime_open(struct gateway *g, struct buf *messages)
{
	struct runtime *r = calloc(1, sizeof(*r));
	unsigned count = 0, n = 0;
	bool ok = true;

	for (struct listener *l = g->config->runtime_sockets; l != NULL; l = l->next)
		count++;
	if (r == NULL || (r->doors = calloc(count + 1, sizeof(*r->doors))) == NULL) {
		log_error("memory.exhausted", "what=%s", "runtime");
		abort();
	}
	r->gateway = g;
	r->idle_percent = 100;
	r->hard_maxconn = g->config->maxconn;
	timer_init(&r->second, take_sample);
	for (struct listener *l = g->config->runtime_sockets; l != NULL; l = l->next) {
		if (!listener_open(l, messages)) {
			ok = false;
			continue;
		}
		r->doors[n++] = (struct door){ .watch = { .fd = l->fd, .ready = knocked }, .listener = l, .runtime = r };
	}
	r->door_count = n;
	g->runtime = r;
	return ok;
}

void runtime_start(struct gateway *g)
{
	g->runtime->started = true;
	take_sample(&g->runtime->second);
	set_all_watched(g->runtime);
}

void runtime_pause(struct gateway *g)
{
	struct runtime *r = g->runtime;

	if (r == NULL)
		return;
	r->paused = true;
	set_all_watched(r);
	for (unsigned i = 0; i < r->door_count; i++)
		listener_close(r->doors[i].listener);
}

void runtime_stop(struct gateway *g)
{
	struct runtime *r = g->runtime;

	if (r == NULL)
		return;
	r->paused = true;
	set_all_watched(r);
	while (r->first != NULL)
		cli_close(r->first);
	gather_free_all(g);
	loop_cancel(worker_first(g)->loop, &r->second);
	for (unsigned i = 0; i < r->door_count; i++) {
		listener_close(r->doors[i].listener);
	}
	free(r->doors);
	free(r);
	g->runtime = NULL;
}
