/* cond_test.c - waits end at a signal, or when their time is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/base/cond.h"

struct door {
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool open;
};

static void door_create(struct door *d)
{
	pthread_mutex_init(&d->lock, NULL);
	cond_create(&d->opened);
	d->open = false;
	pthread_mutex_lock(&d->lock);
}

static void door_destroy(struct door *d)
{
	pthread_mutex_unlock(&d->lock);
	pthread_cond_destroy(&d->opened);
	pthread_mutex_destroy(&d->lock);
}

static void a_wait_lasts(void **state)
{
	int64_t until_us = clock_mono_us() + 30000;
	struct door d;

	(void)state;
	door_create(&d);
	while (cond_wait_until(&d.opened, &d.lock, until_us))
		assert_true(clock_mono_us() < until_us); /* a wake-up without a signal */
	assert_true(clock_mono_us() >= until_us);
	assert_false(cond_wait_until(&d.opened, &d.lock, until_us)); /* over already */
	assert_false(cond_wait_until(&d.opened, &d.lock, 0));
	door_destroy(&d);
}

static void *open_door(void *arg)
{
	struct door *d = arg;

	pthread_mutex_lock(&d->lock);
	d->open = true;
	pthread_cond_signal(&d->opened);
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

static void signal_ends(int64_t until_us)
{
	pthread_t thread;
	struct door d;

	door_create(&d);
	assert_int_equal(pthread_create(&thread, NULL, open_door, &d), 0);
	while (!d.open)
		assert_true(cond_wait_until(&d.opened, &d.lock, until_us));
	pthread_mutex_unlock(&d.lock);
	pthread_join(thread, NULL);
	pthread_mutex_lock(&d.lock);
	door_destroy(&d);
}

static void a_signal_ends_a_wait(void **state)
{
	(void)state;
	signal_ends(clock_mono_us() + 60000000);
	signal_ends(COND_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_lasts),
		cmocka_unit_test(a_signal_ends_a_wait),
	};

	return cmocka_run_group_tests_name("cond", tests, NULL, NULL);
}
