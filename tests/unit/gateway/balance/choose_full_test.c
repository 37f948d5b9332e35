/* choose_full_test.c - the choice of a server when some are full, have failed, or are over their part. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/balance/queue.h"
#include "tests/unit/gateway/support/farm.h"

struct full {
	struct farm f;
	struct server *s[4];
};

/* Four servers of weight 1 with two places each. */
static int setup(void **state)
{
	static const char *const names[] = { "s1", "s2", "s3", "s4" };
	struct full *t = calloc(1, sizeof(*t));

	farm_setup(&t->f, 1, BALANCE_ROUNDROBIN);
	for (unsigned i = 0; i < 4; i++) {
		t->s[i] = farm_add(&t->f, names[i], 1);
		t->s[i]->o.maxconn = 2;
	}
	server_states_begin(&t->f.gateway);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct full *t = *state;

	farm_teardown(&t->f);
	free(t);
	return 0;
}

static void fill(struct server *s)
{
	while (server_enter(s))
		;
}

static void set_kind(struct full *t, enum balance_kind kind)
{
	t->f.proxy.backend.balance.kind = kind;
	lineup_rebuild(&t->f.gateway, &t->f.proxy);
}

static enum choice choose(struct full *t, const struct server *avoid, struct server **out)
{
	return lineup_choose(&t->f.x, avoid, out);
}

/* The server that "/" is hashed to. */
static struct server *hashed(struct full *t)
{
	struct server *s = farm_pick(&t->f);

	assert_non_null(s);
	assert_ptr_equal(farm_pick(&t->f), s);
	return s;
}

static const enum balance_kind all_kinds[] = {
	BALANCE_ROUNDROBIN, BALANCE_STATIC_RR, BALANCE_LEASTCONN, BALANCE_FIRST, BALANCE_RANDOM,
};
#define KINDS (sizeof(all_kinds) / sizeof(all_kinds[0]))

static void full_ones_are_passed_over(void **state)
{
	struct full *t = *state;
	struct server *out;

	fill(t->s[0]);
	fill(t->s[1]);
	fill(t->s[3]);
	for (size_t i = 0; i < KINDS; i++) {
		set_kind(t, all_kinds[i]);
		for (unsigned n = 0; n < 10; n++)
			assert_ptr_equal(farm_pick(&t->f), t->s[2]);
	}
	fill(t->s[2]);
	for (size_t i = 0; i < KINDS; i++) {
		set_kind(t, all_kinds[i]);
		assert_int_equal(choose(t, NULL, &out), CHOICE_QUEUE);
		assert_null(out);
	}
}

/* The turns of a full server are shared by the others. */
static void turns_of_a_full_one_are_shared(void **state)
{
	struct full *t = *state;
	unsigned count[4] = { 0 };

	fill(t->s[0]);
	for (unsigned n = 0; n < 300; n++)
		count[farm_pick(&t->f)->id - 1]++;
	assert_int_equal(count[0], 0);
	for (unsigned i = 1; i < 4; i++)
		assert_in_range(count[i], 99, 101);
}

/* Its turns are so rare that none comes up among the tries. */
static void a_light_server_is_found_too(void **state)
{
	struct full *t = *state;

	for (unsigned i = 0; i < 3; i++) {
		server_set_weight(&t->f.gateway, t->s[i], 256);
		fill(t->s[i]);
	}
	for (unsigned n = 0; n < 10; n++)
		assert_ptr_equal(farm_pick(&t->f), t->s[3]);
}

static void one_that_failed_is_the_last_resort(void **state)
{
	struct full *t = *state;
	struct server *out;

	for (size_t i = 0; i < KINDS; i++) {
		set_kind(t, all_kinds[i]);
		for (unsigned n = 0; n < 20; n++) {
			assert_int_equal(choose(t, t->s[1], &out), CHOICE_SERVER);
			assert_ptr_not_equal(out, t->s[1]);
			server_leave(&t->f.gateway, out);
		}
	}
	fill(t->s[0]);
	fill(t->s[2]);
	fill(t->s[3]);
	for (size_t i = 0; i < KINDS; i++) {
		set_kind(t, all_kinds[i]);
		assert_int_equal(choose(t, t->s[1], &out), CHOICE_SERVER);
		assert_ptr_equal(out, t->s[1]);
		server_leave(&t->f.gateway, out);
	}
}

