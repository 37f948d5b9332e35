/* balance_threads_test.c - many threads choose, wait and leave at once, while one changes the servers' states.
 *
 * Meant for the thread sanitizer as well. What the threads see wrong is counted and looked at in the end.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "gateway/balance/queue.h"
#include "gateway/loop/container.h"
#include "shared/base/log.h"
#include "tests/unit/gateway/support/farm.h"

#define SERVERS 4
#define CLIENTS 64    /* more on each thread than there are places */
#define REQUESTS 1000 /* of each client */
#define TURNS 20000  /* of each thread */
#define FLAPS 300

struct hammer {
	struct farm f;
	struct server *s[SERVERS];
	_Atomic unsigned inside[SERVERS]; /* counted by the test itself */
	_Atomic unsigned limit[SERVERS];  /* the most that may be inside; 0: no limit */
	_Atomic unsigned finished;        /* clients */
	_Atomic unsigned too_many, left, queued, dismissed;
	struct task flap;
	unsigned flaps;
};

struct client {
	struct waiter w;
	struct task step;
	struct hammer *h;
	struct worker *worker;
	struct exchange x;
	struct session session;
	char path[16];
	struct server *place;
	bool waiting;
	unsigned todo;
};

static unsigned dice(struct client *c, unsigned sides)
{
	return (unsigned)((worker_random(c->worker) >> 32) % sides);
}

static void again(struct client *c)
{
	loop_defer(c->worker->loop, &c->step);
}

static void got_place(struct client *c, struct server *s)
{
	struct hammer *h = c->h;
	unsigned i = s->id - 1, now = atomic_fetch_add(&h->inside[i], 1) + 1, limit = atomic_load(&h->limit[i]);

	if (limit > 0 && now > limit)
		atomic_fetch_add(&h->too_many, 1);
	c->place = s;
}

static void give_back(struct client *c)
{
	struct server *s = c->place;

	c->place = NULL;
	atomic_fetch_sub(&c->h->inside[s->id - 1], 1);
	server_leave(&c->h->f.gateway, s);
	if (--c->todo == 0)
		atomic_fetch_add(&c->h->finished, 1);
}

static void begin_waiting(struct client *c, struct server *wanted)
{
	unsigned before;

	c->w.wanted = wanted;
	c->waiting = queue_wait(&c->h->f.proxy, &c->w, &before);
	if (c->waiting)
		atomic_fetch_add(&c->h->queued, 1);
	else if (c->w.given != NULL)
		got_place(c, c->w.given);
}

/* The queue's answer. */
static void given(struct task *t)
{
	struct client *c = container_of(container_of(t, struct waiter, task), struct client, w);

	c->waiting = false;
	if (c->w.given != NULL)
		got_place(c, c->w.given);
	else
		atomic_fetch_add(&c->h->dismissed, 1);
	again(c);
}

/* One step of a client: chooses, holds the place for some rounds, loses patience now and then. */
static void step(struct task *t)
{
	struct client *c = container_of(t, struct client, step);
	struct server *s;

	if (c->waiting) {
		if (!queue_leave(&c->h->f.proxy, &c->w))
			return; /* given() comes */
		atomic_fetch_add(&c->h->left, 1);
		c->waiting = false;
	} else if (c->place != NULL) {
		if (dice(c, 2) == 0)
			give_back(c);
		if (c->todo == 0)
			return;
	} else {
		switch (lineup_choose(&c->x, dice(c, 8) == 0 ? c->h->s[dice(c, SERVERS)] : NULL, &s)) {
		case CHOICE_SERVER:
			got_place(c, s);
			break;
		case CHOICE_QUEUE:
			begin_waiting(c, s);
			if (c->waiting && dice(c, 4) > 0)
				return; /* patiently */
			break;
		case CHOICE_NONE:
			break;
		}
	}
	again(c);
}

/* @thread: the first worker's. */
static void flap(struct task *t)
{
	struct hammer *h = container_of(t, struct hammer, flap);
	struct gateway *g = &h->f.gateway;
	struct server *s = h->s[h->flaps % SERVERS];

	if (++h->flaps < FLAPS) {
		switch (worker_random(&h->f.workers[0]) >> 32 & 7) {
		case 0:
			for (unsigned i = 0; i < SERVERS; i++)
				server_set_admin(g, h->s[i], SERVER_MAINT, 0);
			break;
		case 1:
			server_set_state(g, s, SERVER_DOWN, NULL);
			break;
		case 2:
			server_set_weight(g, s, 1 + h->flaps % 7);
			break;
		default:
			for (unsigned i = 0; i < SERVERS; i++) {
				server_set_admin(g, h->s[i], 0, SERVER_MAINT);
				server_set_state(g, h->s[i], SERVER_UP, NULL);
			}
			break;
		}
		loop_post(h->f.workers[0].loop, t);
		return;
	}
	for (unsigned i = 0; i < SERVERS; i++) {
		server_set_admin(g, h->s[i], 0, SERVER_MAINT);
		server_set_state(g, h->s[i], SERVER_UP, NULL);
	}
}

