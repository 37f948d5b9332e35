/* queue_test.c - who waits gets a place in order, nobody is forgotten, and there are never more than maxconn. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/balance/queue.h"
#include "gateway/loop/container.h"
#include "tests/unit/gateway/support/farm.h"

#define CLIENTS 6

struct client {
	struct waiter w;
	unsigned woken; /* how often its task ran */
};

struct fixture {
	struct farm f;
	struct server *s[2];
	struct client c[CLIENTS];
};

static void woken(struct task *t)
{
	container_of(container_of(t, struct waiter, task), struct client, w)->woken++;
}

/* Two servers with one place each, which are taken. */
static int setup(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));

	farm_setup(&t->f, 1, BALANCE_ROUNDROBIN);
	t->s[0] = farm_add(&t->f, "s1", 1);
	t->s[1] = farm_add(&t->f, "s2", 1);
	for (unsigned i = 0; i < 2; i++)
		t->s[i]->o.maxconn = 1;
	server_states_begin(&t->f.gateway);
	for (unsigned i = 0; i < 2; i++)
		assert_true(server_enter(t->s[i]));
	for (unsigned i = 0; i < CLIENTS; i++) {
		t->c[i].w.loop = t->f.workers[0].loop;
		t->c[i].w.task.run = woken;
	}
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *t = *state;

	for (unsigned i = 0; i < CLIENTS; i++) {
		if (t->c[i].w.state == WAITER_WAITING)
			assert_true(queue_leave(&t->f.proxy, &t->c[i].w));
	}
	assert_int_equal(atomic_load(&t->f.proxy.backend.queued), 0);
	farm_teardown(&t->f);
	free(t);
	return 0;
}

/* Client <n> begins to wait; how many stood before it. */
static unsigned wait_for(struct fixture *t, unsigned n, struct server *wanted)
{
	unsigned before = 99;

	t->c[n].w.wanted = wanted;
	assert_true(queue_wait(&t->f.proxy, &t->c[n].w, &before));
	assert_null(t->c[n].w.given);
	return before;
}

static void leave(struct fixture *t, struct server *s)
{
	server_leave(&t->f.gateway, s);
	loop_round(t->f.workers[0].loop, 0);
}

/* Those that wait are told once each, with <given>; all others not at all. */
#define assert_woken(t, n, server) \
	do { \
		assert_int_equal((t)->c[n].woken, 1); \
		assert_ptr_equal((t)->c[n].w.given, server); \
	} while (0)

static void places_are_given_in_order(void **state)
{
	struct fixture *t = *state;

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(wait_for(t, i, NULL), i);
	assert_int_equal(atomic_load(&t->f.proxy.backend.queued), 4);
	leave(t, t->s[1]);
	assert_woken(t, 0, t->s[1]);
	leave(t, t->s[0]);
	assert_woken(t, 1, t->s[0]);
	assert_int_equal(t->c[2].woken, 0);
	leave(t, t->s[0]);
	assert_woken(t, 2, t->s[0]);
	assert_int_equal(atomic_load(&t->f.proxy.backend.queued), 1);
	assert_int_equal(queue_length(&t->f.proxy), 1);
	assert_int_equal(atomic_load(&t->f.proxy.backend.queued_most), 4);
	assert_int_equal(atomic_load(&t->s[0]->served), 1);
	assert_int_equal(atomic_load(&t->s[1]->served), 1);
}

static void who_wants_one_server_gets_that_one(void **state)
{
	struct fixture *t = *state;

	assert_int_equal(wait_for(t, 0, t->s[1]), 0);
	assert_int_equal(wait_for(t, 1, NULL), 0);
	assert_int_equal(wait_for(t, 2, t->s[1]), 1);
	assert_int_equal(wait_for(t, 3, NULL), 1);
	assert_int_equal(atomic_load(&t->s[1]->queued), 2);
	leave(t, t->s[0]); /* the first two who want any */
	assert_woken(t, 1, t->s[0]);
	leave(t, t->s[1]); /* then by age */
	assert_woken(t, 0, t->s[1]);
	leave(t, t->s[1]);
	assert_woken(t, 2, t->s[1]);
	leave(t, t->s[1]);
	assert_woken(t, 3, t->s[1]);
	assert_int_equal(atomic_load(&t->s[1]->queued), 0);
}

static void older_ones_that_want_any_come_first(void **state)
{
	struct fixture *t = *state;

	wait_for(t, 0, NULL);
	wait_for(t, 1, t->s[0]);
	leave(t, t->s[0]);
	assert_woken(t, 0, t->s[0]);
	assert_int_equal(t->c[1].woken, 0);
}

/* The place came back between the choice and the wait. */
static void a_place_that_is_free_is_taken_at_once(void **state)
{
	struct fixture *t = *state;
	unsigned before;

	server_leave(&t->f.gateway, t->s[1]);
	t->c[0].w.wanted = NULL;
	assert_false(queue_wait(&t->f.proxy, &t->c[0].w, &before));
	assert_ptr_equal(t->c[0].w.given, t->s[1]);
	assert_int_equal(atomic_load(&t->s[1]->served), 1);
	server_leave(&t->f.gateway, t->s[0]);
	t->c[1].w.wanted = t->s[0];
	assert_false(queue_wait(&t->f.proxy, &t->c[1].w, &before));
	assert_ptr_equal(t->c[1].w.given, t->s[0]);
	loop_round(t->f.workers[0].loop, 0);
	assert_int_equal(t->c[0].woken + t->c[1].woken, 0);
	assert_int_equal(atomic_load(&t->f.proxy.backend.queued), 0);
}

