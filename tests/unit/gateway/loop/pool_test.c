/* pool_test.c - taking and giving back, the bound of idle objects, statistics from another thread, and no memory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/loop/pool.h"
#include "tests/unit/support/process.h"

#ifdef TEST_ASAN
#define KEEPS_IDLE 0 /* each object is its own malloc and is freed at once */
#else
#define KEEPS_IDLE 1
#endif

enum { MANY = 5000 };

/* Takes <n> objects into <objects> and fills each with its own pattern. */
static void take_filled(struct pool *p, unsigned char **objects, int n, size_t size)
{
	for (int i = 0; i < n; i++) {
		objects[i] = pool_take(p);
		assert_non_null(objects[i]);
		assert_int_equal((uintptr_t)objects[i] % 16, 0);
		memset(objects[i], i % 251, size);
	}
}

/* Checks the patterns, so that overlapping objects are seen, and gives all back. */
static void give_checked(struct pool *p, unsigned char **objects, int n, size_t size)
{
	for (int i = 0; i < n; i++) {
		size_t same = 0;

		while (same < size && objects[i][same] == i % 251)
			same++;
		assert_int_equal(same, size);
		pool_give(p, objects[i]);
	}
}

static void objects_are_apart_and_used_again(void **state)
{
	const size_t sizes[] = { 1, 8, 16, 17, 100, 1000, 16384, 65520, 65521, 200000 };
	const size_t bounds[] = { 0, 7 };
	unsigned char *objects[100];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t b = 0; b < 2; b++) {
			struct pool *p = pool_create("some", sizes[i], bounds[b]);

			for (int round = 0; round < 3; round++) {
				take_filled(p, objects, 100, sizes[i]);
				assert_int_equal(pool_stats(p).used, 100);
				give_checked(p, objects, 100, sizes[i]);
				assert_int_equal(pool_stats(p).used, 0);
			}
			pool_free(&p);
			assert_null(p);
			pool_free(&p);
		}
	}
}

static void the_last_given_is_taken_first(void **state)
{
	struct pool *p = pool_create("warm", 64, 0);
	void *a = pool_take(p), *b = pool_take(p), *c = pool_take(p);

	(void)state;
	pool_give(p, b);
	pool_give(p, a);
	if (KEEPS_IDLE) {
		assert_ptr_equal(pool_take(p), a);
		assert_ptr_equal(pool_take(p), b);
		pool_give(p, b);
		pool_give(p, a);
	}
	pool_give(p, c);
	pool_free(&p);
}

static void without_a_bound_everything_is_kept(void **state)
{
	struct pool *p = pool_create("all", 100, 0);
	unsigned char **objects = calloc(MANY, sizeof(*objects));
	struct pool_stats peak, after;

	(void)state;
	assert_non_null(objects);
	assert_int_equal(pool_stats(p).idle, 0); /* nothing is taken from the system beforehand */
	take_filled(p, objects, MANY, 100);
	peak = pool_stats(p);
	assert_int_equal(peak.used, MANY);
	assert_true(peak.idle < 65536 / 112);
	give_checked(p, objects, MANY, 100);
	after = pool_stats(p);
	assert_int_equal(after.used, 0);
	assert_int_equal(after.idle, KEEPS_IDLE ? MANY + peak.idle : 0);
	take_filled(p, objects, MANY, 100); /* from what is there */
	assert_int_equal(pool_stats(p).idle, peak.idle);
	give_checked(p, objects, MANY, 100);
	pool_free(&p);
	free(objects);
}