static void hammer_setup(struct hammer *h, enum balance_kind kind, unsigned maxconn, unsigned maxqueue)
{
	static const char *const names[SERVERS] = { "s1", "s2", "s3", "s4" };

	memset(h, 0, sizeof(*h));
	farm_setup(&h->f, FARM_WORKERS, kind);
	for (unsigned i = 0; i < SERVERS; i++) {
		h->s[i] = farm_add(&h->f, names[i], 1);
		h->s[i]->o.maxconn = maxconn;
		h->s[i]->o.maxqueue = maxqueue;
		h->limit[i] = maxconn;
	}
	server_states_begin(&h->f.gateway);
}

static void client_setup(struct hammer *h, struct client *c, unsigned n)
{
	memset(c, 0, sizeof(*c));
	c->h = h;
	c->worker = c->x.worker = &h->f.workers[n % FARM_WORKERS];
	c->x.backend = &h->f.proxy;
	c->x.session = &c->session;
	c->x.arena = h->f.x.arena; /* not used: the path is there as it is */
	snprintf(c->path, sizeof(c->path), "/%u", n);
	c->x.request.path = slice_str(c->path);
	c->w.loop = c->worker->loop;
	c->w.task.run = given;
	c->step.run = step;
	c->todo = REQUESTS;
	again(c);
}

static void hammer_run(enum balance_kind kind, unsigned maxconn, unsigned maxqueue, bool flaps)
{
	struct hammer *h = calloc(1, sizeof(*h));
	struct client *clients = calloc(CLIENTS, sizeof(*clients));

	hammer_setup(h, kind, maxconn, maxqueue);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_setup(h, &clients[i], i);
	if (flaps) {
		h->flap.run = flap;
		loop_post(h->f.workers[0].loop, &h->flap);
	}
	farm_run(&h->f);
	if (!farm_await(&h->finished, CLIENTS))
		fail_msg("%u of %u clients have finished: somebody waits while a place is free", atomic_load(&h->finished), CLIENTS);
	farm_stop(&h->f);
	assert_int_equal(atomic_load(&h->too_many), 0);
	assert_int_equal(atomic_load(&h->f.proxy.backend.queued), 0);
	for (unsigned i = 0; i < SERVERS; i++) {
		assert_int_equal(atomic_load(&h->s[i]->served), 0);
		assert_int_equal(atomic_load(&h->s[i]->queued), 0);
		assert_in_range(atomic_load(&h->s[i]->served_most), 1, maxconn);
	}
	assert_true(atomic_load(&h->queued) > 0 && atomic_load(&h->left) > 0); /* else this test has tested nothing */
	farm_teardown(&h->f);
	free(clients);
	free(h);
}

static void waiting_for_any_loses_nobody(void **state)
{
	(void)state;
	for (unsigned maxconn = 1; maxconn <= 3; maxconn++)
		hammer_run(BALANCE_ROUNDROBIN, maxconn, 0, false);
}

static void waiting_for_one_loses_nobody(void **state)
{
	(void)state;
	for (unsigned maxconn = 1; maxconn <= 3; maxconn++)
		hammer_run(BALANCE_URI, maxconn, 0, false);
}

static void waiting_for_both_loses_nobody(void **state)
{
	(void)state;
	hammer_run(BALANCE_URI, 1, 2, false);
	hammer_run(BALANCE_LEASTCONN, 2, 1, false);
}

static void changes_of_state_lose_nobody(void **state)
{
	(void)state;
	hammer_run(BALANCE_ROUNDROBIN, 1, 0, true);
	hammer_run(BALANCE_URI, 2, 0, true);
	hammer_run(BALANCE_LEASTCONN, 1, 1, true);
	hammer_run(BALANCE_RANDOM, 3, 0, true);
}

/* --- one rotation for all threads --- */

struct rotation {
	struct farm f;
	_Atomic unsigned count[SERVERS];
};

static void *take_turns(void *arg)
{
	struct rotation *r = arg;
	struct exchange x = { .backend = &r->f.proxy };

	for (unsigned i = 0; i < TURNS; i++) {
		struct server *s;

		if (lineup_choose(&x, NULL, &s) != CHOICE_SERVER)
			continue;
		atomic_fetch_add_explicit(&r->count[s->id - 1], 1, memory_order_relaxed);
		server_leave(&r->f.gateway, s);
	}
	return NULL;
}

static void all_threads_share_one_rotation(void **state)
{
	struct rotation *r = calloc(1, sizeof(*r));
	pthread_t threads[FARM_WORKERS];

	(void)state;
	farm_setup(&r->f, 1, BALANCE_ROUNDROBIN);
	for (unsigned i = 0; i < SERVERS; i++)
		farm_add(&r->f, "s", 1);
	server_states_begin(&r->f.gateway);
	for (unsigned i = 0; i < FARM_WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_turns, r), 0);
	for (unsigned i = 0; i < FARM_WORKERS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < SERVERS; i++)
		assert_int_equal(atomic_load(&r->count[i]), TURNS * FARM_WORKERS / SERVERS);
	farm_teardown(&r->f);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_threads_share_one_rotation),
		cmocka_unit_test(waiting_for_any_loses_nobody),
		cmocka_unit_test(waiting_for_one_loses_nobody),
		cmocka_unit_test(waiting_for_both_loses_nobody),
		cmocka_unit_test(changes_of_state_lose_nobody),
	};

	log_setup("test", (enum log_level)(LOG_LEVEL_ERROR + 1), LOG_FORMAT_TEXT); /* nothing: each change of state is a line */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
