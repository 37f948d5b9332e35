/* stick_table_test.c - who is found, who stays and who goes; and many threads at once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "gateway/table/stick_table.h"
#include "tests/unit/gateway/support/samples.h"
#include "tests/unit/support/process.h"

static struct stick_table *table(unsigned size, int expire_ms, bool nopurge)
{
	struct stick_options o = { .name = SLICE("t"), .type = STICK_INTEGER, .size = size, .expire_ms = expire_ms, .nopurge = nopurge };

	o.stored[STICK_GPC0] = o.stored[STICK_HTTP_REQ_RATE] = true;
	o.period_ms[STICK_HTTP_REQ_RATE] = 1000;
	return stick_table_create(&o);
}

static struct stick_entry *track(struct stick_table *t, int key, int64_t now_ms)
{
	struct sample s = sample_of_number(key);

	return stick_track(t, &s, now_ms);
}

/* Tracks for a moment and counts one; false when it could not be tracked. */
static bool touch(struct stick_table *t, int key, int64_t now_ms)
{
	struct stick_entry *e = track(t, key, now_ms);

	if (e == NULL)
		return false;
	stick_add(t, e, STICK_GPC0, 1, now_ms);
	stick_release(t, &e, now_ms);
	assert_null(e);
	return true;
}

/* The count of a key, or -1 when it is not there. */
static int64_t value(struct stick_table *t, int key, int64_t now_ms)
{
	struct sample s = sample_of_number(key);
	struct stick_entry *e = stick_find(t, &s, now_ms);
	int64_t n;

	if (e == NULL)
		return -1;
	n = (int64_t)stick_get(t, e, STICK_GPC0, now_ms);
	stick_release(t, &e, now_ms);
	return n;
}

static void counts_by_key(void **state)
{
	struct stick_table *t = table(10, 0, false);

	(void)state;
	assert_int_equal(stick_table_used(t), 0);
	assert_int_equal(value(t, 1, 0), -1);
	for (int i = 0; i < 3; i++)
		assert_true(touch(t, 1, 1000));
	assert_true(touch(t, 2, 1000));
	assert_int_equal(value(t, 1, 1000), 3);
	assert_int_equal(value(t, 2, 1000), 1);
	assert_int_equal(value(t, 3, 1000), -1);
	assert_int_equal(value(t, 1, INT64_C(1) << 50), 3); /* without expire it never ends */
	assert_int_equal(stick_table_used(t), 2);
	assert_int_equal(stick_table_options(t)->size, 10);
	stick_table_free(&t);
	assert_null(t);
	stick_table_free(&t);
}

static void its_time_begins_with_each_use(void **state)
{
	struct stick_table *t = table(10, 100, false);
	struct stick_entry *e;

	(void)state;
	touch(t, 1, 1000);
	touch(t, 1, 1090);
	assert_int_equal(value(t, 1, 1189), 2); /* looking does not prolong it */
	assert_int_equal(value(t, 1, 1190), -1);
	touch(t, 1, 1200);
	assert_int_equal(value(t, 1, 1200), 1); /* it began anew */
	assert_int_equal(stick_table_used(t), 1);
	e = track(t, 1, 1250);
	assert_int_equal(value(t, 1, 5000), 1); /* in use it does not end */
	assert_int_equal(stick_table_expire(t, 5000), 0);
	stick_release(t, &e, 5000);
	assert_int_equal(value(t, 1, 5099), 1);
	assert_int_equal(value(t, 1, 5100), -1);
	stick_table_free(&t);
}

/* A clock that a slower thread read a little earlier does not shorten anything. */
static void an_earlier_clock_is_no_harm(void **state)
{
	struct stick_table *t = table(10, 100, false);

	(void)state;
	touch(t, 1, 1000);
	touch(t, 1, 950);
	assert_int_equal(value(t, 1, 1099), 2);
	assert_int_equal(value(t, 1, 1100), -1);
	stick_table_free(&t);
}

static void the_swept_give_their_places_back(void **state)
{
	struct stick_table *t = table(1000, 100, false);

	(void)state;
	for (int i = 0; i < 900; i++)
		touch(t, i, 1000 + i / 100);
	assert_int_equal(stick_table_used(t), 900);
	assert_int_equal(stick_table_expire(t, 1099), 0);
	assert_int_equal(stick_table_expire(t, 1100), 100); /* the first hundred only */
	assert_int_equal(stick_table_used(t), 800);
	assert_int_equal(stick_table_expire(t, 1200), 256); /* a part at a time */
	while (stick_table_expire(t, 1200) > 0)
		;
	assert_int_equal(stick_table_used(t), 0);
	stick_table_free(&t);
}

