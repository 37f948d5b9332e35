/* total_test.c - counts, rates and times of all workers added up. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/admin/total.h"
#include "gateway/session/worker.h"

#define WORKERS 3

static struct tally tallies[WORKERS];
static struct worker workers[WORKERS];
static const struct gateway gateway = { .workers = workers, .worker_count = WORKERS };
static const struct total all = { &gateway, TOTAL_SERVER, 0 };

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKERS; i++) {
		tallies[i] = (struct tally){ .total = hist_create(), .response = hist_create() };
		workers[i].servers = &tallies[i];
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKERS; i++) {
		hist_free(&tallies[i].total);
		hist_free(&tallies[i].response);
	}
	return 0;
}

static void adds_counts(void **state)
{
	(void)state;
	tallies[0].requests = 1;
	tallies[2].requests = 10;
	assert_int_equal(TOTAL(&all, requests), 11);
	assert_int_equal(TOTAL(&all, retries), 0);
}

static void adds_rates(void **state)
{
	(void)state;
	tally_rate_add(&tallies[0].session_rate, 5000, 3);
	tally_rate_add(&tallies[1].session_rate, 5000, 4);
	assert_int_equal(TOTAL_RATE(&all, session_rate, 5000), 7);
	tally_rate_add(&tallies[0].session_rate, 6000, 1);
	assert_int_equal(TOTAL_RATE_MOST(&all, session_rate), 7);
	assert_int_equal(total_idle_s(&all, 8000), 2);
}

static void finds_parts_of_all_times(void **state)
{
	size_t field = offsetof(struct tally, total);

	(void)state;
	assert_int_equal(total_quantile_us(&all, field, 0.5), 0);
	hist_add(tallies[0].total, 10);
	assert_int_equal(total_quantile_us(&all, field, 0.5), 10);
	assert_int_equal(total_quantile_us(&all, field, 0.99), 10);
	/* 99 of 100 are short, in one worker; the last is in another. */
	for (int i = 0; i < 98; i++)
		hist_add(tallies[1].total, 12);
	hist_add(tallies[2].total, 1000000);
	assert_int_equal(total_quantile_us(&all, field, 0.5), 12);
	assert_int_equal(total_quantile_us(&all, field, 0.99), 12);
	assert_in_range(total_quantile_us(&all, field, 1.0), 1000000, 1000000 + 1000000 / 16);
	assert_in_range(total_longest_us(&all, field), 1000000 - 1000000 / 16, 1000000 + 1000000 / 16);
	assert_int_equal(total_below(&all, field, 12), 99);
	assert_int_equal(total_sum_us(&all, field), 10 + 98 * 12 + 1000000);
}

static void durations_beyond_the_histogram_end_there(void **state)
{
	(void)state;
	hist_add(tallies[0].response, INT64_C(1) << 40);
	assert_int_equal(total_quantile_us(&all, offsetof(struct tally, response), 0.5), INT64_C(1) << 27);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(adds_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(adds_rates, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_parts_of_all_times, setup, teardown),
		cmocka_unit_test_setup_teardown(durations_beyond_the_histogram_end_there, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