static void with_a_bound_a_peak_is_given_back(void **state)
{
	struct pool *p = pool_create("few", 100, 10);
	unsigned char *objects[50];

	(void)state;
	take_filled(p, objects, 50, 100);
	assert_int_equal(pool_stats(p).idle, 0);
	give_checked(p, objects, 9, 100);
	assert_int_equal(pool_stats(p).idle, KEEPS_IDLE ? 9 : 0);
	for (int i = 9; i < 50; i++)
		pool_give(p, objects[i]);
	assert_int_equal(pool_stats(p).used, 0);
	assert_int_equal(pool_stats(p).idle, KEEPS_IDLE ? 10 : 0);
	take_filled(p, objects, 4, 100);
	assert_int_equal(pool_stats(p).idle, KEEPS_IDLE ? 6 : 0);
	give_checked(p, objects, 4, 100);
	pool_free(&p);
}

static void statistics_name_the_pool(void **state)
{
	struct pool *p = pool_create("sessions", 17, 3);
	struct pool_stats s = pool_stats(p);

	(void)state;
	assert_string_equal(s.name, "sessions");
	assert_int_equal(s.size, 17);
	assert_int_equal(s.used, 0);
	assert_int_equal(s.idle, 0);
	pool_free(&p);
}

static void no_memory_is_null(void **state)
{
	const size_t bounds[] = { 0, 1 };

	(void)state;
	for (size_t b = 0; b < 2; b++) {
		struct pool *p = pool_create("huge", SIZE_MAX / 4, bounds[b]);

		assert_null(pool_take(p));
		assert_int_equal(pool_stats(p).used, 0);
		assert_int_equal(pool_stats(p).idle, 0);
		pool_free(&p);
	}
}

struct watcher {
	struct pool *pool;
	atomic_bool stop;
	atomic_int looks;
};

static void *watch_stats(void *arg)
{
	struct watcher *w = arg;

	while (!atomic_load(&w->stop)) {
		if (pool_stats(w->pool).used > 20)
			abort(); /* an assert of cmocka belongs to the main thread */
		atomic_fetch_add(&w->looks, 1);
		sched_yield();
	}
	return NULL;
}

static void statistics_are_read_by_another_thread(void **state)
{
	struct watcher w = { .pool = pool_create("watched", 32, 5) };
	unsigned char *objects[20];
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, watch_stats, &w), 0);
	while (atomic_load(&w.looks) < 100) {
		take_filled(w.pool, objects, 20, 32);
		give_checked(w.pool, objects, 20, 32);
	}
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	pool_free(&w.pool);
}

static void create_empty(void *arg)
{
	(void)arg;
	pool_create("empty", 0, 0);
}

static void free_used(void *arg)
{
	struct pool *p = pool_create("used", 16, 0);

	(void)arg;
	pool_take(p);
	pool_free(&p);
}

static void give_nothing(void *arg)
{
	struct pool *p = pool_create("used", 16, 0);

	(void)arg;
	pool_take(p);
	pool_give(p, NULL);
}

static void give_too_many(void *arg)
{
	struct pool *p = pool_create("used", 16, 0);

	pool_give(p, arg);
}

#ifdef TEST_ASAN
static void use_after_give(void *arg)
{
	struct pool *p = pool_create("used", 16, 0);
	volatile char *object = pool_take(p);

	(void)arg;
	pool_give(p, (void *)object);
	*object = 1;
}
#endif

static void misuse_ends_the_process(void **state)
{
	char object[16];

	(void)state;
	assert_true(dies(create_empty, NULL));
	assert_true(dies(free_used, NULL));
	assert_true(dies(give_nothing, NULL));
	assert_true(dies(give_too_many, object));
#ifdef TEST_ASAN
	assert_true(dies(use_after_give, NULL));
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_apart_and_used_again),
		cmocka_unit_test(the_last_given_is_taken_first),
		cmocka_unit_test(without_a_bound_everything_is_kept),
		cmocka_unit_test(with_a_bound_a_peak_is_given_back),
		cmocka_unit_test(statistics_name_the_pool),
		cmocka_unit_test(no_memory_is_null),
		cmocka_unit_test(statistics_are_read_by_another_thread),
		cmocka_unit_test(misuse_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