static void requests_sweep_too(void **state)
{
	struct stick_table *t = table(1000, 100, false);

	(void)state;
	for (int i = 0; i < 40; i++)
		touch(t, i, 1000);
	for (int i = 0; i < 10; i++)
		touch(t, 100, 2000);
	assert_int_equal(stick_table_used(t), 1);
	stick_table_free(&t);
}

static void full_the_oldest_goes(void **state)
{
	struct stick_table *t = table(3, 0, false);

	(void)state;
	for (int i = 1; i <= 3; i++)
		touch(t, i, i);
	touch(t, 1, 4);
	touch(t, 4, 5);
	assert_int_equal(value(t, 2, 6), -1);
	assert_int_equal(value(t, 1, 6), 2);
	assert_int_equal(value(t, 3, 6), 1);
	assert_int_equal(value(t, 4, 6), 1);
	assert_int_equal(stick_table_used(t), 3);
	stick_table_free(&t);
}

static void one_is_a_size(void **state)
{
	struct stick_table *t = table(1, 0, false);
	struct stick_entry *e, *again;

	(void)state;
	assert_non_null(e = track(t, 1, 1));
	assert_null(track(t, 2, 2)); /* in use: nothing may go */
	assert_non_null(again = track(t, 1, 3));
	assert_ptr_equal(e, again);
	stick_release(t, &e, 4);
	assert_null(track(t, 2, 5));
	stick_release(t, &again, 6);
	assert_true(touch(t, 2, 7));
	assert_int_equal(value(t, 1, 8), -1);
	assert_int_equal(value(t, 2, 8), 1);
	stick_table_free(&t);
}

/* Somebody who looks at an entry holds it, too. */
static void found_it_stays(void **state)
{
	struct stick_table *t = table(1, 100, false);
	struct sample s = sample_of_number(1);
	struct stick_entry *e;

	(void)state;
	touch(t, 1, 1000);
	assert_non_null(e = stick_find(t, &s, 1000));
	assert_false(touch(t, 2, 1000));
	assert_false(touch(t, 2, 3000));
	assert_int_equal(stick_table_expire(t, 3000), 0);
	assert_int_equal(stick_table_clear(t, &s, NULL, NULL), 0);
	assert_int_equal(value(t, 1, 3000), -1); /* over, but not gone */
	assert_true(touch(t, 1, 3000));
	assert_int_equal(value(t, 1, 3000), 1);
	stick_release(t, &e, 3000);
	assert_true(touch(t, 2, 3000));
	stick_table_free(&t);
}

static void with_nopurge_nothing_new_comes(void **state)
{
	struct stick_table *t = table(2, 100, true);

	(void)state;
	assert_true(touch(t, 1, 1000));
	assert_true(touch(t, 2, 1050));
	assert_false(touch(t, 3, 1099));
	assert_true(touch(t, 1, 1099)); /* who is in stays in */
	assert_true(touch(t, 3, 1150)); /* 2 is over */
	assert_int_equal(value(t, 2, 1150), -1);
	assert_int_equal(value(t, 1, 1150), 2);
	stick_table_free(&t);
}

static void large_tables_are_exact_too(void **state)
{
	struct stick_table *t = table(5000, 0, false);
	int found = 0;

	(void)state;
	for (int i = 0; i < 5000; i++)
		assert_true(touch(t, i, i));
	for (int i = 0; i < 5000; i++)
		assert_int_equal(value(t, i, 5000), 1);
	for (int i = 5000; i < 9000; i++)
		assert_true(touch(t, i, i));
	assert_int_equal(stick_table_used(t), 5000);
	for (int i = 0; i < 9000; i++)
		found += value(t, i, 9000) == 1;
	assert_int_equal(found, 5000);
	for (int i = 8000; i < 9000; i++) /* each shard's oldest went, so the last thousand are all there */
		assert_int_equal(value(t, i, 9000), 1);
	stick_table_free(&t);
}

static void huge_sizes_take_nothing_at_once(void **state)
{
	struct stick_table *t = table(UINT32_MAX, 0, false);

	(void)state;
	for (int i = 0; i < 1000; i++)
		touch(t, i, i);
	assert_int_equal(stick_table_used(t), 1000);
	stick_table_free(&t);
}

enum { THREADS = 4, ROUNDS = 4000, KEYS = 6 };

struct crowd {
	struct stick_table *table;
	_Atomic int64_t now_ms;
	_Atomic int counted[KEYS];
	_Atomic int next;
};

/* Counts keys, holds some of them meanwhile, and looks at others. */
static void *count_keys(void *arg)
{
	struct crowd *c = arg;
	unsigned x = (unsigned)atomic_fetch_add(&c->next, 1) * 7919 + 1;

	for (int i = 0; i < ROUNDS; i++) {
		int key;
		int64_t now_ms = atomic_load(&c->now_ms);
		struct stick_entry *e;

		x = x * 1103515245 + 12345;
		key = (int)(x >> 16) % KEYS;
		e = track(c->table, key, now_ms);
		if (e == NULL)
			abort(); /* an assert of cmocka belongs to the main thread */
		stick_add(c->table, e, STICK_GPC0, 1, now_ms);
		stick_add(c->table, e, STICK_HTTP_REQ_RATE, 1, now_ms);
		atomic_fetch_add(&c->counted[key], 1);
		value(c->table, (key + 1) % KEYS, now_ms);
		stick_release(c->table, &e, now_ms);
	}
	return NULL;
}

