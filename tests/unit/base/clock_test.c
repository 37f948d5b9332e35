/* clock_test.c - time never runs backward, ids have their form and are unique, backoff stays in its bounds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/base/clock.h"

static void the_clocks_run(void **state)
{
	int64_t last = clock_mono_us(), wall = clock_wall_us(), end = last + 2000;

	(void)state;
	assert_true(last > 0);
	assert_in_range(wall / 1000000, time(NULL) - 2, time(NULL) + 2);
	while (last < end) {
		int64_t now = clock_mono_us();

		assert_true(now >= last);
		last = now;
	}
	assert_true(last >= end);
}

static void time_left(void **state)
{
	int64_t now = clock_mono_us();

	(void)state;
	assert_int_equal(clock_left_ms(now), 0);
	assert_int_equal(clock_left_ms(now - 5000000), 0);
	assert_int_equal(clock_left_ms(INT64_MIN), 0);
	assert_in_range(clock_left_ms(now + 60000000), 50000, 60000);
	assert_int_equal(clock_left_ms(INT64_MAX), INT_MAX);
	/* rounded up: as long as the deadline is ahead the answer is not 0 */
	for (int64_t deadline = clock_mono_us() + 3000;;) {
		int left = clock_left_ms(deadline);

		if (left == 0) {
			assert_true(clock_mono_us() >= deadline);
			break;
		}
		assert_in_range(left, 1, 3);
	}
}

static void assert_iso(int64_t wall_us, const char *expected)
{
	char text[CLOCK_ISO_LEN + 1];

	clock_iso(wall_us, text);
	assert_string_equal(text, expected);
	assert_int_equal(strlen(text), CLOCK_ISO_LEN);
}

static void iso_times(void **state)
{
	(void)state;
	assert_iso(0, "1970-01-01T00:00:00.000000Z");
	assert_iso(1, "1970-01-01T00:00:00.000001Z");
	assert_iso(-1, "1969-12-31T23:59:59.999999Z");
	assert_iso(-1000000, "1969-12-31T23:59:59.000000Z");
	assert_iso(1769903999123456, "2026-01-31T23:59:59.123456Z");
	assert_iso(951782400000000, "2000-02-29T00:00:00.000000Z");
	assert_iso(INT64_MAX, "9999-12-31T23:59:59.999999Z");
	assert_iso(INT64_MIN, "0000-01-01T00:00:00.000000Z");
}

static void uuids_have_the_form(void **state)
{
	(void)state;
	for (int round = 0; round < 100; round++) { /* most of it is random */
		char id[CLOCK_UUID_LEN + 1];

		clock_uuid7(id);
		assert_int_equal(strlen(id), CLOCK_UUID_LEN);
		for (int i = 0; i < CLOCK_UUID_LEN; i++) {
			if (i == 8 || i == 13 || i == 18 || i == 23)
				assert_int_equal(id[i], '-');
			else
				assert_non_null(strchr("0123456789abcdef", id[i]));
		}
		assert_int_equal(id[14], '7');
		assert_non_null(strchr("89ab", id[19]));
	}
}

/* The first 48 bits of a UUID version 7: milliseconds. */
static int64_t uuid_ms(const char *id)
{
	char digits[13];

	memcpy(digits, id, 8);
	memcpy(digits + 8, id + 9, 4);
	digits[12] = '\0';
	return strtoll(digits, NULL, 16);
}

static void uuids_carry_the_time(void **state)
{
	int64_t before = clock_wall_us() / 1000, after;
	char id[CLOCK_UUID_LEN + 1];

	(void)state;
	clock_uuid7(id);
	after = clock_wall_us() / 1000;
	assert_in_range(uuid_ms(id), before, after);
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, CLOCK_UUID_LEN);
}

static void uuids_are_unique_and_sort_by_time(void **state)
{
	enum { COUNT = 20000 };
	char(*ids)[CLOCK_UUID_LEN + 1] = calloc(COUNT, sizeof(*ids));

	(void)state;
	assert_non_null(ids);
	for (int i = 0; i < COUNT; i++) {
		clock_uuid7(ids[i]);
		if (i > 0 && uuid_ms(ids[i]) > uuid_ms(ids[i - 1]))
			assert_true(strcmp(ids[i], ids[i - 1]) > 0);
	}
	qsort(ids, COUNT, sizeof(*ids), compare_ids);
	for (int i = 1; i < COUNT; i++)
		assert_string_not_equal(ids[i], ids[i - 1]);
	free(ids);
}

static void random_numbers_differ_in_every_bit(void **state)
{
	uint64_t ones = 0, zeros = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t n = clock_random();

		ones |= n;
		zeros |= ~n;
	}
	assert_true(ones == UINT64_MAX);
	assert_true(zeros == UINT64_MAX);
}

static void backoff_doubles_up_to_its_maximum(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		assert_in_range(clock_backoff_ms(0, 1000), 25, 50);
		assert_in_range(clock_backoff_ms(1, 1000), 50, 100);
		assert_in_range(clock_backoff_ms(4, 1000), 400, 800);
		assert_in_range(clock_backoff_ms(5, 1000), 500, 1000);
		assert_in_range(clock_backoff_ms(UINT_MAX, 1000), 500, 1000);
		assert_in_range(clock_backoff_ms(0, 10), 5, 10);
		assert_in_range(clock_backoff_ms(3, 1), 0, 1);
		assert_in_range(clock_backoff_ms(UINT_MAX, INT_MAX), 50 << 19, INT_MAX);
	}
	assert_int_equal(clock_backoff_ms(3, 0), 0);
	assert_int_equal(clock_backoff_ms(3, -5), 0);
}

static void backoff_is_spread(void **state)
{
	int least = INT_MAX, most = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int ms = clock_backoff_ms(10, 1000);

		least = ms < least ? ms : least;
		most = ms > most ? ms : most;
	}
	assert_in_range(least, 500, 550);
	assert_in_range(most, 950, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clocks_run),
		cmocka_unit_test(time_left),
		cmocka_unit_test(iso_times),
		cmocka_unit_test(uuids_have_the_form),
		cmocka_unit_test(uuids_carry_the_time),
		cmocka_unit_test(uuids_are_unique_and_sort_by_time),
		cmocka_unit_test(random_numbers_differ_in_every_bit),
		cmocka_unit_test(backoff_doubles_up_to_its_maximum),
		cmocka_unit_test(backoff_is_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
