/* hist_test.c - the promised error over the whole range, quantiles, cumulative counts, threads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "shared/base/hist.h"

static void empty(void **state)
{
	struct hist *h = hist_create();

	(void)state;
	assert_int_equal(hist_count(h), 0);
	assert_int_equal(hist_sum_us(h), 0);
	assert_int_equal(hist_quantile_us(h, 0.5), 0);
	assert_int_equal(hist_count_below(h, INT64_MAX), 0);
	hist_free(&h);
	assert_null(h);
	hist_free(&h);
}

static void one_value_reads_back_within_a_sixteenth(void **state)
{
	(void)state;
	for (int64_t us = 0; us < (1 << 27); us += 1 + us / 50) {
		struct hist *h = hist_create();
		int64_t read, error;

		hist_add(h, us);
		read = hist_quantile_us(h, 0.5);
		error = read > us ? read - us : us - read;
		assert_true(error * 16 <= us);
		assert_int_equal(hist_count(h), 1);
		assert_int_equal(hist_sum_us(h), us);
		/* all of it is at or below twice the value, none below half of it */
		assert_int_equal(hist_count_below(h, 2 * us + 1), 1);
		assert_int_equal(hist_count_below(h, us / 2 - 1), 0);
		hist_free(&h);
	}
}

static void bucket_edges(void **state)
{
	(void)state;
	/* a power of two starts a bucket: the value before it is wholly below, it itself not */
	for (int64_t edge = 1; edge <= (1 << 26); edge *= 2) {
		struct hist *h = hist_create();

		hist_add(h, edge - 1);
		hist_add(h, edge);
		assert_int_equal(hist_count_below(h, edge - 1), 1);
		assert_int_equal(hist_count_below(h, edge + edge / 16), 2);
		hist_free(&h);
	}
}

static void outside_the_range(void **state)
{
	struct hist *h = hist_create();

	(void)state;
	hist_add(h, -5);
	hist_add(h, INT64_MIN);
	assert_int_equal(hist_sum_us(h), 0);
	assert_int_equal(hist_count_below(h, 0), 2);
	assert_int_equal(hist_count_below(h, -1), 0);
	hist_add(h, (int64_t)1 << 27);
	hist_add(h, INT64_MAX);
	assert_int_equal(hist_count(h), 4);
	assert_int_equal(hist_quantile_us(h, 1.0), 1 << 27);
	/* what is beyond the range counts as below "for ever" only */
	assert_int_equal(hist_count_below(h, INT64_MAX - 1), 2);
	assert_int_equal(hist_count_below(h, INT64_MAX), 4);
	hist_free(&h);
}

static void quantiles_of_an_even_spread(void **state)
{
	static const double quantiles[] = { 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0 };
	struct hist *h = hist_create();

	(void)state;
	for (int64_t us = 1; us <= 100000; us++)
		hist_add(h, us);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		double exact = quantiles[i] * 100000, read = (double)hist_quantile_us(h, quantiles[i]);

		assert_true(read >= exact * 15 / 16 && read <= exact * 17 / 16);
	}
	assert_int_equal(hist_quantile_us(h, 0), 1);
	assert_int_equal(hist_sum_us(h), (int64_t)100000 * 100001 / 2);
	hist_free(&h);
}

static void a_quantile_is_of_ranks_not_of_values(void **state)
{
	struct hist *h = hist_create();

	(void)state;
	for (int i = 0; i < 99; i++)
		hist_add(h, 1);
	hist_add(h, 10);
	assert_int_equal(hist_quantile_us(h, 0.5), 1);
	assert_int_equal(hist_quantile_us(h, 0.99), 1);
	assert_int_equal(hist_quantile_us(h, 0.991), 10);
	assert_int_equal(hist_quantile_us(h, 1.0), 10);
	hist_free(&h);
}

static void counts_below_are_cumulative(void **state)
{
	struct hist *h = hist_create();
	uint64_t last = 0;

	(void)state;
	for (int64_t us = 1; us <= 100000; us++)
		hist_add(h, us);
	for (int64_t us = 0; us < 200000; us += 7) {
		uint64_t n = hist_count_below(h, us), exact = us < 100000 ? (uint64_t)us : 100000;
		uint64_t error = n > exact ? n - exact : exact - n;

		assert_true(n >= last);
		last = n;
		/* values evenly spread, as is assumed inside a bucket: only the one at the end is cut */
		assert_true(us < 98304 ? error <= 1 : error * 16 <= exact);
	}
	assert_int_equal(last, 100000);
	hist_free(&h);
}

enum { THREADS = 4, EACH = 50000 };

static void *add_many(void *arg)
{
	for (int i = 0; i < EACH; i++)
		hist_add(arg, i % 1000);
	return NULL;
}

static void threads_lose_nothing(void **state)
{
	struct hist *h = hist_create();
	pthread_t threads[THREADS];
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, h), 0);
	for (int i = 0; i < 1000; i++) { /* reading meanwhile */
		uint64_t n = hist_count_below(h, INT64_MAX);

		assert_true(n >= last);
		last = n;
		assert_in_range(hist_quantile_us(h, 0.5), 0, 1024);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(hist_count(h), THREADS * EACH);
	assert_int_equal(hist_sum_us(h), (uint64_t)THREADS * (EACH / 1000) * (999 * 1000 / 2));
	hist_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(one_value_reads_back_within_a_sixteenth),
		cmocka_unit_test(bucket_edges),
		cmocka_unit_test(outside_the_range),
		cmocka_unit_test(quantiles_of_an_even_spread),
		cmocka_unit_test(a_quantile_is_of_ranks_not_of_values),
		cmocka_unit_test(counts_below_are_cumulative),
		cmocka_unit_test(threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
