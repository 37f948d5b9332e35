/* farm.h - for tests of balancing and of servers' states: a gateway with one backend "be", made by hand instead of from a configuration.
 *
 * Its loops run only between farm_run() and farm_stop(), each in a thread of its own; else the test may call loop_round(). Header only.
 */
#ifndef MOA_TESTS_UNIT_GATEWAY_SUPPORT_FARM_H
#define MOA_TESTS_UNIT_GATEWAY_SUPPORT_FARM_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "gateway/balance/lineup.h"
#include "gateway/model/proxy.h"
#include "gateway/model/state.h"
#include "gateway/session/exchange.h"
#include "gateway/session/worker.h"
#include "shared/base/clock.h"

#define capture process_capture /* a proxy has a struct capture of its own */
#include "tests/unit/support/process.h"
#undef capture

#define FARM_WORKERS 4

struct farm {
	struct config config;
	struct gateway gateway;
	struct worker workers[FARM_WORKERS];
	struct proxy proxy;
	struct server *last;
	/* One request, of worker 0. */
	struct session session;
	struct exchange x;
	struct http_field fields[8];
};

static inline void farm_setup(struct farm *f, unsigned workers, enum balance_kind kind)
{
	assert(workers > 0 && workers <= FARM_WORKERS);
	memset(f, 0, sizeof(*f));
	f->config.arena = arena_create(4096, 0);
	f->config.proxies = &f->proxy;
	f->config.proxy_count = 1;
	f->gateway.config = &f->config;
	f->gateway.workers = f->workers;
	f->gateway.worker_count = workers;
	for (unsigned i = 0; i < workers; i++) {
		f->workers[i].gateway = &f->gateway;
		f->workers[i].index = i;
		f->workers[i].loop = loop_create();
		f->workers[i].random = 88172645463325252u + i;
	}
	f->proxy.name = SLICE_LIT("be");
	f->proxy.id = 2;
	f->proxy.is_backend = true;
	f->proxy.backend.balance.kind = kind;
	f->session.worker = f->x.worker = &f->workers[0];
	f->x.session = &f->session;
	f->x.backend = &f->proxy;
	f->x.arena = arena_create(4096, 0);
	http_head_init(&f->x.request, f->fields, sizeof(f->fields) / sizeof(f->fields[0]));
	f->x.request.path = SLICE_LIT("/");
}

/* A server that is a number and unchecked, of that weight; in the order of the calls. */
static inline struct server *farm_add(struct farm *f, const char *name, unsigned weight)
{
	struct server *s = arena_alloc(f->config.arena, sizeof(*s));

	s->name = slice_str(name);
	s->id = ++f->proxy.backend.server_count;
	s->index = f->config.server_count++;
	s->backend = &f->proxy;
	s->host = SLICE_LIT("127.0.0.1");
	s->port = (uint16_t)(8000 + s->id);
	s->o.weight = weight;
	s->o.rise = 2;
	s->o.fall = 3;
	*(f->last == NULL ? &f->proxy.backend.servers : &f->last->next) = s;
	f->last = s;
	return s;
}

static inline void *farm_thread(void *arg)
{
	struct worker *w = arg;

	loop_run(w->loop);
	return NULL;
}

static inline void farm_run(struct farm *f)
{
	atomic_store(&f->gateway.running, true);
	for (unsigned i = 0; i < f->gateway.worker_count; i++) {
		if (pthread_create(&f->workers[i].thread, NULL, farm_thread, &f->workers[i]) != 0)
			abort();
	}
}

/* What was retired is freed two rounds later. */
static inline void farm_settle(struct farm *f)
{
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < f->gateway.worker_count; i++)
			loop_round(f->workers[i].loop, 0);
	}
}

static inline void farm_stop(struct farm *f)
{
	for (unsigned i = 0; i < f->gateway.worker_count; i++)
		loop_stop(f->workers[i].loop);
	for (unsigned i = 0; i < f->gateway.worker_count; i++)
		pthread_join(f->workers[i].thread, NULL);
	farm_settle(f);
	atomic_store(&f->gateway.running, false);
}

static inline void farm_teardown(struct farm *f)
{
	farm_settle(f);
	server_states_end(&f->gateway);
	for (unsigned i = 0; i < f->gateway.worker_count; i++)
		loop_free(&f->workers[i].loop);
	arena_free(&f->x.arena);
	arena_free(&f->config.arena);
}

/* Chooses, and gives the place back at once. */
static inline struct server *farm_pick(struct farm *f)
{
	struct server *s = NULL;

	if (lineup_choose(&f->x, NULL, &s) != CHOICE_SERVER)
		return NULL;
	server_leave(&f->gateway, s);
	return s;
}

/* The last digits of the names of <n> servers chosen one after the other: "1231"; '-' for none. */
static inline const char *farm_picks(struct farm *f, unsigned n, char *space, size_t size)
{
	assert(n < size);
	for (unsigned i = 0; i < n; i++) {
		struct server *s = farm_pick(f);

		space[i] = s == NULL ? '-' : s->name.ptr[s->name.len - 1];
	}
	space[n] = '\0';
	return space;
}

/* Whether <*n> reaches <want> within ten seconds. */
static inline bool farm_await(const _Atomic unsigned *n, unsigned want)
{
	int64_t end_us = clock_mono_us() + 10 * 1000 * 1000;

	while (atomic_load(n) < want) {
		const struct timespec pause = { .tv_nsec = 1000 * 1000 };

		if (clock_mono_us() > end_us)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

#endif