static void a_hash_avoids_the_one_that_failed(void **state)
{
	struct full *t = *state;
	struct server *failed, *out;

	for (unsigned consistent = 0; consistent < 2; consistent++) {
		t->f.proxy.backend.balance.consistent = consistent;
		set_kind(t, BALANCE_URI);
		failed = hashed(t);
		for (unsigned n = 0; n < 5; n++) {
			assert_int_equal(choose(t, failed, &out), CHOICE_SERVER);
			assert_ptr_not_equal(out, failed);
			server_leave(&t->f.gateway, out);
		}
	}
	for (unsigned i = 0; i < 4; i++) {
		if (t->s[i] != failed)
			server_set_admin(&t->f.gateway, t->s[i], SERVER_MAINT, 0);
	}
	assert_int_equal(choose(t, failed, &out), CHOICE_SERVER);
	assert_ptr_equal(out, failed); /* there is no other */
	server_leave(&t->f.gateway, out);
}

/* As in HAProxy, also with "option redispatch". */
static void a_hash_waits_for_its_server(void **state)
{
	struct full *t = *state;
	struct server *own, *out;

	t->f.proxy.redispatch = true;
	for (unsigned consistent = 0; consistent < 2; consistent++) {
		t->f.proxy.backend.balance.consistent = consistent;
		set_kind(t, BALANCE_URI);
		own = hashed(t);
		fill(own);
		assert_int_equal(choose(t, NULL, &out), CHOICE_QUEUE);
		assert_ptr_equal(out, own);
		server_leave(&t->f.gateway, own);
		server_leave(&t->f.gateway, own);
	}
}

static void a_hash_goes_elsewhere_when_the_queue_is_full(void **state)
{
	struct full *t = *state;
	struct waiter w[2] = { { .loop = t->f.workers[0].loop }, { .loop = t->f.workers[0].loop } };
	struct server *own, *out;
	unsigned before;

	set_kind(t, BALANCE_URI);
	own = hashed(t);
	own->o.maxqueue = 2;
	fill(own);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(choose(t, NULL, &out), CHOICE_QUEUE);
		assert_ptr_equal(out, own);
		w[i].wanted = own;
		assert_true(queue_wait(&t->f.proxy, &w[i], &before));
		assert_int_equal(before, i);
	}
	assert_int_equal(choose(t, NULL, &out), CHOICE_SERVER);
	assert_ptr_not_equal(out, own);
	for (unsigned i = 0; i < 4; i++)
		fill(t->s[i]);
	assert_int_equal(choose(t, NULL, &out), CHOICE_QUEUE);
	assert_null(out);
	assert_true(queue_leave(&t->f.proxy, &w[0]));
	assert_true(queue_leave(&t->f.proxy, &w[1]));
}

/* leastconn waits for a server as long as "maxqueue" allows, for the shortest line. */
static void leastconn_queues_up_to_maxqueue(void **state)
{
	struct full *t = *state;
	struct waiter w = { .loop = t->f.workers[0].loop };
	struct server *out;
	unsigned before;

	for (unsigned i = 0; i < 4; i++) {
		fill(t->s[i]);
		t->s[i]->o.maxqueue = i < 2 ? 1 : 0;
	}
	set_kind(t, BALANCE_LEASTCONN);
	assert_int_equal(choose(t, NULL, &out), CHOICE_QUEUE);
	assert_true(out == t->s[0] || out == t->s[1]);
	w.wanted = out;
	assert_true(queue_wait(&t->f.proxy, &w, &before));
	assert_int_equal(choose(t, NULL, &out), CHOICE_QUEUE);
	assert_ptr_equal(out, w.wanted == t->s[0] ? t->s[1] : t->s[0]);
	out->o.maxqueue = 0;
	assert_int_equal(choose(t, NULL, &out), CHOICE_QUEUE);
	assert_null(out);
	assert_true(queue_leave(&t->f.proxy, &w));
}

