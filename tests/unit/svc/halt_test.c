/* halt_test.c - pauses end when they are over, or at once when asked to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/svc/halt.h"

static void a_pause_lasts(void **state)
{
	int64_t from_us = clock_mono_us();
	struct halt h;

	(void)state;
	halt_init(&h);
	assert_false(halt_asked(&h));
	assert_true(halt_pause(&h, 30));
	assert_true(clock_mono_us() - from_us >= 30000);
	assert_true(halt_pause(&h, 0));
	halt_destroy(&h);
}

static void *ask(void *arg)
{
	halt_ask(arg);
	return NULL;
}

static void asking_ends_a_pause(void **state)
{
	int64_t from_us = clock_mono_us();
	unsigned attempt = 0;
	pthread_t thread;
	struct halt h;

	(void)state;
	halt_init(&h);
	assert_int_equal(pthread_create(&thread, NULL, ask, &h), 0);
	assert_false(halt_pause(&h, 60999));
	assert_true(clock_mono_us() - from_us < 30000000);
	pthread_join(thread, NULL);
	assert_true(halt_asked(&h));
	assert_false(halt_pause(&h, 60000)); /* all later ones too */
	assert_false(halt_back_off(&h, &attempt, 60000));
	halt_destroy(&h);
}

static void backing_off_counts_attempts(void **state)
{
	unsigned attempt = 0;
	struct halt h;

	(void)state;
	halt_init(&h);
	assert_true(halt_back_off(&h, &attempt, 2));
	assert_true(halt_back_off(&h, &attempt, 2));
	assert_int_equal(attempt, 2);
	halt_destroy(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pause_lasts),
		cmocka_unit_test(asking_ends_a_pause),
		cmocka_unit_test(backing_off_counts_attempts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