/* A place given back while somebody waits, and not offered yet, goes to who came first. */
static void a_newcomer_hands_a_free_place_to_the_first(void **state)
{
	struct fixture *t = *state;

	wait_for(t, 0, NULL);
	atomic_fetch_sub(&t->s[0]->served, 1);
	wait_for(t, 1, NULL);
	loop_round(t->f.workers[0].loop, 0);
	assert_woken(t, 0, t->s[0]);
	assert_int_equal(t->c[1].woken, 0);
}

static void who_leaves_is_not_given_a_place(void **state)
{
	struct fixture *t = *state;

	wait_for(t, 0, NULL);
	wait_for(t, 1, NULL);
	wait_for(t, 2, NULL);
	assert_true(queue_leave(&t->f.proxy, &t->c[1].w)); /* from the middle */
	assert_true(queue_leave(&t->f.proxy, &t->c[0].w)); /* from the head */
	leave(t, t->s[0]);
	assert_woken(t, 2, t->s[0]);
	assert_int_equal(t->c[0].woken + t->c[1].woken, 0);
}

/* Its task is on the way: it comes, and the place has to be given back. */
static void who_leaves_too_late_gets_its_place(void **state)
{
	struct fixture *t = *state;

	wait_for(t, 0, NULL);
	server_leave(&t->f.gateway, t->s[0]);
	assert_false(queue_leave(&t->f.proxy, &t->c[0].w));
	assert_int_equal(t->c[0].woken, 0);
	loop_round(t->f.workers[0].loop, 0);
	assert_woken(t, 0, t->s[0]);
	leave(t, t->s[0]);
	assert_int_equal(atomic_load(&t->s[0]->served), 0);
}

static void more_places_are_given_to_all_that_fit(void **state)
{
	struct fixture *t = *state;

	for (unsigned i = 0; i < 5; i++)
		wait_for(t, i, NULL);
	server_set_maxconn(&t->f.gateway, t->s[0], 4);
	loop_round(t->f.workers[0].loop, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_woken(t, i, t->s[0]);
	assert_int_equal(t->c[3].woken, 0);
	server_set_maxconn(&t->f.gateway, t->s[1], 0); /* no limit */
	loop_round(t->f.workers[0].loop, 0);
	assert_woken(t, 3, t->s[1]);
	assert_woken(t, 4, t->s[1]);
}

static void a_server_that_goes_dismisses_who_wants_it(void **state)
{
	struct fixture *t = *state;
	unsigned before;

	wait_for(t, 0, t->s[0]);
	wait_for(t, 1, NULL);
	wait_for(t, 2, t->s[1]);
	server_set_admin(&t->f.gateway, t->s[0], SERVER_MAINT, 0);
	loop_round(t->f.workers[0].loop, 0);
	assert_woken(t, 0, NULL);
	assert_int_equal(t->c[1].woken + t->c[2].woken, 0);
	/* who comes late does not wait for it either, and its place is nobody's */
	t->c[3].w.wanted = t->s[0];
	assert_false(queue_wait(&t->f.proxy, &t->c[3].w, &before));
	assert_null(t->c[3].w.given);
	leave(t, t->s[0]);
	assert_int_equal(t->c[1].woken, 0);
	assert_int_equal(atomic_load(&t->s[0]->served), 0);
}

static void the_last_server_that_goes_dismisses_all(void **state)
{
	struct fixture *t = *state;
	unsigned before;

	wait_for(t, 0, NULL);
	wait_for(t, 1, t->s[1]);
	wait_for(t, 2, NULL);
	server_set_admin(&t->f.gateway, t->s[0], SERVER_DRAIN, 0);
	server_set_admin(&t->f.gateway, t->s[1], SERVER_MAINT, 0);
	loop_round(t->f.workers[0].loop, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_woken(t, i, NULL);
	t->c[3].w.wanted = NULL;
	assert_false(queue_wait(&t->f.proxy, &t->c[3].w, &before));
	assert_null(t->c[3].w.given);
}

static void a_server_that_comes_is_offered(void **state)
{
	struct fixture *t = *state;

	server_set_admin(&t->f.gateway, t->s[0], SERVER_MAINT, 0);
	leave(t, t->s[0]);
	wait_for(t, 0, NULL);
	wait_for(t, 1, NULL);
	server_set_admin(&t->f.gateway, t->s[0], 0, SERVER_MAINT);
	loop_round(t->f.workers[0].loop, 0);
	assert_woken(t, 0, t->s[0]);
	assert_int_equal(t->c[1].woken, 0);
}

/* A backup that still has a place must not take those that wait for the others. */
static void a_backup_is_offered_only_when_it_is_needed(void **state)
{
	struct fixture *t = *state;

	t->s[1]->o.backup = true;
	lineup_rebuild(&t->f.gateway, &t->f.proxy);
	wait_for(t, 0, NULL);
	leave(t, t->s[1]);
	assert_int_equal(t->c[0].woken, 0);
	server_set_admin(&t->f.gateway, t->s[0], SERVER_MAINT, 0);
	loop_round(t->f.workers[0].loop, 0);
	assert_woken(t, 0, t->s[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(places_are_given_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(who_wants_one_server_gets_that_one, setup, teardown),
		cmocka_unit_test_setup_teardown(older_ones_that_want_any_come_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_place_that_is_free_is_taken_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_newcomer_hands_a_free_place_to_the_first, setup, teardown),
		cmocka_unit_test_setup_teardown(who_leaves_is_not_given_a_place, setup, teardown),
		cmocka_unit_test_setup_teardown(who_leaves_too_late_gets_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(more_places_are_given_to_all_that_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_that_goes_dismisses_who_wants_it, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_server_that_goes_dismisses_all, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_that_comes_is_offered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_backup_is_offered_only_when_it_is_needed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
