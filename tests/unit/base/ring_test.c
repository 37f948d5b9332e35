/* ring_test.c - order, bounds, waiting, closing, and many threads at once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/base/ring.h"
#include "tests/unit/support/process.h"

static void first_in_first_out(void **state)
{
	struct ring *r = ring_create(3);
	int items[10];

	(void)state;
	for (int round = 0; round < 4; round++) { /* around the end several times */
		assert_true(ring_push(r, &items[0]));
		assert_true(ring_push(r, &items[1]));
		assert_int_equal(ring_count(r), 2);
		assert_ptr_equal(ring_pop(r, 0), &items[0]);
		assert_true(ring_push(r, &items[2]));
		assert_ptr_equal(ring_pop(r, 0), &items[1]);
		assert_ptr_equal(ring_pop(r, -1), &items[2]);
		assert_int_equal(ring_count(r), 0);
	}
	ring_free(&r);
	assert_null(r);
	ring_free(&r);
}

static void full_refuses_at_once(void **state)
{
	struct ring *r = ring_create(2);
	int item;

	(void)state;
	assert_true(ring_push(r, &item));
	assert_true(ring_push(r, &item));
	assert_false(ring_push(r, &item));
	assert_int_equal(ring_count(r), 2);
	ring_pop(r, 0);
	assert_true(ring_push(r, &item));
	ring_pop(r, 0);
	ring_pop(r, 0);
	ring_free(&r);
}

static void empty_waits_as_long_as_told(void **state)
{
	struct ring *r = ring_create(1);
	int64_t start = clock_mono_us();

	(void)state;
	assert_null(ring_pop(r, 0));
	assert_null(ring_pop(r, 30));
	assert_in_range(clock_mono_us() - start, 30000, 5000000);
	ring_free(&r);
}

static void closed_drains_and_refuses(void **state)
{
	struct ring *r = ring_create(4);
	int items[2];

	(void)state;
	assert_true(ring_push(r, &items[0]));
	assert_true(ring_push(r, &items[1]));
	ring_close(r);
	ring_close(r); /* twice is once */
	assert_false(ring_push(r, &items[0]));
	assert_ptr_equal(ring_pop(r, -1), &items[0]);
	assert_ptr_equal(ring_pop(r, 1000), &items[1]);
	assert_null(ring_pop(r, -1)); /* closed and empty: does not wait */
	assert_null(ring_pop(r, 100000));
	ring_free(&r);
}

static void *pop_one(void *arg)
{
	return ring_pop(arg, -1);
}

static void a_push_wakes_a_waiting_thread(void **state)
{
	int item;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct ring *r = ring_create(1);
		pthread_t thread;
		void *got;

		assert_int_equal(pthread_create(&thread, NULL, pop_one, r), 0);
		assert_true(ring_push(r, &item));
		pthread_join(thread, &got);
		assert_ptr_equal(got, &item);
		ring_free(&r);
	}
}

static void closing_wakes_all(void **state)
{
	struct ring *r = ring_create(1);
	pthread_t threads[4];
	void *got;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, pop_one, r), 0);
	ring_close(r);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &got);
		assert_null(got);
	}
	ring_free(&r);
}

enum { PUSHERS = 3, POPPERS = 3, EACH = 5000 };

struct crowd {
	struct ring *ring;
	int seen[PUSHERS * EACH]; /* how often each item came out: written by whoever popped it */
	int next_pusher;
	int popped;
};

static void *push_many(void *arg)
{
	struct crowd *c = arg;
	int pusher = __atomic_fetch_add(&c->next_pusher, 1, __ATOMIC_RELAXED);

	for (int i = 0; i < EACH; i++) {
		while (!ring_push(c->ring, &c->seen[pusher * EACH + i]))
			sched_yield(); /* full: the poppers' turn */
	}
	return NULL;
}

/* Pops until closed; checks that what came from one pusher comes in its order. */
static void *pop_many(void *arg)
{
	struct crowd *c = arg;
	long last[PUSHERS];
	int *item;

	for (int i = 0; i < PUSHERS; i++)
		last[i] = -1;
	while ((item = ring_pop(c->ring, -1)) != NULL) {
		long at = item - c->seen;

		if (at % EACH <= last[at / EACH])
			abort(); /* an assert of cmocka belongs to the main thread */
		last[at / EACH] = at % EACH;
		(*item)++;
		__atomic_fetch_add(&c->popped, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void a_crowd_loses_and_doubles_nothing(void **state)
{
	struct crowd *c = calloc(1, sizeof(*c));
	pthread_t pushers[PUSHERS], poppers[POPPERS];

	(void)state;
	assert_non_null(c);
	c->ring = ring_create(7);
	for (int i = 0; i < PUSHERS; i++)
		assert_int_equal(pthread_create(&pushers[i], NULL, push_many, c), 0);
	for (int i = 0; i < POPPERS; i++)
		assert_int_equal(pthread_create(&poppers[i], NULL, pop_many, c), 0);
	for (int i = 0; i < PUSHERS; i++)
		pthread_join(pushers[i], NULL);
	ring_close(c->ring);
	for (int i = 0; i < POPPERS; i++)
		pthread_join(poppers[i], NULL);
	assert_int_equal(c->popped, PUSHERS * EACH);
	for (int i = 0; i < PUSHERS * EACH; i++)
		assert_int_equal(c->seen[i], 1);
	ring_free(&c->ring);
	free(c);
}

static void create_empty(void *arg)
{
	(void)arg;
	ring_create(0);
}

static void create_huge(void *arg)
{
	(void)arg;
	ring_create(SIZE_MAX / 32);
}

static void push_nothing(void *arg)
{
	(void)arg;
	ring_push(ring_create(1), NULL);
}

static void free_full(void *arg)
{
	struct ring *r = ring_create(1);

	ring_push(r, &arg);
	ring_free(&r);
}

static void misuse_and_no_memory_end_the_process(void **state)
{
	(void)state;
	assert_true(dies(create_empty, NULL));
	assert_true(dies(create_huge, NULL));
	assert_true(dies(push_nothing, NULL));
	assert_true(dies(free_full, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),
		cmocka_unit_test(full_refuses_at_once),
		cmocka_unit_test(empty_waits_as_long_as_told),
		cmocka_unit_test(closed_drains_and_refuses),
		cmocka_unit_test(a_push_wakes_a_waiting_thread),
		cmocka_unit_test(closing_wakes_all),
		cmocka_unit_test(a_crowd_loses_and_doubles_nothing),
		cmocka_unit_test(misuse_and_no_memory_end_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