/* hash-balance-factor 150: of 8 that all want the same server, none gets more than 1.5 times its 2. */
static void a_bounded_hash_shares_out(void **state)
{
	static const enum balance_kind kinds[] = { BALANCE_URI, BALANCE_RANDOM };
	struct full *t = *state;
	struct server *out, *own;

	t->f.proxy.backend.balance.consistent = true;
	t->f.proxy.backend.balance.hash_factor = 150;
	for (size_t k = 0; k < 2; k++) {
		for (unsigned i = 0; i < 4; i++)
			server_set_maxconn(&t->f.gateway, t->s[i], 0);
		set_kind(t, kinds[k]);
		own = farm_pick(&t->f);
		for (unsigned n = 0; n < 8; n++)
			assert_int_equal(choose(t, NULL, &out), CHOICE_SERVER);
		for (unsigned i = 0; i < 4; i++)
			assert_in_range(atomic_load(&t->s[i]->served), 0, 3);
		if (kinds[k] == BALANCE_URI)
			assert_int_equal(atomic_load(&own->served), 3);
		for (unsigned i = 0; i < 4; i++) {
			while (atomic_load(&t->s[i]->served) > 0)
				server_leave(&t->f.gateway, t->s[i]);
		}
	}
}

/* Nobody waits for one server while load is to be shared: for any. */
static void a_bounded_hash_waits_for_any(void **state)
{
	struct full *t = *state;
	struct server *out;

	t->f.proxy.backend.balance.consistent = true;
	t->f.proxy.backend.balance.hash_factor = 1000;
	set_kind(t, BALANCE_URI);
	for (unsigned n = 0; n < 8; n++)
		assert_int_equal(choose(t, NULL, &out), CHOICE_SERVER);
	assert_int_equal(choose(t, NULL, &out), CHOICE_QUEUE);
	assert_null(out);
}

/* A place that is free belongs to who waits longest, not to who comes by. */
static void nobody_goes_past_the_queue(void **state)
{
	struct full *t = *state;
	struct waiter any = { .loop = t->f.workers[0].loop }, one = { .loop = t->f.workers[0].loop, .wanted = t->s[0] };
	struct server *out;
	unsigned before;

	for (unsigned i = 0; i < 4; i++)
		fill(t->s[i]);
	assert_true(queue_wait(&t->f.proxy, &one, &before));
	assert_true(queue_waits_for(t->s[0]));
	assert_false(queue_waits_for(t->s[1]));
	atomic_fetch_sub(&t->s[0]->served, 1); /* a place given back, and not yet offered */
	assert_int_equal(choose(t, NULL, &out), CHOICE_QUEUE);
	atomic_fetch_sub(&t->s[1]->served, 1); /* one that nobody waits for */
	assert_int_equal(choose(t, NULL, &out), CHOICE_SERVER);
	assert_ptr_equal(out, t->s[1]);
	atomic_fetch_add(&t->s[0]->served, 1);
	assert_true(queue_leave(&t->f.proxy, &one));
	assert_true(queue_wait(&t->f.proxy, &any, &before));
	atomic_fetch_sub(&t->s[1]->served, 1);
	assert_int_equal(choose(t, NULL, &out), CHOICE_QUEUE);
	assert_true(queue_leave(&t->f.proxy, &any));
	assert_int_equal(choose(t, NULL, &out), CHOICE_SERVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(full_ones_are_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(turns_of_a_full_one_are_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(a_light_server_is_found_too, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_failed_is_the_last_resort, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hash_avoids_the_one_that_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hash_waits_for_its_server, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hash_goes_elsewhere_when_the_queue_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(leastconn_queues_up_to_maxqueue, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bounded_hash_shares_out, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bounded_hash_waits_for_any, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_goes_past_the_queue, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
