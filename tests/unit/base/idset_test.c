/* idset_test.c - a set against a plain table of what must be in it. */
#include "shared/base/idset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define RANGE 5000

static void test_zero_and_extremes(void **state)
{
	static const uint64_t ids[] = { 0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63 };
	struct idset *s = idset_create();

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_false(idset_has(s, ids[i]));
		idset_remove(s, ids[i]);
		assert_int_equal(idset_count(s), i);
		idset_add(s, ids[i]);
		idset_add(s, ids[i]);
		assert_true(idset_has(s, ids[i]));
		assert_int_equal(idset_count(s), i + 1);
	}
	for (size_t i = 0; i < 5; i++) {
		idset_remove(s, ids[i]);
		assert_false(idset_has(s, ids[i]));
		assert_int_equal(idset_count(s), 4 - i);
	}
	idset_free(&s);
	assert_null(s);
	idset_free(&s);
}

/* Versions are consecutive, jump, and are removed from the front: what the relay does. */
static void test_queue_of_versions(void **state)
{
	const uint64_t base = UINT64_C(1769900000000000);
	struct idset *s = idset_create();

	(void)state;
	for (uint64_t i = 0; i < 100000; i++) {
		idset_add(s, base + i);
		if (i >= 700)
			idset_remove(s, base + i - 700);
		assert_false(idset_has(s, base + i + 1));
	}
	assert_int_equal(idset_count(s), 700);
	for (uint64_t i = 0; i < 100000; i++)
		assert_int_equal(idset_has(s, base + i), i >= 99300);
	idset_free(&s);
}

/* Adds and removes at random, first few and then many distinct values, so that probes run into each other and wrap around. */
static void test_against_a_table(void **state)
{
	static bool in[RANGE];
	struct idset *s = idset_create();
	size_t count = 0;

	(void)state;
	srand(7);
	for (int step = 0; step < 400000; step++) {
		size_t k = (size_t)rand() % (step < 200000 ? 400 : RANGE);
		uint64_t id = k;
		bool add = rand() % 5 < 3;

		count += add && !in[k];
		count -= !add && in[k];
		in[k] = add;
		if (add)
			idset_add(s, id);
		else
			idset_remove(s, id);
		assert_int_equal(idset_count(s), count);
	}
	for (size_t k = 0; k < RANGE; k++)
		assert_int_equal(idset_has(s, k), in[k]);
	idset_free(&s);
}

static void test_clear(void **state)
{
	struct idset *s = idset_create();

	(void)state;
	for (int round = 0; round < 3; round++) {
		uint64_t ids = round == 1 ? 10000 : 20;

		for (uint64_t i = 0; i < ids; i++)
			idset_add(s, i);
		assert_int_equal(idset_count(s), ids);
		idset_clear(s);
		assert_int_equal(idset_count(s), 0);
		for (uint64_t i = 0; i < ids; i++)
			assert_false(idset_has(s, i));
	}
	idset_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zero_and_extremes),
		cmocka_unit_test(test_queue_of_versions),
		cmocka_unit_test(test_against_a_table),
		cmocka_unit_test(test_clear),
	};

	return cmocka_run_group_tests_name("idset", tests, NULL, NULL);
}