static void threads_lose_no_count(void **state)
{
	struct crowd c = { .table = table(KEYS, 0, false), .now_ms = 1000 };
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_keys, &c), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int key = 0; key < KEYS; key++) {
		struct stick_entry *e = track(c.table, key, 1000);

		assert_int_equal(stick_get(c.table, e, STICK_GPC0, 1000), c.counted[key]);
		assert_int_equal(stick_get(c.table, e, STICK_HTTP_REQ_RATE, 1999), c.counted[key]);
		stick_release(c.table, &e, 1000);
	}
	stick_table_free(&c.table);
}

/* All threads add the same keys at the same moment to a table that just holds them: whoever comes second needs no place. */
struct race {
	struct stick_table *table;
	pthread_barrier_t start;
};

static void *add_keys(void *arg)
{
	struct race *r = arg;

	pthread_barrier_wait(&r->start);
	for (int key = 0; key < KEYS; key++)
		touch(r->table, key, 1000);
	return NULL;
}

static void who_comes_second_needs_no_place(void **state)
{
	(void)state;
	for (int round = 0; round < 500; round++) {
		struct race r = { .table = table(KEYS, 0, false) };
		pthread_t threads[THREADS];

		pthread_barrier_init(&r.start, NULL, THREADS);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, add_keys, &r), 0);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		pthread_barrier_destroy(&r.start);
		for (int key = 0; key < KEYS; key++)
			assert_int_equal(value(r.table, key, 1000), THREADS);
		stick_table_free(&r.table);
	}
}

/* More keys than places, time passing, clearing and writing at the same time: nothing breaks and the bound holds. */
static void *churn(void *arg)
{
	struct crowd *c = arg;
	unsigned x = (unsigned)atomic_fetch_add(&c->next, 1) * 104729 + 1;

	for (int i = 0; i < ROUNDS; i++) {
		int64_t now_ms = atomic_fetch_add(&c->now_ms, 1);
		struct sample key;

		x = x * 1103515245 + 12345;
		touch(c->table, (int)(x >> 16) % 4000, now_ms);
		key = sample_of_number((int)(x >> 20) % 4000);
		if (i % 50 == 0)
			stick_table_clear(c->table, &key, NULL, NULL);
		if (i % 500 == 0)
			stick_table_clear(c->table, NULL, NULL, NULL);
		if (i % 200 == 0) {
			struct buf out;
			unsigned from = 0;

			buf_init(&out, 0);
			do
				from = stick_table_dump(c->table, from, 1000, NULL, NULL, now_ms, &out);
			while (from != 0);
			buf_free(&out);
			stick_table_expire(c->table, now_ms);
		}
		if (stick_table_used(c->table) > 1500)
			abort();
	}
	return NULL;
}

static void threads_at_the_bound(void **state)
{
	struct crowd c = { .table = table(1500, 500, false), .now_ms = 1000 };
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn, &c), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	stick_table_clear(c.table, NULL, NULL, NULL);
	assert_int_equal(stick_table_used(c.table), 0);
	stick_table_free(&c.table);
}

static void release_twice(void *arg)
{
	struct stick_table *t = table(1, 0, false);
	struct stick_entry *e = track(t, 1, 1), *again = e;

	(void)arg;
	stick_release(t, &e, 1);
	stick_release(t, &again, 1);
}

static void create_empty(void *arg)
{
	(void)arg;
	table(0, 0, false);
}

static void misuse_ends_the_process(void **state)
{
	(void)state;
	assert_true(dies(release_twice, NULL));
	assert_true(dies(create_empty, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_by_key),
		cmocka_unit_test(its_time_begins_with_each_use),
		cmocka_unit_test(an_earlier_clock_is_no_harm),
		cmocka_unit_test(the_swept_give_their_places_back),
		cmocka_unit_test(requests_sweep_too),
		cmocka_unit_test(full_the_oldest_goes),
		cmocka_unit_test(one_is_a_size),
		cmocka_unit_test(found_it_stays),
		cmocka_unit_test(with_nopurge_nothing_new_comes),
		cmocka_unit_test(large_tables_are_exact_too),
		cmocka_unit_test(huge_sizes_take_nothing_at_once),
		cmocka_unit_test(threads_lose_no_count),
		cmocka_unit_test(who_comes_second_needs_no_place),
		cmocka_unit_test(threads_at_the_bound),
		cmocka_unit_test(misuse_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
