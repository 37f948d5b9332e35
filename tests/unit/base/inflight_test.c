/* inflight_test.c - work under way is counted, and its end is waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/base/inflight.h"

static void nothing_is_not_waited_for(void **state)
{
	struct inflight f;

	(void)state;
	inflight_init(&f);
	assert_true(inflight_wait(&f, 0));
	inflight_enter(&f);
	inflight_enter(&f);
	assert_false(inflight_wait(&f, clock_mono_us() + 1000));
	inflight_leave(&f);
	assert_false(inflight_wait(&f, 0));
	inflight_leave(&f);
	assert_true(inflight_wait(&f, 0));
	inflight_destroy(&f);
}

enum { THREADS = 4, ROUNDS = 2000 };

static void *come_and_go(void *arg)
{
	struct inflight *f = arg;

	for (int i = 0; i < ROUNDS; i++) {
		inflight_enter(f);
		inflight_leave(f);
	}
	inflight_leave(f); /* what the test entered for this thread */
	return NULL;
}

static void the_last_one_wakes_who_waits(void **state)
{
	struct inflight f;
	pthread_t threads[THREADS];

	(void)state;
	inflight_init(&f);
	for (int i = 0; i < THREADS; i++)
		inflight_enter(&f);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &f), 0);
	assert_true(inflight_wait(&f, clock_mono_us() + 60 * INT64_C(1000000)));
	assert_int_equal(atomic_load(&f.count), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	inflight_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_not_waited_for),
		cmocka_unit_test(the_last_one_wakes_who_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
